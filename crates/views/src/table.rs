//! Documents: totals and tables of flat rows with documented columns.

use chrono::{DateTime, Datelike, TimeZone};
use chrono_tz::Tz;
use leadline_domain::Timestamp;
use leadline_domain::money::divide_half_even;
use leadline_domain::percentile::nearest_rank;
use serde_json::{Map, Number, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in rows.
    pub name: &'static str,
    /// What it holds.
    pub doc: &'static str,
}

/// A table of a view's document.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its name in the document.
    pub name: &'static str,
    /// What a row is.
    pub doc: &'static str,
    /// Its columns, in order.
    pub columns: &'static [Column],
}

pub(crate) const fn column(name: &'static str, doc: &'static str) -> Column {
    Column { name, doc }
}

/// What a view answers, before the head is put on it.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) totals: Map<String, Value>,
    pub(crate) tables: Map<String, Value>,
}

impl Document {
    pub(crate) fn total(&mut self, name: &str, value: impl Into<Value>) {
        self.totals.insert(name.to_owned(), value.into());
    }

    /// Sets an entry of the document that is no table.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.tables.insert(name.to_owned(), value.into());
    }

    pub(crate) fn push(&mut self, table: &str, row: Value) {
        let rows = self.tables.entry(table).or_insert_with(|| json!([]));
        if let Some(rows) = rows.as_array_mut() {
            rows.push(row);
        }
    }
}

/// An instant as RFC 3339.
pub(crate) fn time(milliseconds: i64) -> Value {
    Timestamp::from_millis(milliseconds).to_string().into()
}

pub(crate) fn time_or_null(milliseconds: Option<i64>) -> Value {
    milliseconds.map_or(Value::Null, time)
}

/// `numerator` of `denominator` in basis points, half to even; null of nothing.
pub(crate) fn basis_points(numerator: impl Into<i128>, denominator: impl Into<i128>) -> Value {
    let denominator = denominator.into();
    if denominator == 0 {
        return Value::Null;
    }
    divide_half_even(numerator.into().saturating_mul(10_000), denominator).into()
}

/// Sums of amounts, in minor units. Amounts of different currencies are never added: where there are several, none
/// of the sums is.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    /// The one currency whose amounts are asked for.
    only: Option<String>,
    minor: BTreeMap<&'static str, i64>,
    currencies: BTreeSet<String>,
}

impl Sums {
    /// Sums of the amounts in this currency alone; of all amounts where none is named.
    pub(crate) fn of(only: Option<&str>) -> Self {
        Self { only: only.map(str::to_owned), ..Self::default() }
    }

    /// Adds amounts to the sum of this name.
    pub(crate) fn extend<'a>(
        &mut self,
        name: &'static str,
        amounts: impl IntoIterator<Item = (i64, &'a str)>,
    ) {
        for (minor, currency) in amounts {
            if self.only.as_deref().is_some_and(|only| only != currency) {
                continue;
            }
            let sum = self.minor.entry(name).or_default();
            *sum = sum.saturating_add(minor);
            if !self.currencies.contains(currency) {
                self.currencies.insert(currency.to_owned());
            }
        }
    }

    /// The sum of this name; null where there are several currencies.
    pub(crate) fn minor(&self, name: &str) -> Value {
        if self.currencies.len() > 1 {
            return Value::Null;
        }
        self.minor.get(name).copied().unwrap_or(0).into()
    }

    /// The currency of the sums; null where there are several, or no amount.
    pub(crate) fn currency(&self) -> Value {
        match self.currencies.len() {
            1 => self.currencies.first().map_or(Value::Null, |one| one.as_str().into()),
            _ => Value::Null,
        }
    }
}

/// A quotient with six decimals, half to even; null of nothing.
pub(crate) fn quotient(numerator: i128, denominator: i128) -> Value {
    if denominator == 0 {
        return Value::Null;
    }
    let millionths = divide_half_even(numerator.saturating_mul(1_000_000), denominator);
    decimal(i128::from(millionths), 6).parse().map_or(Value::Null, Value::Number)
}

/// `units` of 10^-`digits` as a decimal number.
pub(crate) fn decimal(units: i128, digits: u32) -> String {
    let scale = 10_u128.pow(digits);
    let (whole, rest) = (units.unsigned_abs() / scale, units.unsigned_abs() % scale);
    let sign = if units < 0 { "-" } else { "" };
    let width = usize::try_from(digits).unwrap_or(0);
    format!("{sign}{whole}.{rest:0width$}")
}

/// A decimal text as a JSON number.
pub(crate) fn number(text: &str) -> Value {
    text.parse::<Number>().map_or(Value::Null, Value::Number)
}

/// The percentiles that every distribution is given by.
pub(crate) const PERCENTILES: [u8; 7] = [10, 25, 50, 75, 90, 95, 99];

/// Adds `n`, `sum`, `mean`, `min`, `max` and nearest-rank percentiles of `values` to a row. Null of nothing, but
/// for `n` and `sum`.
pub(crate) fn distribution(row: &mut Map<String, Value>, prefix: &str, mut values: Vec<i64>) {
    values.sort_unstable();
    let count = values.len();
    let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
    let name = |suffix: &str| format!("{prefix}{suffix}");
    for percent in PERCENTILES {
        row.insert(name(&format!("p{percent}")), json!(nearest_rank(&values, percent)));
    }
    row.insert(name("n"), json!(count));
    row.insert(name("min"), json!(values.first()));
    row.insert(name("max"), json!(values.last()));
    row.insert(name("sum"), json!(i64::try_from(sum).ok()));
    row.insert(name("mean"), quotient(sum, i128::try_from(count).unwrap_or(0)));
}

/// How long a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Span {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "day" => Self::Day,
            "week" => Self::Week,
            "month" => Self::Month,
            "quarter" => Self::Quarter,
            "year" => Self::Year,
            _ => return None,
        })
    }
}

/// The period that an instant falls into, on the calendar of a time zone: `2017-06`, `2017-Q2`, ISO `2017-W24`.
pub(crate) fn period(milliseconds: i64, span: Span, zone: Tz) -> String {
    let Some(instant) = DateTime::from_timestamp_millis(milliseconds) else {
        return String::new();
    };
    let local = zone.from_utc_datetime(&instant.naive_utc());
    match span {
        Span::Day => local.format("%Y-%m-%d").to_string(),
        Span::Week => local.format("%G-W%V").to_string(),
        Span::Month => local.format("%Y-%m").to_string(),
        Span::Quarter => format!("{}-Q{}", local.format("%Y"), local.month0() / 3 + 1),
        Span::Year => local.format("%Y").to_string(),
    }
}
