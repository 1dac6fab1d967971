//! The fields of one command, checked against the table and sorted by where they go.

use super::canonical::{write_text, write_typed};
use super::object::{Object, Value};
use super::spec::{CommandSpec, Extras, FieldSpec, Kind, Place};
use super::{
    CUSTOM_FIELDS_MAX, CUSTOM_NAME_BYTES_MAX, FIELD_BYTES_MAX, Options, ParseError, code, nearest,
};
use leadline_domain::Timestamp;
use leadline_domain::money::{Currency, Money};
use leadline_domain::refusal::shown;
use leadline_domain::sealed::Field;
use leadline_events::PersonalFields;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A checked value that is not personal.
#[derive(Debug)]
pub(super) enum Typed<'a> {
    Text(Cow<'a, str>),
    Number(i64),
    Flag(bool),
    Time(Timestamp),
    Id(Uuid),
    Map(BTreeMap<String, String>),
}

/// The fields of one command.
#[derive(Debug)]
pub(crate) struct Values<'a> {
    typed: Vec<(&'static str, Typed<'a>)>,
    attributes: BTreeMap<String, String>,
    currency: Currency,
    pub(super) personal: PersonalFields,
    pub(super) note: Option<String>,
    pub(super) account_key: Option<String>,
    pub(super) key: Option<String>,
}

impl<'a> Values<'a> {
    /// Checks every field of `object` against `spec`.
    pub(super) fn read(
        spec: &CommandSpec,
        object: Object<'a>,
        options: Options,
    ) -> Result<Self, ParseError> {
        let mut values = Self {
            typed: Vec::with_capacity(object.fields.len()),
            attributes: BTreeMap::new(),
            currency: options.currency,
            personal: PersonalFields::default(),
            note: None,
            account_key: None,
            key: None,
        };
        for (name, value) in object.fields {
            match spec.field(&name) {
                Some(field) => values.put(field, value)?,
                None => values.put_extra(spec, &name, value, options)?,
            }
        }
        for field in spec.fields().filter(|field| field.required) {
            if !values.has(field) {
                return Err(ParseError::missing(field.name));
            }
        }
        values.settle_currency()?;
        Ok(values)
    }

    fn has(&self, field: &FieldSpec) -> bool {
        match field.place {
            Place::Payload => self.typed.iter().any(|(name, _)| *name == field.name),
            Place::Person(place) => self.personal.get(place).is_some(),
            Place::Custom => self.personal.custom().next().is_some(),
            Place::Note => self.note.is_some(),
            Place::AccountKey => self.account_key.is_some(),
            Place::Key => self.key.is_some(),
        }
    }

    fn put(&mut self, field: &'static FieldSpec, value: Value<'a>) -> Result<(), ParseError> {
        let Some(typed) = read(field, value)? else { return Ok(()) };
        match (field.place, typed) {
            (Place::Payload, typed) => self.typed.push((field.name, typed)),
            (Place::Person(place), Typed::Text(text)) => {
                self.personal.set(place, text.into_owned());
            }
            (Place::Custom, Typed::Map(map)) => {
                for (name, text) in map {
                    self.put_custom(name, text)?;
                }
            }
            (Place::Note, Typed::Text(text)) => self.note = Some(text.into_owned()),
            (Place::AccountKey, Typed::Text(text)) => self.account_key = Some(text.into_owned()),
            (Place::Key, Typed::Text(text)) => self.key = Some(text.into_owned()),
            (_, _) => return Err(ParseError::invalid(field.name, "takes another kind of value")),
        }
        Ok(())
    }

    fn put_extra(
        &mut self,
        spec: &CommandSpec,
        name: &str,
        value: Value<'a>,
        options: Options,
    ) -> Result<(), ParseError> {
        if !options.keep_extras || spec.extras == Extras::Refused {
            return Err(unknown(spec, name));
        }
        let text = match value {
            Value::Null => return Ok(()),
            Value::Text(text) => text.into_owned(),
            Value::Number(number) => number.to_string(),
            Value::Flag(flag) => flag.to_string(),
            Value::Map(_) | Value::Other(_) => {
                let detail = format!("`{}` must be a text, not {}", shown(name), value.kind());
                return Err(ParseError::invalid(shown(name), detail));
            }
        };
        check_entry(name, &text)?;
        if text.trim().is_empty() {
            return Ok(());
        }
        match spec.extras {
            Extras::Custom => self.put_custom(name.to_owned(), text),
            Extras::Attributes | Extras::Refused => {
                self.attributes.insert(name.to_owned(), text);
                check_count("attributes", self.attributes.len())
            }
        }
    }

    fn put_custom(&mut self, name: String, text: String) -> Result<(), ParseError> {
        self.personal.set_custom(name, text);
        check_count("custom", self.personal.custom().count())
    }

    /// Names the currency of the amount, so that the payload means the same under another default.
    fn settle_currency(&mut self) -> Result<(), ParseError> {
        let amount = self.typed.iter().any(|(name, _)| *name == "amount_cents");
        match self.take_text("currency") {
            Some(given) => {
                let parsed = Currency::parse(&given);
                self.currency = parsed.ok_or_else(|| {
                    ParseError::invalid(
                        "currency",
                        "`currency` takes three capital letters, such as EUR",
                    )
                })?;
                if !amount {
                    let detail = "`currency` is that of `amount_cents`; give both or neither";
                    return Err(ParseError::invalid("currency", detail));
                }
            }
            None if !amount => return Ok(()),
            None => {}
        }
        self.typed.push(("currency", Typed::Text(Cow::Owned(self.currency.code().to_owned()))));
        Ok(())
    }

    /// Canonical JSON of everything that is not personal.
    pub(super) fn payload(&mut self) -> Result<Box<RawValue>, ParseError> {
        if !self.attributes.is_empty() {
            let mut all = std::mem::take(&mut self.attributes);
            let nested = self.take("attributes");
            if let Some(Typed::Map(map)) = nested {
                all.extend(map);
            }
            check_count("attributes", all.len())?;
            self.typed.push(("attributes", Typed::Map(all)));
        }
        self.typed.sort_unstable_by_key(|(name, _)| *name);
        let mut json = String::with_capacity(96);
        json.push('{');
        for (name, typed) in &self.typed {
            if json.len() > 1 {
                json.push(',');
            }
            write_text(&mut json, name);
            json.push(':');
            write_typed(&mut json, typed);
        }
        json.push('}');
        RawValue::from_string(json).map_err(|_| ParseError {
            code: code::MALFORMED_JSON,
            field: None,
            detail: "the payload cannot be written as JSON".to_owned(),
        })
    }

    /// Names of fields that nobody has taken.
    #[cfg(test)]
    pub(super) fn left(&self) -> Vec<&'static str> {
        self.typed.iter().map(|(name, _)| *name).collect()
    }

    fn take(&mut self, name: &str) -> Option<Typed<'a>> {
        let place = self.typed.iter().position(|(one, _)| *one == name)?;
        Some(self.typed.remove(place).1)
    }

    fn take_text(&mut self, name: &str) -> Option<Cow<'a, str>> {
        match self.take(name) {
            Some(Typed::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The text `name`.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.take_text(name).map(Cow::into_owned)
    }

    /// The text `name`, which must be there.
    pub(crate) fn need(&mut self, name: &'static str) -> Result<String, ParseError> {
        self.text(name).ok_or_else(|| ParseError::missing(name))
    }

    /// `amount_cents`, in `currency` or the default one.
    pub(crate) fn amount(&mut self) -> Option<Money> {
        let amount = self.take("amount_cents");
        if amount.is_some() {
            drop(self.take("currency"));
        }
        match amount {
            Some(Typed::Number(minor)) => Some(Money { minor, currency: self.currency }),
            _ => None,
        }
    }

    /// `amount_cents`, which must be there.
    pub(crate) fn need_amount(&mut self) -> Result<Money, ParseError> {
        self.amount().ok_or_else(|| ParseError::missing("amount_cents"))
    }

    /// The time `name`.
    pub(crate) fn time(&mut self, name: &'static str) -> Option<Timestamp> {
        match self.take(name) {
            Some(Typed::Time(time)) => Some(time),
            _ => None,
        }
    }

    /// The flag `name`; no where absent.
    pub(crate) fn flag(&mut self, name: &'static str) -> bool {
        matches!(self.take(name), Some(Typed::Flag(true)))
    }

    /// The id `name`.
    pub(crate) fn id(&mut self, name: &'static str) -> Option<Uuid> {
        match self.take(name) {
            Some(Typed::Id(id)) => Some(id),
            _ => None,
        }
    }

    /// The object `attributes`.
    pub(crate) fn attributes(&mut self) -> BTreeMap<String, String> {
        match self.take("attributes") {
            Some(Typed::Map(map)) => map,
            _ => BTreeMap::new(),
        }
    }

    /// Whether the source system's key of the account was given.
    pub(crate) const fn has_account_key(&self) -> bool {
        self.account_key.is_some()
    }
}

fn unknown(spec: &CommandSpec, name: &str) -> ParseError {
    let known = spec.fields().map(|field| field.name).chain(["occurred_at"]);
    let hint = nearest(name, known).map(|near| format!("; did you mean `{near}`?"));
    let detail =
        format!("`{}` takes no field `{}`{}", spec.name, shown(name), hint.unwrap_or_default());
    ParseError { code: code::UNKNOWN_FIELD, field: Some(shown(name).to_owned()), detail }
}

fn check_count(field: &str, count: usize) -> Result<(), ParseError> {
    if count > CUSTOM_FIELDS_MAX {
        let detail = format!("more than {CUSTOM_FIELDS_MAX} fields of the company's own");
        return Err(ParseError::invalid(field, detail));
    }
    Ok(())
}

fn check_entry(name: &str, text: &str) -> Result<(), ParseError> {
    if name.is_empty() || name.len() > CUSTOM_NAME_BYTES_MAX || name.contains('\0') {
        let detail = format!("names of custom fields have 1 to {CUSTOM_NAME_BYTES_MAX} bytes");
        return Err(ParseError::invalid(shown(name), detail));
    }
    check_text(shown(name), text, FIELD_BYTES_MAX)
}

fn check_text(field: &str, text: &str, limit: usize) -> Result<(), ParseError> {
    if text.len() > limit {
        return Err(ParseError::too_long(field, limit));
    }
    if text.contains('\0') {
        return Err(ParseError::invalid(field, format!("`{field}` holds a NUL character")));
    }
    Ok(())
}

/// Reads one value as `field` takes it; `None` for null and for blank texts, which say nothing.
fn read<'a>(field: &FieldSpec, value: Value<'a>) -> Result<Option<Typed<'a>>, ParseError> {
    let typed = match (field.kind, value) {
        (_, Value::Null) => return Ok(None),
        (Kind::Text(limit), Value::Text(text)) => {
            check_text(field.name, &text, limit)?;
            if text.trim().is_empty() {
                return Ok(None);
            }
            Typed::Text(text)
        }
        (Kind::Currency, Value::Text(text)) => Typed::Text(text),
        (Kind::OneOf(names), Value::Text(text)) => {
            if !names.contains(&&*text) {
                let detail = format!("`{}` takes one of: {}", field.name, names.join(", "));
                return Err(ParseError::invalid(field.name, detail));
            }
            Typed::Text(text)
        }
        (Kind::Amount, Value::Number(number)) => Typed::Number(number),
        (Kind::Flag, Value::Flag(flag)) => Typed::Flag(flag),
        (Kind::Time, value @ Value::Text(_)) => Typed::Time(time(field.name, &value)?),
        (Kind::Id, Value::Text(text)) => {
            let id = Uuid::try_parse(&text).map_err(|_| {
                ParseError::invalid(field.name, format!("`{}` takes a UUID", field.name))
            })?;
            Typed::Id(id)
        }
        (Kind::Map, Value::Map(entries)) => {
            check_count(field.name, entries.len())?;
            let mut map = BTreeMap::new();
            for (name, text) in entries {
                check_entry(&name, &text)?;
                map.insert(name.into_owned(), text.into_owned());
            }
            Typed::Map(map)
        }
        (kind, value) => {
            let detail =
                format!("`{}` takes {}, not {}", field.name, expectation(kind), value.kind());
            return Err(ParseError::invalid(field.name, detail));
        }
    };
    Ok(Some(typed))
}

const fn expectation(kind: Kind) -> &'static str {
    match kind {
        Kind::Text(_) => "a text",
        Kind::Amount => "a whole number of minor units",
        Kind::Currency => "three capital letters",
        Kind::Time => "an RFC 3339 time",
        Kind::Flag => "true or false",
        Kind::Id => "a UUID",
        Kind::OneOf(_) => "a name from its list",
        Kind::Map => "an object of texts",
    }
}

/// Reads an RFC 3339 time, or a date as its first instant in UTC.
pub(crate) fn time(field: &str, value: &Value<'_>) -> Result<Timestamp, ParseError> {
    /// Length of `2026-01-31`.
    const DATE_BYTES: usize = 10;
    let parsed = match value {
        Value::Text(text) if text.len() == DATE_BYTES => {
            Timestamp::parse(&format!("{text}T00:00:00Z")).ok()
        }
        Value::Text(text) => Timestamp::parse(text).ok(),
        _ => None,
    };
    parsed.ok_or_else(|| {
        let detail = format!("`{field}` takes an RFC 3339 time such as 2026-01-31T09:00:00Z");
        ParseError::invalid(field, detail)
    })
}

/// Fields that hold a person's details, as `Field` names them.
pub(super) const fn person(field: Field, about: &'static str) -> FieldSpec {
    FieldSpec::new(field.name(), Kind::Text(FIELD_BYTES_MAX), about).at(Place::Person(field))
}
