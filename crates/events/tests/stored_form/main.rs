//! The stored form of every event is frozen: one file per type and version holds a full and a minimal example, which
//! today's software must write byte for byte and read back. A file is written once, by the first run of a new type,
//! and never again.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod examples;

use examples::{EITHER, Example, examples};
use leadline_events::codec::{current_version, types};
use leadline_events::{Decoded, Encoded, decode, encode};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A golden file.
#[derive(Deserialize)]
struct Golden<'a> {
    #[serde(borrow)]
    full: &'a RawValue,
    #[serde(borrow)]
    minimal: &'a RawValue,
}

fn encoded(example: &Decoded) -> Encoded {
    match example {
        Decoded::Known(event) => encode(event),
        Decoded::Record(record) => record.encode(),
        Decoded::Unknown => panic!("there are no examples of unknown events"),
    }
}

fn file(event_type: &str, schema_version: u16) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format!("{event_type}.v{schema_version}.json"))
}

fn text(full: &Encoded, minimal: &Encoded) -> String {
    let json = |encoded: &Encoded| String::from_utf8(encoded.data.to_vec()).unwrap();
    format!("{{\n\"full\": {},\n\"minimal\": {}\n}}\n", json(full), json(minimal))
}

#[test]
fn the_stored_form_of_every_event_is_frozen() {
    let mut written = Vec::new();
    for Example { full, minimal } in examples() {
        let (full_stored, minimal_stored) = (encoded(&full), encoded(&minimal));
        let Encoded { event_type, schema_version, .. } = full_stored;
        assert_eq!(minimal_stored.event_type, event_type);
        let path = file(event_type, schema_version);
        let text = text(&full_stored, &minimal_stored);
        if !path.exists() {
            std::fs::write(&path, &text).unwrap();
            written.push(event_type);
        }
        let stored = std::fs::read_to_string(&path).unwrap();
        assert_eq!(stored, text, "{event_type} is written otherwise than it was");
        let golden: Golden<'_> = serde_json::from_str(&stored).unwrap();
        for (json, example) in [(golden.full, full), (golden.minimal, minimal)] {
            let read = decode(event_type, schema_version, json.get().as_bytes()).unwrap();
            assert_eq!(read, example, "{event_type} is read otherwise than it was");
        }
    }
    assert!(
        written.is_empty(),
        "golden files were missing; read and keep what was written: {written:?}"
    );
}

#[test]
fn every_type_has_an_example_and_a_file_for_each_of_its_versions() {
    let mut examples_of = BTreeMap::new();
    for Example { full, .. } in examples() {
        let Encoded { event_type, .. } = encoded(&full);
        *examples_of.entry(event_type).or_insert(0) += 1;
    }
    for (event_type, current) in types() {
        assert_eq!(examples_of.remove(event_type), Some(1), "examples of {event_type}");
        for version in 1..=current {
            assert!(file(event_type, version).exists(), "{event_type} version {version}");
        }
    }
    assert!(examples_of.is_empty(), "{examples_of:?}");
}

#[test]
fn every_golden_file_is_still_readable() {
    let mut read = 0;
    for entry in std::fs::read_dir(file("", 1).parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().strip_suffix(".json").unwrap();
        let (event_type, version) = name.rsplit_once(".v").unwrap();
        let stored = std::fs::read_to_string(&path).unwrap();
        let golden: Golden<'_> = serde_json::from_str(&stored).unwrap();
        for json in [golden.full, golden.minimal] {
            let decoded =
                decode(event_type, version.parse().unwrap(), json.get().as_bytes()).unwrap();
            assert_ne!(decoded, Decoded::Unknown, "{event_type}");
            read += 1;
        }
    }
    assert_eq!(read, 2 * types().count());
}

#[test]
fn a_type_begins_with_the_category_of_its_stream() {
    for (event_type, _) in types() {
        let (category, name) = event_type.split_once('.').unwrap();
        assert!(leadline_domain::StreamId::of(category, EITHER).is_some(), "{event_type}");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{event_type}");
    }
}

#[test]
fn an_unknown_type_is_kept_and_not_an_error() {
    for event_type in ["lead.teleported", "weather.changed", "lead", ""] {
        assert_eq!(decode(event_type, 7, b"not even JSON").unwrap(), Decoded::Unknown);
        assert_eq!(current_version(event_type), None);
    }
}

#[test]
fn malformed_data_of_a_known_type_is_an_error_that_names_the_type() {
    for data in [
        "",
        "{}",
        "[]",
        r#"{"from":"asleep","cycle":1}"#,
        r#"{"from":"new","cycle":-1}"#,
        r#"{"from":"new","cycle":1,"more":2}"#,
        r#"{"from":"new","cycle":1"#,
    ] {
        let error = decode("lead.marked_mql", 1, data.as_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "could not read a `lead.marked_mql` event of schema version 1",
            "{data}"
        );
    }
}

#[test]
fn versions_that_never_were_and_versions_to_come_are_errors() {
    let data = br#"{"from":"new","cycle":1}"#;
    assert!(decode("lead.marked_mql", 0, data).is_err());
    assert_eq!(
        decode("lead.marked_mql", 2, data).unwrap_err().to_string(),
        "a `lead.marked_mql` event has schema version 2, and this software reads up to 1"
    );
}

#[test]
fn a_policy_whose_text_was_changed_is_not_read() {
    let policy = leadline_events::policy_json::shipped().remove(0);
    let event = leadline_domain::config::Event::PolicyPublished {
        reference: policy.reference,
        document: Box::new(policy.document),
        source: policy.source,
    };
    let stored = encode(&leadline_domain::Event::Config(event));
    let text = String::from_utf8(stored.data.to_vec()).unwrap();
    assert!(decode("config.policy_published", 1, text.as_bytes()).is_ok());
    let changed = text.replace("\\\"hand_off\\\":true", "\\\"hand_off\\\":false");
    assert_ne!(changed, text);
    assert!(decode("config.policy_published", 1, changed.as_bytes()).is_err());
}
