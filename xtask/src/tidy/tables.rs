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

/// Codes that the documentation does not have, as `` `code` ``, and those that cannot be seen.
fn missing_refusals(files: &[File]) -> Vec<String> {
    let (mut codes, mut complaints) = (BTreeSet::new(), Vec::new());
    for file in files.iter().filter(|file| file.path.starts_with(REFUSALS)) {
        for code in codes_of(&file.text) {
            match code {
                Ok(code) => drop(codes.insert(code)),
                Err(near) => complaints.push(format!(
                    "{}: the code of a refusal is no literal near `{near}`; nothing could check that {PAGE} explains it",
                    file.path.display()
                )),
            }
        }
    }
    if codes.is_empty() {
        return vec![format!("{REFUSALS}: no `fn code(&self)` with refusal codes was found")];
    }
    let page = files.iter().find(|file| file.path == Path::new(PAGE));
    let text = page.map(|page| page.text.as_str()).unwrap_or_default();
    let unexplained = codes.into_iter().filter(|code| !text.contains(&format!("`{code}`")));
    complaints
        .extend(unexplained.map(|code| format!("{PAGE}: the refusal `{code}` is not explained")));
    complaints
}

/// The codes in a source file: what the arms of `fn code` give, and the `code` fields of refusals, which are literals
/// or the file's constant `CODE`. However lines are broken; what is neither is an error that shows the place.
fn codes_of(source: &str) -> Vec<Result<String, String>> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let source = source.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut codes = Vec::new();
    for body in source.split("fn code(&self)").skip(1) {
        let body = body.split(" fn ").next().unwrap_or_default();
        // `code` hands on what is in a field, which is looked at where it is made.
        let arms = body.split("=> ").skip(1).map(|arm| arm.trim_start_matches("{ "));
        codes.extend(arms.filter(|arm| !arm.starts_with("code,")).map(literal));
    }
    for made in source.split("FieldsMissing {").skip(1) {
        // A pattern, or the declaration.
        let field = made.split('}').next().unwrap_or_default().split_once("code: ");
        let Some((_, value)) = field.filter(|(_, value)| !value.starts_with('&')) else { continue };
        codes.push(match value.strip_prefix("CODE") {
            Some(_) => literal(source.split("const CODE: &str = ").nth(1).unwrap_or_default()),
            None => literal(value),
        });
    }
    codes
}

/// The string literal that `text` begins with; the beginning of `text` where there is none.
fn literal(text: &str) -> Result<String, String> {
    let quoted = text.strip_prefix('"').and_then(|rest| rest.split_once('"'));
    quoted.map(|(code, _)| code.to_owned()).ok_or_else(|| text.chars().take(40).collect())
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
            Self::A => \"a_b\",\n Self::Long { .. } => {\n \"in_a_block\"\n }\n Self::M { code, .. } => code,\n\
            }\n }\n fn detail() {\n x => \"no\",\n }\n\
            fn f() { Err(Refusal::FieldsMissing { code: \"c_required\", missing }) }\n\
            fn g() { Err(Refusal::FieldsMissing {\n code: \"over_lines\",\n missing,\n }) }\n\
            const CODE: &str = \"constant\";\n fn h() { Err(Refusal::FieldsMissing { code: CODE, missing }) }\n";
        let refusals = file("crates/domain/src/refusal.rs", source);
        let page = file(PAGE, "# Errors\n| `a_b` | why |\n");
        let missing = ["c_required", "constant", "in_a_block", "over_lines"];
        assert_eq!(
            missing_refusals(&[refusals, page]),
            missing.map(|code| format!("{PAGE}: the refusal `{code}` is not explained"))
        );
        let unseen = "fn code(&self) { A => \"a_b\", B => other(), }\n\
            fn f() { Err(Refusal::FieldsMissing { code: chosen, missing }) }\n";
        let page = file(PAGE, "`a_b`");
        let complaints = missing_refusals(&[file("crates/domain/src/refusal.rs", unseen), page]);
        assert_eq!(complaints.len(), 2, "{complaints:?}");
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
