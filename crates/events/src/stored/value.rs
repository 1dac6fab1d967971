//! The stored forms of the values that events are made of.

use super::{Form, Malformed, Stored};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use leadline_domain::config::Catalogue;
use leadline_domain::id::{AccountId, ContactId, LeadId, OpportunityId, SubjectId, TouchId};
use leadline_domain::lead::event::ClockStep;
use leadline_domain::lead::{Milestone, Owner, Phase, RejectOutcome};
use leadline_domain::money::{Currency, Money, ProbabilityBp};
use leadline_domain::policy::PolicyRef;
use leadline_domain::refusal::Category;
use leadline_domain::sealed::{Field, FieldSet, Sealed};
use leadline_domain::time::Timestamp;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use uuid::Uuid;

macro_rules! stored_as_itself {
    ($($type:ty)*) => {$(
        impl Stored for $type {
            type Form<'a> = Self;
            fn form(&self) -> Self { *self }
            fn read(form: Self) -> Result<Self, Malformed> { Ok(form) }
        }
    )*};
}

stored_as_itself! { bool u16 u32 i64 }

macro_rules! stored_as_uuid {
    ($($type:ident)*) => {$(
        impl Stored for $type {
            type Form<'a> = Uuid;
            fn form(&self) -> Uuid { self.0 }
            fn read(form: Uuid) -> Result<Self, Malformed> { Ok(Self(form)) }
        }
    )*};
}

stored_as_uuid! { AccountId ContactId LeadId OpportunityId SubjectId TouchId }

impl Stored for String {
    type Form<'a> = Cow<'a, str>;

    fn form(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }

    fn read(form: Cow<'_, str>) -> Result<Self, Malformed> {
        Ok(form.into_owned())
    }
}

impl<T: Stored> Stored for Option<T> {
    type Form<'a>
        = Option<Form<'a, T>>
    where
        T: 'a;

    fn form(&self) -> Option<Form<'_, T>> {
        self.as_ref().map(Stored::form)
    }

    fn read(form: Option<Form<'_, T>>) -> Result<Self, Malformed> {
        form.map(T::read).transpose()
    }
}

impl<T: Stored> Stored for Box<T> {
    type Form<'a>
        = Form<'a, T>
    where
        T: 'a;

    fn form(&self) -> Form<'_, T> {
        T::form(self)
    }

    fn read(form: Form<'_, T>) -> Result<Self, Malformed> {
        T::read(form).map(Self::new)
    }
}

/// A list, left out where it is empty.
impl<T: Stored> Stored for Vec<T> {
    type Form<'a>
        = Option<Vec<Form<'a, T>>>
    where
        T: 'a;

    fn form(&self) -> Self::Form<'_> {
        (!self.is_empty()).then(|| self.iter().map(Stored::form).collect())
    }

    fn read(form: Self::Form<'_>) -> Result<Self, Malformed> {
        form.unwrap_or_default().into_iter().map(T::read).collect()
    }
}

/// Names and values of the company's own, left out where there are none.
impl Stored for BTreeMap<String, String> {
    type Form<'a> = Option<Cow<'a, Self>>;

    fn form(&self) -> Self::Form<'_> {
        (!self.is_empty()).then_some(Cow::Borrowed(self))
    }

    fn read(form: Self::Form<'_>) -> Result<Self, Malformed> {
        Ok(form.map(Cow::into_owned).unwrap_or_default())
    }
}

/// An instant, stored as integer milliseconds since 1970-01-01T00:00:00Z.
impl Stored for Timestamp {
    type Form<'a> = i64;

    fn form(&self) -> i64 {
        self.millis()
    }

    fn read(form: i64) -> Result<Self, Malformed> {
        let instant = Self::from_millis(form);
        if instant.millis() == form {
            Ok(instant)
        } else {
            Err(Malformed::Value("a time lies outside the years 0001 to 9999"))
        }
    }
}

/// Odds, stored in basis points.
impl Stored for ProbabilityBp {
    type Form<'a> = u16;

    fn form(&self) -> u16 {
        self.basis_points()
    }

    fn read(form: u16) -> Result<Self, Malformed> {
        Self::new(form).ok_or(Malformed::Value("a probability is above 10000 basis points"))
    }
}

impl Stored for PolicyRef {
    type Form<'a> = Cow<'a, str>;

    fn form(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }

    fn read(form: Cow<'_, str>) -> Result<Self, Malformed> {
        Ok(Self(Arc::from(form)))
    }
}

/// A value of a fixed list, stored by its name.
pub(crate) trait Listed: Copy {
    /// What a list of such values is called in errors.
    const WHAT: &'static str;
    /// The value's name.
    fn name(self) -> &'static str;
    /// The value of this name.
    fn named(name: &str) -> Option<Self>;
}

macro_rules! listed {
    ($($type:ident $what:literal)*) => {$(
        impl Listed for $type {
            const WHAT: &'static str = $what;
            fn name(self) -> &'static str { Self::name(self) }
            fn named(name: &str) -> Option<Self> { Self::named(name) }
        }
        impl Stored for $type {
            type Form<'a> = Name<Self>;
            fn form(&self) -> Name<Self> { Name(*self) }
            fn read(form: Name<Self>) -> Result<Self, Malformed> { Ok(form.0) }
        }
    )*};
}

listed! {
    Phase "a phase"
    Milestone "a milestone"
    RejectOutcome "an outcome of a rejection"
    Catalogue "a catalogue"
    Field "a field"
}

impl Listed for Category {
    const WHAT: &'static str = "a category of refusals";

    fn name(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Rule => "rule",
            Self::NotFound => "not_found",
            Self::Forbidden => "forbidden",
            Self::Erased => "erased",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Conflict, Self::Rule, Self::NotFound, Self::Forbidden, Self::Erased]
            .into_iter()
            .find(|category| category.name() == name)
    }
}

/// The stored name of a [`Listed`] value.
#[derive(Clone, Copy)]
pub(crate) struct Name<T>(pub(crate) T);

impl<T: Listed> Serialize for Name<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de, T: Listed> Deserialize<'de> for Name<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names<T>(PhantomData<T>);

        impl<T: Listed> Visitor<'_> for Names<T> {
            type Value = Name<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "the name of {}", T::WHAT)
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
                T::named(name)
                    .map(Name)
                    .ok_or_else(|| E::custom(format_args!("not the name of {}", T::WHAT)))
            }
        }

        deserializer.deserialize_str(Names(PhantomData))
    }
}

/// The names of a set of fields.
pub(crate) struct Fields(FieldSet);

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Name))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of names of fields")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Fields, A::Error> {
                let mut fields = FieldSet::default();
                while let Some(Name(field)) = names.next_element::<Name<Field>>()? {
                    fields = fields.with(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_seq(List)
    }
}

/// A set of fields, stored as their names, and left out where it is empty.
impl Stored for FieldSet {
    type Form<'a> = Option<Fields>;

    fn form(&self) -> Option<Fields> {
        (!self.is_empty()).then_some(Fields(*self))
    }

    fn read(form: Option<Fields>) -> Result<Self, Malformed> {
        Ok(form.map(|fields| fields.0).unwrap_or_default())
    }
}

/// Bytes in base64.
pub(crate) struct Base64<'a>(Cow<'a, [u8]>);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Vec<u8>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("bytes in base64")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<u8>, E> {
                STANDARD.decode(text).map_err(|_| E::custom("not base64"))
            }
        }

        deserializer.deserialize_str(Text).map(|bytes| Self(Cow::Owned(bytes)))
    }
}

/// `{"subject": whose, "sealed": base64}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SealedForm<'a> {
    subject: Uuid,
    sealed: Base64<'a>,
}

impl Stored for Sealed {
    type Form<'a> = SealedForm<'a>;

    fn form(&self) -> SealedForm<'_> {
        let Self { subject, envelope } = self;
        SealedForm { subject: subject.0, sealed: Base64(Cow::Borrowed(envelope)) }
    }

    fn read(form: SealedForm<'_>) -> Result<Self, Malformed> {
        Ok(Self { subject: SubjectId(form.subject), envelope: Arc::from(form.sealed.0.as_ref()) })
    }
}

/// `{"minor": cents, "currency": "EUR"}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoneyForm<'a> {
    minor: i64,
    currency: Cow<'a, str>,
}

impl Stored for Money {
    type Form<'a> = MoneyForm<'a>;

    fn form(&self) -> MoneyForm<'_> {
        let Self { minor, currency } = self;
        MoneyForm { minor: *minor, currency: Cow::Borrowed(currency.code()) }
    }

    fn read(form: MoneyForm<'_>) -> Result<Self, Malformed> {
        let currency = Currency::parse(&form.currency)
            .ok_or(Malformed::Value("a currency is not three capital letters"))?;
        Ok(Self { minor: form.minor, currency })
    }
}

/// `{"person": name}` or `{"queue": name}`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OwnerForm<'a> {
    /// One person.
    Person(Cow<'a, str>),
    /// One queue.
    Queue(Cow<'a, str>),
}

impl Stored for Owner {
    type Form<'a> = OwnerForm<'a>;

    fn form(&self) -> OwnerForm<'_> {
        match self {
            Self::Person(name) => OwnerForm::Person(Cow::Borrowed(name)),
            Self::Queue(name) => OwnerForm::Queue(Cow::Borrowed(name)),
        }
    }

    fn read(form: OwnerForm<'_>) -> Result<Self, Malformed> {
        Ok(match form {
            OwnerForm::Person(name) => Self::Person(name.into_owned()),
            OwnerForm::Queue(name) => Self::Queue(name.into_owned()),
        })
    }
}

super::stored_struct!(ClockStepForm = ClockStep { percent: u16, at: Timestamp; });
