//! Real data and the answers that a correct system gives, where they are at hand.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A set of real data.
#[derive(Debug)]
pub(crate) struct Set {
    folder: PathBuf,
}

impl Set {
    /// The set of this name; `None`, with a line that says so, where it is not at hand.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let shared = std::env::var_os("LEADLINE_SHARED")
            .map_or_else(|| super::root().join("../shared"), PathBuf::from);
        let folder = shared.join("data").join(name);
        if folder.is_dir() {
            return Some(Self { folder });
        }
        eprintln_skipped(name, &folder);
        None
    }

    /// A file of the set.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Its command feed.
    pub(crate) fn feed(&self) -> PathBuf {
        self.path("feed.jsonl.gz")
    }

    /// Its answers.
    pub(crate) fn oracle(&self) -> Value {
        let text = fs::read_to_string(self.path("oracle.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The rows of one of its CSV files, each by column.
    pub(crate) fn csv(&self, name: &str) -> Vec<Vec<(String, String)>> {
        let text = fs::read_to_string(self.path(name)).unwrap();
        let mut lines = text.trim_start_matches('\u{feff}').lines();
        let names = cells(lines.next().unwrap());
        lines
            .filter(|line| !line.is_empty())
            .map(|line| names.iter().cloned().zip(cells(line)).collect())
            .collect()
    }
}

#[expect(clippy::print_stderr, reason = "whoever runs the tests has to learn what was left out")]
fn eprintln_skipped(name: &str, folder: &Path) {
    eprintln!("skipped: the data set `{name}` is not at {}", folder.display());
}

/// A cell of a row.
pub(crate) fn cell<'a>(row: &'a [(String, String)], name: &str) -> &'a str {
    row.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str()).unwrap_or_default()
}

/// The cells of a line of CSV.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            other => cell.push(other),
        }
    }
    cells.push(cell);
    cells
}

/// The row of a table of a document whose column `name` is `value`.
pub(crate) fn row<'a>(document: &'a Value, table: &str, name: &str, value: &str) -> &'a Value {
    let rows = document[table].as_array().unwrap_or_else(|| panic!("no table {table}: {document}"));
    rows.iter()
        .find(|row| row[name] == value)
        .unwrap_or_else(|| panic!("no row with {name} = {value} in {table}: {rows:#?}"))
}

/// The rows of a table of a document.
pub(crate) fn rows<'a>(document: &'a Value, table: &str) -> &'a [Value] {
    document[table].as_array().unwrap_or_else(|| panic!("no table {table}: {document}"))
}

/// A whole number of a document.
pub(crate) fn whole(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("not a whole number: {value}"))
}

/// A number of a document that may have decimals; nothing where it is null.
pub(crate) fn decimals(value: &Value) -> Option<f64> {
    (!value.is_null()).then(|| value.as_f64().unwrap_or_else(|| panic!("not a number: {value}")))
}

/// Whether a number is the one that was rounded to so many decimals.
pub(crate) fn rounds_to(number: f64, rounded: f64, places: i32) -> bool {
    // Two roundings of the same number differ by at most one unit of the last place.
    (number - rounded).abs() <= 0.500_001 * 10_f64.powi(-places)
}

/// The entries of an object.
pub(crate) fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}")).iter()
}
