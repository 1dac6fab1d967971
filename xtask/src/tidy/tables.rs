//! Lists that must match the code: refusal codes in the documentation, golden files of stored events.

use super::File;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The page that explains every refusal.
const PAGE: &str = "docs/errors.md";
/// Where refusals have their codes.
const REFUSALS: &str = "crates/domain/src";
/// One file for each stored event type and version.
const GOLDEN: &str = "crates/events/tests/golden";

pub(super) fn complaints(files: &[File]) -> Vec<String> {
    let mut complaints = missing_refusals(files);
    complaints.extend(missing_golden_files(files, leadline_events::codec::types()));
    complaints
}

/// Codes that the documentation does not have, as `` `code` ``.
fn missing_refusals(files: &[File]) -> Vec<String> {
    let sources = files.iter().filter(|file| file.path.starts_with(REFUSALS));
    let codes: BTreeSet<&str> = sources.flat_map(|file| codes(&file.text)).collect();
    if codes.is_empty() {
        return vec![format!("{REFUSALS}: no `fn code(&self)` with refusal codes was found")];
    }
    let page = files.iter().find(|file| file.path == Path::new(PAGE));
    let text = page.map(|page| page.text.as_str()).unwrap_or_default();
    codes
        .into_iter()
        .filter(|code| !text.contains(&format!("`{code}`")))
        .map(|code| format!("{PAGE}: the refusal `{code}` is not explained"))
        .collect()
}

/// The codes in a source file: what the arms of `fn code` give, the `code` fields of refusals and constants for them.
fn codes(source: &str) -> Vec<&str> {
    let mut codes = Vec::new();
    let mut within = false;
    for line in source.lines().map(str::trim) {
        if line.contains("#[cfg(test)]") {
            break;
        }
        within = match line {
            _ if line.contains("fn code(&self)") => true,
            _ if line.contains("fn ") => false,
            _ => within,
        };
        let quoted = match line.split_once("=> \"") {
            Some((_, rest)) if within => rest.strip_suffix("\","),
            _ => None,
        };
        let named =
            ["FieldsMissing { code: \"", "const CODE: &str = \""].iter().find_map(|start| {
                let (_, rest) = line.split_once(start)?;
                rest.split_once('"').map(|(code, _)| code)
            });
        codes.extend(quoted.or(named));
    }
    codes
}

fn missing_golden_files(
    files: &[File],
    types: impl Iterator<Item = (&'static str, u16)>,
) -> Vec<String> {
    let there: BTreeSet<&Path> = files.iter().map(|file| file.path.as_path()).collect();
    types
        .flat_map(|(name, current)| (1..=current).map(move |version| (name, version)))
        .map(|(name, version)| PathBuf::from(format!("{GOLDEN}/{name}.v{version}.json")))
        .filter(|path| !there.contains(path.as_path()))
        .map(|path| format!("{}: this golden file of a stored event is missing", path.display()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn every_refusal_is_explained() {
        let source = "impl R {\n pub const fn code(&self) -> &'static str {\n match self {\n\
            Self::A => \"a_b\",\n Self::M { code, .. } => code,\n }\n }\n fn detail() {\n x => \"no\",\n }\n\
            fn f() { Err(Refusal::FieldsMissing { code: \"c_required\", missing }) }\n";
        let refusals = file("crates/domain/src/refusal.rs", source);
        let page = file(PAGE, "# Errors\n| `a_b` | why |\n");
        assert_eq!(
            missing_refusals(&[refusals, page]),
            ["docs/errors.md: the refusal `c_required` is not explained"]
        );
        assert_eq!(missing_refusals(&[]).len(), 1);
    }

    #[test]
    fn every_version_of_a_stored_event_has_a_golden_file() {
        let one = file("crates/events/tests/golden/lead.captured.v1.json", "{}");
        assert_eq!(
            missing_golden_files(&[one], [("lead.captured", 2)].into_iter()),
            [
                "crates/events/tests/golden/lead.captured.v2.json: this golden file of a stored event is missing"
            ]
        );
    }
}
