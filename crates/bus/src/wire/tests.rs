//! The form on the wire, byte by byte.

use super::*;
use proptest::prelude::*;

fn recorded() -> Recorded {
    Recorded {
        position: Position(42),
        version: 3,
        recorded_at: 1_767_225_600_123,
        event: NewEvent {
            stream: StreamKey {
                category: Category::parse("lead").unwrap(),
                id: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001),
            },
            event_type: Cow::Borrowed("lead.captured"),
            schema_version: 1,
            event_id: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002),
            root: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001),
            effective_at: 1_767_225_600_000,
            meta: Bytes::from_static(br#"{"class":"fact"}"#),
            data: Bytes::from_static(br#"{"person":{"sealed":"AAEC"}, "n":1.0}"#),
        },
    }
}

fn log() -> LogIdentity {
    LogIdentity { id: Uuid::from_u128(7), epoch: 2 }
}

#[test]
fn the_form_of_a_message_is_frozen() {
    let message = encode(log(), &recorded(), Position(17)).unwrap();
    assert_eq!(message.subject, "leadline.events.36.lead.lead-captured");
    let mut headers: Vec<_> = message
        .headers
        .iter()
        .map(|(name, values)| format!("{}: {}", AsRef::<str>::as_ref(name), values[0].as_str()))
        .collect();
    headers.sort();
    assert_eq!(
        headers,
        [
            "Leadline-Epoch: 2",
            "Leadline-Prev: 17",
            "Nats-Msg-Id: 00000000-0000-0000-0000-000000000007:42",
            "ce-id: 01900000-0000-7000-8000-000000000002",
            "ce-sequence: 42",
            "ce-source: urn:uuid:00000000-0000-0000-0000-000000000007",
            "ce-specversion: 1.0",
            "ce-time: 2026-01-01T00:00:00.000Z",
            "ce-type: lead.captured",
            "content-type: application/json",
        ]
    );
    let body = concat!(
        r#"{"position":42,"id":"01900000-0000-7000-8000-000000000002","type":"lead.captured","schema_version":1,"#,
        r#""stream":"lead-01900000-0000-7000-8000-000000000001","version":3,"#,
        r#""root":"01900000-0000-7000-8000-000000000001","effective_at_ms":1767225600000,"#,
        r#""recorded_at_ms":1767225600123,"meta":{"class":"fact"},"data":{"person":{"sealed":"AAEC"}, "n":1.0}}"#,
    );
    assert_eq!(message.payload, body.as_bytes());
}

#[test]
fn partitions_are_fixed_for_ever_and_evenly_filled() {
    assert_eq!(partition(Uuid::nil()), 21);
    assert_eq!(partition(Uuid::max()), 26);
    let mut counts = [0; PARTITIONS];
    for number in 0..64_000_u128 {
        let root = 0x0190_0000_0000_7000_8000_0000_0000_0000 + number;
        counts[partition(Uuid::from_u128(root))] += 1;
    }
    assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
}

#[test]
fn what_is_no_event_says_why() {
    let message = encode(log(), &recorded(), Position(17)).unwrap();
    let event = recorded().event.event_id;
    let place = Place { log: log(), position: Position(42), event };
    assert_eq!(stamp(&message.headers).unwrap(), Stamp { place });
    let mut headers = message.headers.clone();
    headers.insert(SEQUENCE, "x");
    let error = stamp(&headers).unwrap_err().to_string();
    assert_eq!(error, "the header `ce-sequence` is missing or cannot be read");
    let error = decode(Position(43), &message.payload).unwrap_err().to_string();
    assert_eq!(error, "the headers say position 43, the body 42");
    assert!(matches!(decode(Position(42), &Bytes::from_static(b"{")), Err(Malformed::Body(_))));
}

#[test]
fn headers_are_printable() {
    assert_eq!(header_text("lead.captured"), "lead.captured");
    assert_eq!(header_text("a b%\r\n\u{e9}"), "a%20b%25%0D%0A%C3%A9");
}

/// Bytes that are a JSON object, nearly one, or anything.
fn stored() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        Just(Bytes::from_static(b"")),
        Just(Bytes::from_static(b"null")),
        Just(Bytes::from_static(b" {}")),
        Just(Bytes::from_static(b"{} ")),
        Just(Bytes::from_static(b"{}{}")),
        Just(Bytes::from_static(b"{\"a\": [1e400, \"\\u00e9\\ud83d\\ude00\"] ,\n\"a\":null}")),
        proptest::collection::vec(any::<u8>(), 0..80).prop_map(Bytes::from),
    ]
}

proptest! {
    /// Goal: whatever the log holds comes back bit for bit. Method: any event, through both forms of its bytes.
    #[test]
    fn any_event_comes_back_bit_for_bit(
        (meta, data) in (stored(), stored()),
        (id, root, position) in (any::<u128>(), any::<u128>(), 1..u64::MAX),
        (effective_at, recorded_at) in (any::<i64>(), any::<i64>()),
        (event_type, schema_version, version) in (any::<String>(), any::<u16>(), any::<u64>()),
    ) {
        let mut sent = recorded();
        sent.position = Position(position);
        sent.version = version;
        sent.recorded_at = recorded_at;
        sent.event.event_type = Cow::Owned(event_type);
        sent.event.schema_version = schema_version;
        sent.event.event_id = Uuid::from_u128(id);
        sent.event.root = Uuid::from_u128(root);
        sent.event.effective_at = effective_at;
        sent.event.meta = meta;
        sent.event.data = data;
        let message = encode(log(), &sent, Position(0)).unwrap();
        prop_assert_eq!(message.subject.split('.').count(), 5);
        let stamp = stamp(&message.headers).unwrap();
        let received = decode(stamp.place.position, &message.payload).unwrap();
        prop_assert_eq!(received, sent);
    }
}
