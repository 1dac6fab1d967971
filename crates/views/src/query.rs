//! The questions asked of views: one JSON document each, computed from the rows valid at an as-of point.

use crate::store::{self, AsOf, Axis, Select, ViewStore};
use crate::table::{Document, Span, Table};
use crate::{NAMES, attribution, conversion, funnel, lead, pipeline, sla, timeline};
use chrono_tz::Tz;
use leadline_domain::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use thiserror::Error;
use uuid::Uuid;

/// Why a question cannot be answered.
#[derive(Debug, Error)]
pub enum Error {
    /// There is no such view.
    #[error("there is no view `{name}`; there are {}", NAMES.join(", "))]
    UnknownView {
        /// The name, cut to 64 characters.
        name: String,
    },
    /// The view does not know this parameter.
    #[error("the view `{view}` has no parameter `{name}`; it has {allowed}")]
    UnknownParameter {
        /// The view.
        view: &'static str,
        /// The name, cut to 64 characters.
        name: String,
        /// The names that it knows.
        allowed: String,
    },
    /// A parameter has no value that the view can use.
    #[error("the parameter `{name}` {expected}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// What it has to be.
        expected: String,
    },
    /// The rows could not be read.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A stored row does not read back: the view needs a rebuild.
    #[error("a stored row does not read back; rebuild the view")]
    Row(#[source] serde_json::Error),
}

/// A question.
#[derive(Clone, Debug)]
pub struct Request {
    /// The view.
    pub view: String,
    /// As of when.
    pub as_of: AsOf,
    /// The axis that was asked for, for the document's head.
    pub axis: Axis,
    /// The instant that counts as the present for what changes by time alone, such as an open clock past its
    /// due time: the as-of time, else the present.
    pub instant: Timestamp,
    /// Parameters, by name.
    pub parameters: BTreeMap<String, String>,
}

/// A view as a question: what it takes, what it answers.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Its name.
    pub view: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Its parameters: name and meaning.
    pub parameters: &'static [(&'static str, &'static str)],
    /// The tables of its document. The first is `rows`.
    pub tables: &'static [Table],
}

/// Every view's question.
pub const QUESTIONS: [Question; 7] = [
    Question {
        view: lead::NAME,
        doc: "Leads as they stand.",
        parameters: lead::PARAMETERS,
        tables: lead::TABLES,
    },
    Question {
        view: timeline::NAME,
        doc: "Everything that happened to one lead.",
        parameters: &[
            ("root", "Id of the lead. Required."),
            ("offset", "Rows to pass over; 0."),
            ("limit", "Most rows; 500, which is the most."),
        ],
        tables: timeline::TABLES,
    },
    Question {
        view: pipeline::NAME,
        doc: "Leads by phase; opportunities by stage, owner, product, quarter, reason or attribute.",
        parameters: pipeline::PARAMETERS,
        tables: pipeline::TABLES,
    },
    Question {
        view: sla::NAME,
        doc: "Acceptance clocks, lags between milestones, and waits in queues.",
        parameters: sla::PARAMETERS,
        tables: sla::TABLES,
    },
    Question {
        view: attribution::NAME,
        doc: "Credit of conversions to touches, by any model.",
        parameters: attribution::PARAMETERS,
        tables: attribution::TABLES,
    },
    Question {
        view: conversion::NAME,
        doc: "How leads of each source fare.",
        parameters: conversion::PARAMETERS,
        tables: conversion::TABLES,
    },
    Question {
        view: funnel::NAME,
        doc: "How far leads come, by cohort and by period.",
        parameters: funnel::PARAMETERS,
        tables: funnel::TABLES,
    },
];

/// The question of this view; `None` for an unknown name.
pub fn question(view: &str) -> Option<&'static Question> {
    QUESTIONS.iter().find(|question| question.view == view)
}

/// What a view's document is computed from. Pure.
pub(crate) struct Context<'a> {
    /// The present, milliseconds of UTC.
    pub(crate) now: i64,
    parameters: &'a BTreeMap<String, String>,
    rows: &'a [(Uuid, i64, Vec<u8>)],
}

impl Context<'_> {
    /// The rows, read.
    pub(crate) fn rows<R: DeserializeOwned>(&self) -> Result<Vec<(Uuid, i64, R)>, Error> {
        let read = |(key, ordinal, row): &(Uuid, i64, Vec<u8>)| {
            Ok((*key, *ordinal, serde_json::from_slice(row).map_err(Error::Row)?))
        };
        self.rows.iter().map(read).collect()
    }

    /// A parameter's text; `None` where it is absent or empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    pub(crate) fn number(&self, name: &'static str, default: usize) -> Result<usize, Error> {
        let Some(text) = self.text(name) else { return Ok(default) };
        text.parse()
            .map_err(|_| Error::Parameter { name, expected: "must be a whole number".into() })
    }

    pub(crate) fn zone(&self) -> Result<Tz, Error> {
        let expected = || "must name a time zone such as Europe/Berlin".to_owned();
        self.text("tz")
            .map_or(Ok(Tz::UTC), str::parse)
            .map_err(|_| Error::Parameter { name: "tz", expected: expected() })
    }

    pub(crate) fn span(&self) -> Result<Span, Error> {
        let expected = || "must be day, week, month, quarter or year".to_owned();
        Span::named(self.text("period").unwrap_or("month"))
            .ok_or_else(|| Error::Parameter { name: "period", expected: expected() })
    }
}

/// Answers a question with one JSON document.
///
/// # Errors
/// The view or a parameter is unknown, or the rows could not be read.
pub async fn query(store: &dyn ViewStore, request: &Request) -> Result<Value, Error> {
    let unknown = || Error::UnknownView { name: request.view.chars().take(64).collect() };
    let question = question(&request.view).ok_or_else(unknown)?;
    let known = |name: &str| question.parameters.iter().any(|(known, _)| *known == name);
    if let Some(name) = request.parameters.keys().find(|name| !known(name)) {
        let allowed = question.parameters.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        let (view, name) = (question.view, leadline_domain::refusal::shown(name).to_owned());
        return Err(Error::UnknownParameter { view, name, allowed: allowed.join(", ") });
    }
    let select = select(question, request)?;
    let rows = store.rows(question.view, request.as_of, select).await?;
    let document = document(question.view, request, &rows.rows)?;
    Ok(head(question, request, rows.position.0, document))
}

fn select(question: &Question, request: &Request) -> Result<Select, Error> {
    if !question.parameters.iter().any(|(name, _)| *name == "root") {
        return Ok(Select::All);
    }
    let expected =
        || Error::Parameter { name: "root", expected: "must be the id of a lead".into() };
    match request.parameters.get("root") {
        Some(root) => Ok(Select::Key(Uuid::parse_str(root).map_err(|_| expected())?)),
        None if question.view == timeline::NAME => Err(expected()),
        None => Ok(Select::All),
    }
}

/// The document of `view` from rows that are at hand: pure.
fn document(
    view: &str,
    request: &Request,
    rows: &[(Uuid, i64, Vec<u8>)],
) -> Result<Document, Error> {
    let now = request.instant.millis();
    let context = Context { now, parameters: &request.parameters, rows };
    match view {
        lead::NAME => lead::document(&context),
        timeline::NAME => timeline::document(&context),
        pipeline::NAME => pipeline::document(&context),
        sla::NAME => sla::document(&context),
        attribution::NAME => attribution::document(&context),
        conversion::NAME => conversion::document(&context),
        _ => funnel::document(&context),
    }
}

fn head(question: &Question, request: &Request, checkpoint: u64, document: Document) -> Value {
    let as_of = match request.as_of {
        AsOf::Now => Value::Null,
        AsOf::Time(at) => at.to_string().into(),
        AsOf::Position(_) => request.instant.to_string().into(),
    };
    let position = match request.as_of {
        AsOf::Position(position) => position.0.min(checkpoint),
        AsOf::Now | AsOf::Time(_) => checkpoint,
    };
    let mut value = json!({
        "view": question.view,
        "as_of": as_of,
        "axis": request.axis.name(),
        "position": position,
        "params": request.parameters,
        "totals": document.totals,
    });
    if let Some(object) = value.as_object_mut() {
        object.extend(document.tables);
        for table in question.tables {
            object.entry(table.name).or_insert_with(|| json!([]));
        }
    }
    value
}
