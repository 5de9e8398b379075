//! What was measured: for each subject and each column a figure, or why there is none.

use std::collections::BTreeMap;

/// The median of what was seen, with the quartiles; or the mean, where the column says so.
#[derive(Clone, Copy)]
pub struct Figure {
    pub median: f64,
    pub low: f64,
    pub high: f64,
    pub samples: usize,
    /// Said after the number.
    pub note: &'static str,
}

impl Figure {
    pub fn exact(value: f64) -> Self {
        Self { median: value, low: value, high: value, samples: 1, note: "" }
    }

    /// Of at least one sample.
    pub fn of(mut samples: Vec<f64>) -> Result<Self, String> {
        samples.sort_by(f64::total_cmp);
        let last = samples.len().saturating_sub(1) as f64;
        let at = |place: f64| samples.get(place as usize).copied();
        match (at((last * 0.25).floor()), at((last * 0.5).round()), at((last * 0.75).ceil())) {
            (Some(low), Some(median), Some(high)) => {
                Ok(Self { median, low, high, samples: samples.len(), note: "" })
            }
            _ => Err("no round came to an end".to_owned()),
        }
    }

    /// With the mean in place of the median.
    pub fn mean_of(samples: Vec<f64>) -> Result<Self, String> {
        let mean = samples.iter().sum::<f64>() / samples.len() as f64;
        Ok(Self { median: mean, ..Self::of(samples)? })
    }
}

pub type Cell = Result<Figure, String>;

/// A measured quantity.
#[derive(Clone)]
pub struct Column {
    pub key: &'static str,
    pub title: String,
    pub unit: &'static str,
    pub decimals: usize,
    /// Whether the quartiles say anything.
    pub spread: bool,
}

impl Column {
    pub fn count(key: &'static str, title: impl Into<String>) -> Self {
        Self { key, title: title.into(), unit: "", decimals: 0, spread: false }
    }

    pub fn new(key: &'static str, title: impl Into<String>, unit: &'static str, decimals: usize) -> Self {
        Self { key, title: title.into(), unit, decimals, spread: false }
    }

    pub fn with_spread(mut self) -> Self {
        self.spread = true;
        self
    }

    pub fn heading(&self) -> String {
        if self.unit.is_empty() { self.title.clone() } else { format!("{}, {}", self.title, self.unit) }
    }
}

/// Columns that belong together, one table of the report.
pub struct Group {
    pub title: &'static str,
    pub columns: Vec<Column>,
}

#[derive(Default)]
pub struct Results {
    pub groups: Vec<Group>,
    cells: BTreeMap<(&'static str, String), Cell>,
}

impl Results {
    pub fn group(&mut self, title: &'static str, columns: Vec<Column>) {
        match self.groups.iter_mut().find(|group| group.title == title) {
            Some(group) => group.columns.extend(columns),
            None => self.groups.push(Group { title, columns }),
        }
    }

    pub fn set(&mut self, key: &'static str, subject: &str, cell: Cell) {
        self.cells.insert((key, subject.to_owned()), cell);
    }

    /// `None` where nothing was to be measured.
    pub fn get(&self, key: &'static str, subject: &str) -> Option<&Cell> {
        self.cells.get(&(key, subject.to_owned()))
    }

    pub fn median(&self, key: &'static str, subject: &str) -> Option<f64> {
        self.get(key, subject)?.as_ref().ok().map(|figure| figure.median)
    }

    pub fn column(&self, key: &str) -> Option<&Column> {
        self.groups.iter().flat_map(|group| &group.columns).find(|column| column.key == key)
    }
}
