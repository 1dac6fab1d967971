//! What comes from outside never ends the process, and a second normalisation changes nothing.

use leadline_domain::sealed::Field;
use leadline_events::codec::types;
use leadline_events::normalise::match_value;
use leadline_events::{PersonalFields, StoredMeta, decode, policy_json};
use proptest::prelude::*;

proptest! {
    /// Goal: no bytes make a reader panic. Method: arbitrary bytes, and JSON with arbitrary values in known places.
    #[test]
    fn no_bytes_make_a_reader_panic(bytes: Vec<u8>, number: i64, text: String) {
        let json = serde_json::json!({
            "subject": text, "from": text, "to": text, "at": number, "cycle": number, "amount": {
                "minor": number, "currency": text,
            }, "stage": text, "probability_bp": number, "undated": true, "source": text,
            "reference": text, "target": text, "code": text,
        });
        for data in [bytes.as_slice(), json.to_string().as_bytes()] {
            for (event_type, version) in types() {
                drop(decode(event_type, version, data));
            }
            prop_assert!(StoredMeta::decode(data).is_err());
            prop_assert!(policy_json::parse(data).is_err());
            drop(PersonalFields::from_json(data));
        }
    }

    /// Goal: equal things hash alike, however often they were normalised.
    #[test]
    fn normalising_twice_is_normalising_once(text: String, phone in "[+0-9 ()/.-]{0,20}") {
        for (field, value) in [
            (Field::Email, &text),
            (Field::ExternalKey, &text),
            (Field::Phone, &text),
            (Field::Phone, &phone),
        ] {
            let once = match_value(field, value);
            let twice = once.as_deref().and_then(|once| match_value(field, once));
            prop_assert_eq!(twice, once);
        }
    }
}
