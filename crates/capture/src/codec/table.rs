//! The table of all commands.

mod lead;
mod others;

use super::nearest;
use super::spec::{Aggregate, CommandSpec, FieldSpec, Kind, Place};
use super::values::person;
use super::{FIELD_BYTES_MAX, KEY_BYTES_MAX, ParseError, code};
use leadline_domain::refusal::shown;
use leadline_domain::sealed::Field;

/// Every command that the API and feeds take, lead's first.
pub fn commands() -> impl Iterator<Item = &'static CommandSpec> {
    lead::COMMANDS.iter().chain(others::COMMANDS)
}

/// The command of this name, such as `CaptureLead`.
pub fn command_named(name: &str) -> Option<&'static CommandSpec> {
    commands().find(|spec| spec.name == name)
}

/// The command of this path, such as `mark-mql` of a lead.
pub fn command_of_path(aggregate: Aggregate, path: &str) -> Option<&'static CommandSpec> {
    commands().find(|spec| spec.aggregate == aggregate && spec.path == path)
}

/// Why no command is called `name`.
pub fn name_unknown(name: &str) -> ParseError {
    let near = nearest(name, commands().map(|spec| spec.name));
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    let detail = format!("no command is called `{}`{hint}", shown(name));
    ParseError { code: code::COMMAND_UNKNOWN, field: None, detail }
}

const fn text(name: &'static str, about: &'static str) -> FieldSpec {
    FieldSpec::new(name, Kind::Text(FIELD_BYTES_MAX), about)
}

const fn key(name: &'static str, about: &'static str) -> FieldSpec {
    FieldSpec::new(name, Kind::Text(KEY_BYTES_MAX), about)
}

const CAMPAIGN: FieldSpec = key("campaign", "Key of the campaign.");
const SOURCE: FieldSpec = text("source", "Where the lead comes from.");
const CHANNEL: FieldSpec = text("channel", "Channel, such as e-mail or telephone.");
const REASON: FieldSpec = text("reason", "Why.");
const QUEUE: FieldSpec = text("queue", "Name of the queue.");
const OUTCOME: FieldSpec = text("outcome", "With what result.");
const STAGE: FieldSpec = text("stage", "Stage of the opportunity.");
const PRODUCT: FieldSpec = text("product", "What it is about.");
const AMOUNT_CENTS: FieldSpec =
    FieldSpec::new("amount_cents", Kind::Amount, "Amount in integer minor units of the currency.");
const CURRENCY: FieldSpec = FieldSpec::new(
    "currency",
    Kind::Currency,
    "Currency of the amount, by ISO 4217; the default currency where absent.",
);
const AMOUNT: &[FieldSpec] = &[AMOUNT_CENTS, CURRENCY];
const CLOSE_DATE: FieldSpec = FieldSpec::new("close_date", Kind::Time, "Expected close.");
const ATTRIBUTES: FieldSpec = FieldSpec::new(
    "attributes",
    Kind::Map,
    "Fields of the company's own, such as region or segment: business data, not sealed.",
);
const ACCOUNT_KEY: FieldSpec =
    key("account", "The key by which the source system knows the account.").at(Place::AccountKey);
const ACCOUNT_ID: FieldSpec =
    FieldSpec::new("account_id", Kind::Id, "An account that exists, instead of its key.");
const EXTERNAL_KEY: FieldSpec =
    key("external_key", "The key by which the source system knows it.").at(Place::Key);

const PERSON: &[FieldSpec] = &[
    person(Field::Email, "E-mail address."),
    person(Field::Phone, "Telephone number."),
    person(Field::FirstName, "First name."),
    person(Field::LastName, "Last name."),
    person(Field::Company, "Name of the company."),
    person(Field::Title, "Job title."),
    person(Field::Street, "Street and number."),
    person(Field::City, "City."),
    person(Field::State, "State or province."),
    person(Field::Postcode, "Postcode."),
    person(Field::Country, "Country."),
    person(Field::DateOfBirth, "Date of birth."),
    FieldSpec::new("custom", Kind::Map, "Fields of the company's own: personal, sealed.")
        .at(Place::Custom),
];

#[cfg(test)]
mod tests;
