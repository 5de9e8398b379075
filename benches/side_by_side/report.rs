//! The results for people, as Markdown, and for programs, as JSON.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::machine::Machine;
use crate::measures::Bench;
use crate::results::{Cell, Column, Results};
use crate::targets::Target;

pub fn markdown(bench: &Bench, results: &Results, machine: &Machine, targets: &[Target]) -> String {
    let mut text = format!(
        "{}, {} CPUs, everything on one of them; {}; {}.\n\
         Medians of interleaved rounds in random order, with the quartiles.\n",
        machine.processor, machine.processors, machine.kernel, machine.date
    );
    let mut reasons: Vec<String> = Vec::new();
    for group in &results.groups {
        let headings: Vec<String> = group.columns.iter().map(Column::heading).collect();
        let _ = write!(text, "\n### {}\n\n| | {} |\n| --- |", group.title, headings.join(" | "));
        text.push_str(&" ---: |".repeat(headings.len()));
        text.push('\n');
        for subject in &bench.subjects {
            let cells: Vec<Option<&Cell>> =
                group.columns.iter().map(|column| results.get(column.key, &subject.name)).collect();
            if cells.iter().all(Option::is_none) {
                continue;
            }
            let _ = write!(text, "| {} |", subject.name);
            for (column, cell) in group.columns.iter().zip(cells) {
                let _ = match cell {
                    // The program alone has no such thing.
                    None => write!(text, " |"),
                    Some(Ok(figure)) => {
                        let median = number(figure.median, column.decimals);
                        let spread = match column.spread {
                            true => format!(
                                " ({}..{})",
                                number(figure.low, column.decimals),
                                number(figure.high, column.decimals)
                            ),
                            false => String::new(),
                        };
                        write!(text, " {median}{}{spread} |", figure.note)
                    }
                    Some(Err(reason)) => {
                        let reason = format!("{}: {reason}", subject.name);
                        let at = reasons.iter().position(|known| *known == reason).unwrap_or_else(|| {
                            reasons.push(reason);
                            reasons.len() - 1
                        });
                        write!(text, " – ({}) |", at + 1)
                    }
                };
            }
            text.push('\n');
        }
    }
    if !reasons.is_empty() {
        text.push('\n');
    }
    for (at, reason) in reasons.iter().enumerate() {
        let _ = writeln!(text, "({}) {reason}  ", at + 1);
    }
    if !targets.is_empty() {
        text.push_str("\n### Targets\n\n| | tini-rs | target | |\n| --- | ---: | ---: | --- |\n");
    }
    for target in targets {
        let value = target.value.map_or("–".to_owned(), |value| number(value, target.decimals));
        let met = match target.met {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "not measured",
        };
        let _ = writeln!(text, "| {} | {value} | {} | {met} |", target.what, target.wanted);
    }
    text
}

/// With separators between thousands.
pub fn number(value: f64, decimals: usize) -> String {
    let plain = format!("{value:.decimals$}");
    let (whole, rest) = plain.find('.').map_or((plain.as_str(), ""), |at| plain.split_at(at));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{rest}")
}

pub fn json(bench: &Bench, results: &Results, machine: &Machine, targets: &[Target]) -> String {
    let columns = || results.groups.iter().flat_map(|group| &group.columns);
    let mut inits = Map::new();
    for subject in &bench.subjects {
        let mut figures = Map::new();
        for column in columns() {
            let value = match results.get(column.key, &subject.name) {
                None => continue,
                Some(Ok(figure)) => json!({
                    "median": figure.median,
                    "quartiles": [figure.low, figure.high],
                    "samples": figure.samples,
                }),
                Some(Err(reason)) => json!({ "missing": reason }),
            };
            figures.insert(column.key.to_owned(), value);
        }
        inits.insert(subject.name.clone(), Value::Object(figures));
    }
    let named: Map<String, Value> =
        columns().map(|column| (column.key.to_owned(), column.heading().into())).collect();
    let targets: Vec<Value> = targets
        .iter()
        .map(|target| {
            json!({ "what": target.what, "value": target.value, "target": target.wanted, "met": target.met })
        })
        .collect();
    let whole = json!({
        "machine": {
            "processor": machine.processor,
            "processors": machine.processors,
            "pinned_to": machine.pinned_to,
            "kernel": machine.kernel,
            "date": machine.date,
        },
        "quick": bench.options.effort.quick,
        "columns": named,
        "inits": inits,
        "targets": targets,
    });
    format!("{whole:#}\n")
}
