//! Who may depend on whom: the table in `docs/ARCHITECTURE.md`, and what the manifests say.

use super::File;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The page whose table rules: lines of the form `one, other → third, fourth`, where `–` is nobody and `all` is
/// every other crate. Names are without their prefix.
const PAGE: &str = "docs/ARCHITECTURE.md";
/// What the names of the crates begin with.
const PREFIX: &str = "leadline-";

type Arrows = BTreeMap<String, BTreeSet<String>>;

pub(super) fn complaints(actual: &Arrows, files: &[File]) -> Vec<String> {
    let Some(page) = files.iter().find(|file| file.path == Path::new(PAGE)) else {
        return vec![format!("{PAGE} is missing: it has the table of who may depend on whom")];
    };
    let allowed = table(&page.text);
    if allowed.is_empty() {
        return vec![format!("{PAGE}: no line such as `events → domain, log`")];
    }
    let actual: Arrows = actual
        .iter()
        .map(|(name, needs)| (short(name), needs.iter().map(|need| short(need)).collect()))
        .collect();
    let mut complaints = Vec::new();
    for (name, needs) in &actual {
        let Some(allowed) = allowed.get(name) else {
            complaints.push(format!("{PAGE}: the table does not say what `{name}` may depend on"));
            continue;
        };
        if allowed.contains("all") {
            continue;
        }
        for need in needs.difference(allowed) {
            complaints.push(format!("{PAGE}: `{name}` must not depend on `{need}`"));
        }
    }
    let gone = allowed.keys().filter(|name| !actual.contains_key(*name));
    complaints
        .extend(gone.map(|name| format!("{PAGE}: the table has `{name}`, which is no crate")));
    complaints
}

fn short(name: &str) -> String {
    name.strip_prefix(PREFIX).unwrap_or(name).to_owned()
}

/// All arrows of the page's lines that have one between plain names.
fn table(page: &str) -> Arrows {
    let mut arrows = Arrows::new();
    for line in page.lines() {
        let Some((from, to)) = line.split_once('→') else { continue };
        let (Some(from), Some(to)) = (names(from), names(to)) else { continue };
        for name in from {
            arrows.entry(name).or_default().extend(to.iter().cloned());
        }
    }
    arrows
}

/// A list of plain names; `None` if it is prose.
fn names(list: &str) -> Option<BTreeSet<String>> {
    if list.trim() == "–" {
        return Some(BTreeSet::new());
    }
    list.split(',')
        .map(|name| {
            let name = name.trim();
            let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
            plain.then(|| name.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    const TABLE: &str = "# A\nwrites → reads, as prose has it.\n```\ndomain, log → –\nviews → domain\n\
                         leadline → all\n```\n";

    fn judge(page: &str, actual: &[(&str, &[&str])]) -> Vec<String> {
        let actual = actual
            .iter()
            .map(|(name, needs)| {
                ((*name).to_owned(), needs.iter().map(|need| (*need).to_owned()).collect())
            })
            .collect();
        complaints(&actual, &[file(PAGE, page)])
    }

    const TIDY: [(&str, &[&str]); 4] = [
        ("leadline", &["leadline-views", "leadline-log"]),
        ("leadline-domain", &[]),
        ("leadline-log", &[]),
        ("leadline-views", &["leadline-domain"]),
    ];

    #[test]
    fn allowed_arrows_pass() {
        assert_eq!(judge(TABLE, &TIDY), [""; 0]);
    }

    #[test]
    fn other_arrows_unknown_crates_and_missing_tables_do_not() {
        let mut crates = TIDY.to_vec();
        crates[1].1 = &["leadline-log"];
        crates.push(("xtask", &[]));
        crates.remove(3);
        assert_eq!(
            judge(TABLE, &crates),
            [
                "docs/ARCHITECTURE.md: `domain` must not depend on `log`",
                "docs/ARCHITECTURE.md: the table does not say what `xtask` may depend on",
                "docs/ARCHITECTURE.md: the table has `views`, which is no crate",
            ]
        );
        assert_eq!(judge("# Nothing", &TIDY).len(), 1);
        assert_eq!(complaints(&Arrows::new(), &[]).len(), 1);
    }
}
