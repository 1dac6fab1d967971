//! Canonical JSON of checked values: no spaces, no escapes but those that JSON demands.

use super::values::Typed;
use std::fmt::Write as _;

pub(super) fn write_typed(json: &mut String, typed: &Typed<'_>) {
    match typed {
        Typed::Text(text) => write_text(json, text),
        Typed::Number(number) => json.push_str(&number.to_string()),
        Typed::Flag(flag) => json.push_str(if *flag { "true" } else { "false" }),
        Typed::Time(time) => write_text(json, &time.to_string()),
        Typed::Id(id) => write_text(json, &id.to_string()),
        Typed::Map(map) => {
            json.push('{');
            for (index, (name, text)) in map.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                write_text(json, name);
                json.push(':');
                write_text(json, text);
            }
            json.push('}');
        }
    }
}

pub(super) fn write_text(json: &mut String, text: &str) {
    json.push('"');
    for letter in text.chars() {
        match letter {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            control if control < ' ' => {
                // Writing to a string cannot fail.
                let _written = write!(json, "\\u{:04x}", u32::from(control));
            }
            plain => json.push(plain),
        }
    }
    json.push('"');
}
