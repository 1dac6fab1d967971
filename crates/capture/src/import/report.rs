//! What an import is told, and what it tells.

use crate::feed::LineOptions;
use leadline_domain::Timestamp;
use std::collections::BTreeMap;

/// Most refused lines that a report lists; all are counted, and all stay in the log.
pub const REFUSED_LISTED_MAX: usize = 1_000;

/// How an import is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How lines are taken.
    pub lines: LineOptions,
    /// Read and check every line, and change nothing.
    pub dry_run: bool,
}

/// A refused line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedLine {
    /// Its number; 1 is the first.
    pub line: u64,
    /// Stable code.
    pub code: String,
    /// What is wrong. Nothing personal.
    pub detail: String,
}

/// How far an import has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Lines handled.
    pub lines: u64,
    /// Lines refused.
    pub refused: u64,
    /// Bytes of the file read, as it lies on disk.
    pub bytes: u64,
}

/// What an import came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Identity of the run: derived from the file's hash.
    pub import: String,
    /// Lines read.
    pub lines: u64,
    /// Lines that had been handled by an earlier run of the same or another file.
    pub known: u64,
    /// Accepted lines, by command.
    pub accepted: BTreeMap<String, u64>,
    /// Accepted lines that changed nothing, by command.
    pub unchanged: BTreeMap<String, u64>,
    /// Refused lines in all.
    pub refused: u64,
    /// Refused lines, at most [`REFUSED_LISTED_MAX`] of them.
    pub refused_lines: Vec<RefusedLine>,
    /// Names registered at first sight, by catalogue.
    pub registered: BTreeMap<String, Vec<String>>,
    /// The latest instant read.
    pub last_at: Option<Timestamp>,
    /// The whole file had been imported before; nothing was done.
    pub repeated: bool,
}

impl Report {
    /// Counts an accepted line.
    pub(super) fn accept(&mut self, command: &str, changed: bool) {
        let mut counts = vec![&mut self.accepted];
        if !changed {
            counts.push(&mut self.unchanged);
        }
        for counts in counts {
            let count = counts.entry(command.to_owned()).or_insert(0);
            *count = count.saturating_add(1);
        }
    }

    /// Counts a refused line, and lists it while there is room.
    pub(super) fn refuse(&mut self, line: u64, code: &str, detail: String) {
        self.refused = self.refused.saturating_add(1);
        if self.refused_lines.len() < REFUSED_LISTED_MAX {
            self.refused_lines.push(RefusedLine { line, code: code.to_owned(), detail });
        }
    }
}
