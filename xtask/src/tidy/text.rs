//! Rules about the text of single files.

use super::File;
use std::collections::BTreeMap;
use std::path::Path;

/// Lines of a source file: beyond, it is split by concept.
const LINES_MAX: usize = 400;
/// Files that are longer than that, with the lines that they may have. They only get shorter.
const RATCHET: &str = "xtask/ratchet.txt";

/// What must not be in a source file, and what to do instead. In two parts, so that this file may hold it.
const BANNED: [(&str, &str, &str); 3] = [
    ("#[ign", "ore", "delete the test, or make it pass"),
    ("#[should_", "panic", "assert on the error's value"),
    ("to", "do!(", "write it"),
];
/// Marks that must not be in a comment.
const MARKS: [(&str, &str); 3] = [("TO", "DO"), ("FIX", "ME"), ("XX", "X")];
/// Beginnings of paths that mean something on one machine only.
const MACHINE_PATHS: [(&str, &str); 2] = [("/wo", "rk/"), ("/ro", "ot/")];

pub(super) fn complaints(files: &[File]) -> Vec<String> {
    let (mut complaints, ratchet) = ratchet(files);
    for file in files {
        if file.has_extension("rs") {
            complaints.extend(source(file, ratchet.get(&file.path.display().to_string())));
        }
        if file.has_extension("md") {
            complaints.extend(headings(file));
        }
        complaints.extend(machine_paths(file));
    }
    complaints
}

fn source(file: &File, ratchet: Option<&usize>) -> Vec<String> {
    let path = file.path.display();
    let mut complaints = Vec::new();
    if !file.text.starts_with("//!") {
        complaints.push(format!("{path}:1: the file must open with `//!` and what it is for"));
    }
    if file.path.file_name() == Some("mod.rs".as_ref()) {
        complaints.push(format!("{path}: name the file after its module, beside the folder"));
    }
    for (number, line) in numbered(&file.text) {
        for (first, rest, advice) in BANNED {
            let banned = format!("{first}{rest}");
            if line.contains(&banned) {
                complaints.push(format!("{path}:{number}: `{banned}` is banned: {advice}"));
            }
        }
        let comment = line.split_once("//").map(|(_, comment)| comment).unwrap_or_default();
        for (first, rest) in MARKS {
            let mark = format!("{first}{rest}");
            if words(comment).any(|word| word == mark) {
                complaints.push(format!("{path}:{number}: do it now, or leave `{mark}` out"));
            }
        }
    }
    let lines = file.text.lines().count();
    let most = ratchet.copied().unwrap_or(LINES_MAX).max(LINES_MAX);
    if lines > most {
        complaints.push(format!("{path}: {lines} lines, at most {most}: split it by concept"));
    }
    complaints
}

/// The ratchet's entries, and what is wrong with them.
fn ratchet(files: &[File]) -> (Vec<String>, BTreeMap<String, usize>) {
    let Some(list) = files.iter().find(|file| file.path == Path::new(RATCHET)) else {
        return (Vec::new(), BTreeMap::new());
    };
    let (mut complaints, mut entries) = (Vec::new(), BTreeMap::new());
    let sizes: BTreeMap<String, usize> = files
        .iter()
        .map(|file| (file.path.display().to_string(), file.text.lines().count()))
        .collect();
    for (number, line) in numbered(&list.text) {
        let entry =
            line.split_once(' ').and_then(|(path, lines)| Some((path, lines.parse().ok()?)));
        match entry {
            None => {
                complaints.push(format!("{RATCHET}:{number}: not a path and a number of lines"));
            }
            Some((path, _)) if sizes.get(path).is_none_or(|lines| *lines <= LINES_MAX) => {
                complaints
                    .push(format!("{RATCHET}:{number}: `{path}` is short now: delete the line"));
            }
            Some((path, lines)) => drop(entries.insert(path.to_owned(), lines)),
        }
    }
    (complaints, entries)
}

fn headings(file: &File) -> Option<String> {
    let mut fenced = false;
    let mut count = 0;
    for line in file.text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced && line.starts_with("# ") {
            count += 1;
        }
    }
    (count != 1).then(|| {
        format!("{}: {count} headings of the first level; a page has one", file.path.display())
    })
}

fn machine_paths(file: &File) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in numbered(&file.text) {
        for (first, rest) in MACHINE_PATHS {
            let start = format!("{first}{rest}");
            if line.contains(&start) {
                let path = file.path.display();
                complaints.push(format!("{path}:{number}: `{start}` is a path of one machine"));
            }
        }
    }
    complaints
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn a_tidy_repository_has_no_complaints() {
        let mark = MARKS[2].0.to_owned() + MARKS[2].1;
        let files = [
            file("src/a.rs", &format!("//! A.\nlet currency = \"{mark}\"; // For none.\n")),
            file("README.md", "# One\n```sh\n# a comment\n```\n## Two\n"),
        ];
        assert_eq!(complaints(&files), [""; 0]);
    }

    #[test]
    fn each_rule_names_the_place() {
        let mark = MARKS[1].0.to_owned() + MARKS[1].1;
        let banned = BANNED[0].0.to_owned() + BANNED[0].1;
        let machine = MACHINE_PATHS[0].0.to_owned() + MACHINE_PATHS[0].1;
        for (path, text, complaint) in [
            ("a.rs", "fn a() {}\n".to_owned(), "a.rs:1: the file must open".to_owned()),
            ("a/mod.rs", "//! A.\n".to_owned(), "a/mod.rs: name the file".to_owned()),
            ("a.rs", format!("//! A.\n// {mark}: later\n"), "a.rs:2: do it now".to_owned()),
            ("a.rs", format!("//! A.\n\n{banned}]\n"), format!("a.rs:3: `{banned}` is banned")),
            ("a.md", "# A\n# B\n".to_owned(), "a.md: 2 headings".to_owned()),
            ("a.md", "A\n".to_owned(), "a.md: 0 headings".to_owned()),
            ("a.toml", format!("x = \"{machine}x\"\n"), format!("a.toml:1: `{machine}`")),
            ("a.rs", "//! A.\n".repeat(401), "a.rs: 401 lines, at most 400".to_owned()),
        ] {
            let found = complaints(&[file(path, &text)]);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(&complaint), "{found:?}");
        }
    }

    #[test]
    fn the_ratchet_only_tightens() {
        let judge = |entry: &str, lines: usize| {
            complaints(&[file("a.rs", &"//! A.\n".repeat(lines)), file(RATCHET, entry)])
        };
        assert_eq!(judge("a.rs 450\n", 450), [""; 0]);
        assert_eq!(judge("a.rs 450\n", 451), ["a.rs: 451 lines, at most 450: split it by concept"]);
        for entry in ["a.rs 450\n", "b.rs 450\n", "a.rs\n", "a.rs many\n"] {
            assert_eq!(judge(entry, 400).len(), 1, "{entry}");
        }
    }
}
