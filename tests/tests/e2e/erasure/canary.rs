//! Marks by which a person's data is found wherever it stands, in whatever dress.

use std::fmt::Write as _;
use std::path::Path;

/// What is only ever said of the one person.
pub(super) const PERSON: [(&str, &str); 6] = [
    ("email", "Canary.Quillfeather@Zanzibar-Example.org"),
    ("phone", "+49 30 5550177 33"),
    ("first_name", "Quillfeather"),
    ("last_name", "Zanzibarova"),
    ("company", "Marmaladeworks Ltd"),
    ("street", "Parakeet Lane 77"),
];

/// What was noted of them.
pub(super) const NOTE: &str = "Prefers to be called at Tangerinedawn, after the parrots.";

/// Texts that must not be found, and the ways in which they could stand somewhere.
#[derive(Debug)]
pub(super) struct Canaries {
    /// Compared letter by letter, whatever their case.
    any_case: Dresses,
    exact: Dresses,
}

/// What is looked for, by its first two bytes, so that one pass finds any of it.
#[derive(Debug)]
struct Dresses(Vec<Vec<(&'static str, Vec<u8>)>>);

impl Dresses {
    fn new() -> Self {
        Self(vec![Vec::new(); 1 << 16])
    }

    fn add(&mut self, text: &'static str, dress: Vec<u8>) {
        let place = &mut self.0[usize::from(u16::from_be_bytes([dress[0], dress[1]]))];
        place.push((text, dress));
    }

    fn found_in(&self, bytes: &[u8]) -> Option<&'static str> {
        bytes.windows(2).enumerate().find_map(|(at, pair)| {
            let begun = &self.0[usize::from(u16::from_be_bytes([pair[0], pair[1]]))];
            begun.iter().find(|(_, dress)| bytes[at..].starts_with(dress)).map(|(text, _)| *text)
        })
    }
}

/// All of them: the fields, and one word of the note.
pub(super) fn canaries() -> Canaries {
    let fields = PERSON.iter().map(|(_, value)| *value);
    // A telephone number also as it is matched: without spaces.
    Canaries::of(fields.chain(["+49305550177", "Tangerinedawn"]))
}

impl Canaries {
    fn of(texts: impl IntoIterator<Item = &'static str>) -> Self {
        let (mut any_case, mut exact) = (Dresses::new(), Dresses::new());
        for text in texts {
            any_case.add(text, text.to_lowercase().into_bytes());
            for dressed in [text.to_owned(), text.to_lowercase(), text.to_uppercase()] {
                any_case.add(text, hex(&dressed));
                any_case.add(text, percent(&dressed).to_lowercase().into_bytes());
                exact.add(text, dressed.encode_utf16().flat_map(u16::to_le_bytes).collect());
                exact.add(text, dressed.encode_utf16().flat_map(u16::to_be_bytes).collect());
                for shift in 0..3 {
                    let encoded = base64(&dressed, shift);
                    let safe = encoded.iter().map(|letter| match letter {
                        b'+' => b'-',
                        b'/' => b'_',
                        other => *other,
                    });
                    exact.add(text, safe.collect());
                    exact.add(text, encoded);
                }
            }
        }
        Self { any_case, exact }
    }

    /// Fails where one of the texts stands in `bytes` in any dress.
    pub(super) fn are_not_in(&self, bytes: &[u8], place: &str) {
        let lower = bytes.to_ascii_lowercase();
        let found = self.any_case.found_in(&lower).or_else(|| self.exact.found_in(bytes));
        assert_eq!(found, None, "stands in {place}");
    }

    /// Fails where one of the texts stands in a file of the folder; how many files there are.
    pub(super) fn are_not_in_files(&self, folder: &Path) -> usize {
        let mut files = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files += self.are_not_in_files(&path);
            } else {
                self.are_not_in(&std::fs::read(&path).unwrap(), &path.display().to_string());
                files += 1;
            }
        }
        files
    }
}

fn hex(text: &str) -> Vec<u8> {
    let hex = text.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    hex.into_bytes()
}

/// As it stands in a URL.
fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut url, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            write!(url, "%{byte:02X}").unwrap();
        }
        url
    })
}

/// The letters that every base64 text shows which holds `text` after `shift` bytes of something else.
fn base64(text: &str, shift: usize) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = std::iter::repeat_n(0, shift).chain(text.bytes()).collect();
    let bit = |at: usize| bytes[at / 8] >> (7 - at % 8) & 1;
    // Letters that other bytes have a part in are left out.
    let (first, last) = ((shift * 8).div_ceil(6), bytes.len() * 8 / 6);
    let letter = |at: usize| (at * 6..at * 6 + 6).fold(0, |value, at| value << 1 | bit(at));
    (first..last).map(|at| LETTERS[usize::from(letter(at))]).collect()
}

#[test]
fn a_canary_is_found_in_every_dress() {
    let canary = Canaries::of(["Quillfeather"]);
    let shows =
        |bytes: &[u8]| std::panic::catch_unwind(|| canary.are_not_in(bytes, "here")).is_err();
    // base64 of "Quillfeather", "xQuillfeather" and "xyquillfeather".
    let texts =
        ["QUILLFEATHER", "eFF1aWxsZmVhdGhlcg==", "UXVpbGxmZWF0aGVy", "eHlxdWlsbGZlYXRoZXI="];
    for text in texts {
        assert!(shows(format!("before {text} after").as_bytes()), "{text}");
    }
    assert!(shows(b"5175696C6C66656174686572"));
    assert!(shows(&"xQuillfeather".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()));
    assert!(!shows(b"Quill feather"));
}
