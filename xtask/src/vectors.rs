//! `cargo xtask vectors FILE…`: acceptance cases against the rules.
#![expect(clippy::indexing_slicing, reason = "a JSON value has null where it has no such field")]

mod attribution;
mod json;
mod pipeline;
mod sla;

use crate::run::Error;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What a case expects and does not get.
type Mismatch = String;
/// A case and its result.
type Judged = (String, Result<(), Mismatch>);

/// Runs the cases of `files`, prints the failures, and counts on the last line; whether all passed.
///
/// # Errors
/// A file cannot be read or is not of the format.
pub(crate) fn report(files: &[PathBuf]) -> Result<bool, Error> {
    let (mut passed, mut failed) = (0_usize, 0_usize);
    for file in files {
        let attempt = || format!("run the cases of {}", file.display());
        let text =
            std::fs::read_to_string(file).map_err(|error| Error::failed(attempt(), error))?;
        for (case, result) in run(&text).map_err(|reason| Error::failed(attempt(), reason))? {
            match result {
                Ok(()) => passed += 1,
                Err(mismatch) => {
                    failed += 1;
                    println!("{}: {case} failed: {mismatch}", name(file));
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(failed == 0)
}

fn name(file: &Path) -> std::path::Display<'_> {
    Path::new(file.file_name().unwrap_or_default()).display()
}

/// Each case of a file with its result.
fn run(text: &str) -> Result<Vec<Judged>, String> {
    let file: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let cases = file["cases"].as_array().ok_or("there is no list of `cases`")?;
    let mut results: Vec<_> = cases
        .iter()
        .map(|case| {
            let id = case["id"].as_str().unwrap_or("a case without an id").to_owned();
            (id, judge(&file, case))
        })
        .collect();
    if !file["metrics"].is_null() {
        results.extend(sla::metrics(&file["metrics"]));
    }
    Ok(results)
}

/// Runs one case. Its input says what it is about.
fn judge(file: &Value, case: &Value) -> Result<(), Mismatch> {
    let input = &case["input"];
    if input["calendar"].is_string() {
        sla::judge(&file["calendars"], case)
    } else if input["model"].is_string() {
        attribution::judge(case)
    } else if case["query"]["metric"].is_string() {
        pipeline::judge(file, case)
    } else {
        Err("nothing here computes this".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_that_nothing_computes_fail_and_files_without_cases_are_refused() {
        let results =
            run(r#"{"cases": [{"id": "x-1", "query": {"metric": "luck"}}, {}]}"#).unwrap();
        let failure = |id: &str, reason: &str| (id.to_owned(), Err(reason.to_owned()));
        assert_eq!(
            results,
            [
                failure("x-1", "nothing here computes `luck`"),
                failure("a case without an id", "nothing here computes this"),
            ]
        );
        assert!(run("{}").is_err());
        assert!(run("no").is_err());
    }

    #[test]
    fn a_report_fails_with_any_case() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, due: &str| {
            let path = folder.path().join(name);
            let text = format!(
                r#"{{"calendars": {{"C": {{"tz": "UTC", "weekly": {{"mon": [["09:00", "17:00"]]}}, "holidays": []}}}},
                "cases": [{{"id": "c", "input": {{"calendar": "C", "start": "2026-06-08T09:00:00Z", "target_seconds": 60}},
                "expected": {{"due_at": "{due}"}}}}]}}"#
            );
            std::fs::write(&path, text).unwrap();
            path
        };
        let (right, wrong) = (file("a", "2026-06-08T09:01:00Z"), file("b", "2026-06-08T09:02:00Z"));
        assert!(report(std::slice::from_ref(&right)).unwrap());
        assert!(!report(&[right, wrong]).unwrap());
        assert!(report(&[folder.path().join("c")]).is_err());
    }
}
