//! The results to look at: bars, ours among them in another colour, and lines where it
//! matters how a figure grows.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::measures::Bench;
use crate::measures::orphans::KEYS;
use crate::report::number;
use crate::results::{Column, Results};
use crate::subjects::Kind;

const WIDTH: i32 = 760;
const MARGIN: i32 = 16;
const TITLE: i32 = 44;
const ROW: i32 = 26;
/// Where bars begin, right of the names.
const LEFT: i32 = 150;
/// What the values at the ends of the bars need.
const VALUES: i32 = 110;

const OURS: RGBColor = RGBColor(206, 66, 43);
const FLOOR: RGBColor = RGBColor(150, 160, 170);
const PEER: RGBColor = RGBColor(84, 125, 176);
const QUIET: RGBColor = RGBColor(101, 109, 118);
const TEXT: RGBColor = RGBColor(36, 41, 47);
const LINES: [RGBColor; 9] = [
    RGBColor(84, 125, 176),
    RGBColor(86, 156, 110),
    RGBColor(148, 103, 189),
    RGBColor(200, 140, 50),
    RGBColor(23, 160, 170),
    RGBColor(200, 100, 160),
    RGBColor(110, 110, 110),
    RGBColor(150, 110, 80),
    RGBColor(120, 150, 40),
];

const BARS: [&str; 12] = [
    "file",
    "start_up",
    "calls",
    "instructions",
    "faults",
    "private_many",
    "charged_many",
    "latency",
    "end",
    "crowded_end",
    "burst",
    KEYS[2][0],
];

/// Draws what was measured into the folder.
pub fn draw(bench: &Bench, results: &Results, folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for column in BARS.into_iter().filter_map(|key| results.column(key)) {
        let file = folder.join(column.key).with_extension("svg");
        bars(bench, results, column, &file).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    if results.column(KEYS[0][0]).is_some() {
        let lines = [
            (0, "Orphans collected in a second", "orphans_growth"),
            (1, "Init CPU per orphan, µs", "orphan_cpu_growth"),
        ];
        for (part, title, name) in lines {
            let file = folder.join(name).with_extension("svg");
            growth(bench, results, part, title, &file)
                .map_err(|error| format!("{}: {error}", file.display()))?;
        }
    }
    Ok(())
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// `size` is in pixels; plotters' SVG back end takes it for something larger.
fn text(size: i32, colour: &RGBColor, horizontal: HPos) -> TextStyle<'static> {
    ("sans-serif", f64::from(size) * 1.24).into_font().color(colour).pos(Pos::new(horizontal, VPos::Center))
}

fn bars(bench: &Bench, results: &Results, column: &Column, file: &Path) -> Drawn {
    let mut rows: Vec<(&str, Kind, f64)> = bench
        .subjects
        .iter()
        .filter_map(|subject| {
            Some((subject.name.as_str(), subject.kind, results.median(column.key, &subject.name)?))
        })
        .collect();
    rows.sort_by(|one, other| one.2.total_cmp(&other.2));
    let most = rows.iter().map(|row| row.2).fold(0.0, f64::max);
    let least = rows.iter().map(|row| row.2).filter(|value| *value > 0.0).fold(most, f64::min);
    let logarithmic = most > 20.0 * least;
    // On a logarithmic axis the shortest bar has a length too.
    let start = least / 2.0;
    let part = |value: f64| match logarithmic {
        _ if value <= 0.0 || most <= 0.0 => 0.0,
        true => (value / start).ln() / (most / start).ln(),
        false => value / most,
    };

    let height = TITLE + ROW * rows.len() as i32 + MARGIN;
    let root = SVGBackend::new(file, (WIDTH as u32, height as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut title = column.heading();
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let more = if column.key == KEYS[2][0] { "more is better" } else { "less is better" };
    let axis = if logarithmic { ", logarithmic" } else { "" };
    root.draw(&Text::new(title, (MARGIN, TITLE / 2), text(16, &TEXT, HPos::Left)))?;
    let note = format!("{more}{axis}");
    root.draw(&Text::new(note, (WIDTH - MARGIN, TITLE / 2), text(12, &QUIET, HPos::Right)))?;
    for (at, (name, kind, value)) in rows.into_iter().enumerate() {
        let middle = TITLE + ROW * at as i32 + ROW / 2;
        let colour = match kind {
            Kind::Ours => OURS,
            Kind::Floor | Kind::Alone => FLOOR,
            Kind::Peer => PEER,
        };
        let words = if kind == Kind::Ours { OURS } else { TEXT };
        let right = LEFT + (f64::from(WIDTH - LEFT - VALUES) * part(value)).round().max(1.0) as i32;
        let bar = [(LEFT, middle - 9), (right, middle + 9)];
        root.draw(&Rectangle::new(bar, colour.filled()))?;
        root.draw(&Text::new(name.to_owned(), (LEFT - 8, middle), text(14, &words, HPos::Right)))?;
        let value = number(value, column.decimals);
        root.draw(&Text::new(value, (right + 6, middle), text(14, &words, HPos::Left)))?;
    }
    root.present()?;
    Ok(())
}

/// One of the three figures per orphan, against the number of other living children.
fn growth(bench: &Bench, results: &Results, part: usize, title: &str, file: &Path) -> Drawn {
    const HEIGHT: i32 = 380;
    /// Where the names are, right of the lines.
    const NAMES: i32 = 150;
    // A logarithmic axis has no 0, nor what rounds to it.
    const LEAST: f64 = 0.01;
    let series: Vec<(&str, Kind, Vec<f64>)> = bench
        .inits()
        .filter_map(|init| {
            let values =
                KEYS.iter().map(|keys| results.median(keys[part], &init.name)).collect::<Option<Vec<_>>>()?;
            Some((init.name.as_str(), init.kind, values.into_iter().map(|value| value.max(LEAST)).collect()))
        })
        .collect();
    let all = || series.iter().flat_map(|(_, _, values)| values.iter().copied());
    let (least, most) = (all().fold(f64::MAX, f64::min), all().fold(LEAST, f64::max));
    if series.is_empty() {
        return Ok(());
    }
    let (bottom, top) = (10_f64.powf(least.log10().floor()), 10_f64.powf(most.log10().ceil()));

    let root = SVGBackend::new(file, (WIDTH as u32, HEIGHT as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    root.draw(&Text::new(title.to_owned(), (MARGIN, TITLE / 2), text(16, &TEXT, HPos::Left)))?;
    root.draw(&Text::new("logarithmic", (WIDTH - MARGIN, TITLE / 2), text(12, &QUIET, HPos::Right)))?;
    let (left, right, below) = (70, WIDTH - NAMES, HEIGHT - 50);
    let column = |at: usize| left + (right - left - 20) * at as i32 / (KEYS.len() as i32 - 1) + 10;
    let row = |value: f64| {
        below - (f64::from(below - TITLE) * (value / bottom).log10() / (top / bottom).log10()).round() as i32
    };
    let grid = RGBColor(225, 228, 232);
    let mut line = bottom;
    while line <= top * 1.01 {
        root.draw(&PathElement::new([(left, row(line)), (right, row(line))], grid.stroke_width(1)))?;
        let label = number(line, if line < 1.0 { 2 } else { 0 });
        root.draw(&Text::new(label, (left - 8, row(line)), text(12, &TEXT, HPos::Right)))?;
        line *= 10.0;
    }
    for (at, living) in bench.options.effort.living.iter().enumerate() {
        let label = number(*living as f64, 0);
        root.draw(&Text::new(label, (column(at), below + 14), text(12, &TEXT, HPos::Center)))?;
    }
    let axis = "other living children of the init";
    root.draw(&Text::new(axis, ((left + right) / 2, below + 34), text(13, &TEXT, HPos::Center)))?;

    // The names stand at the ends of their lines, as near as they have room.
    let mut order: Vec<usize> = (0..series.len()).collect();
    let end = |at: usize| series[at].2.last().map_or(below, |value| row(*value));
    order.sort_by_key(|&at| end(at));
    let mut free = TITLE;
    for (place, &at) in order.iter().enumerate() {
        let (name, kind, values) = &series[at];
        let colour = match kind {
            Kind::Ours => OURS,
            Kind::Floor => FLOOR,
            _ => LINES[at % LINES.len()],
        };
        let width = if *kind == Kind::Ours { 4 } else { 2 };
        let points: Vec<(i32, i32)> =
            values.iter().enumerate().map(|(at, value)| (column(at), row(*value))).collect();
        root.draw(&PathElement::new(points.clone(), colour.stroke_width(width)))?;
        for point in points {
            root.draw(&Circle::new(point, width + 1, colour.filled()))?;
        }
        // Room for those that come after.
        let last = below - 15 * (order.len() - place) as i32 + 15;
        let label = end(at).max(free).min(last);
        free = label + 15;
        root.draw(&Text::new((*name).to_owned(), (right + 8, label), text(13, &colour, HPos::Left)))?;
    }
    root.present()?;
    Ok(())
}
