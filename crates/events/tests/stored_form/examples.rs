//! One full and one minimal example of every stored event.

mod lead;
mod other;

use leadline_domain::Timestamp;
use leadline_domain::id::SubjectId;
use leadline_domain::money::{Currency, Money};
use leadline_domain::sealed::{Field, FieldSet, Sealed};
use leadline_events::Decoded;
use uuid::Uuid;

/// An identity like any other.
pub(crate) const EITHER: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
/// Another.
pub(crate) const OTHER: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002);
/// 2023-11-14T22:13:20Z.
pub(crate) const AT: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// Two events of one type.
pub(crate) struct Example {
    /// With everything that the type can hold.
    pub(crate) full: Decoded,
    /// With as little as it can hold.
    pub(crate) minimal: Decoded,
}

/// One example of every type.
pub(crate) fn examples() -> Vec<Example> {
    [lead::examples(), other::examples()].into_iter().flatten().collect()
}

pub(crate) fn sealed() -> Sealed {
    Sealed { subject: SubjectId(OTHER), envelope: (0..40).collect() }
}

pub(crate) fn fields() -> FieldSet {
    FieldSet::default().with(Field::Email).with(Field::LastName).with(Field::Custom)
}

pub(crate) fn email() -> FieldSet {
    FieldSet::default().with(Field::Email)
}

pub(crate) fn money() -> Money {
    Money { minor: 1_250_000, currency: Currency::EUR }
}

#[expect(clippy::unnecessary_wraps, reason = "fields that may be left out take it as it is")]
pub(crate) fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}
