//! Names that callers made up, as errors may repeat them.

/// Longest name that is repeated, in bytes.
const SHOWN_BYTES_MAX: usize = 64;

/// The beginning of `name` where it is a plain identifier; else a stand-in. What is none, such as an address or a
/// telephone number in the place of a name, may be personal.
pub fn shown(name: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let named = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if named && name.bytes().all(plain) {
        name.get(..SHOWN_BYTES_MAX).unwrap_or(name)
    } else {
        "(unprintable)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_identifier_is_repeated_and_nothing_else() {
        for name in ["emial", "MarkMQ", "utm_source", "utm-source", "_x1"] {
            assert_eq!(shown(name), name);
        }
        for name in
            ["", "4915112345678", "ada@example.org", "Ada.Lovelace", "drop table", "é", "-x", "a\n"]
        {
            assert_eq!(shown(name), "(unprintable)", "{name}");
        }
        assert_eq!(shown(&"x".repeat(64)).len(), 64);
        assert_eq!(shown(&"x".repeat(65)), "x".repeat(64));
    }
}
