//! Many commands in one request: one result each, in order.

use crate::commands::{Conditions, document, opened, options, reply_item, submission};
use crate::operation::Answer;
use crate::problem::Problem;
use crate::request::{Call, check_content_type, checked_key, target, trace_id};
use axum::http::{HeaderValue, StatusCode, header};
use leadline_capture::codec::{
    BODY_BYTES_MAX, REQUEST_COMMANDS_MAX, command_named, name_unknown, parse_command,
};
use leadline_domain::Timestamp;
use leadline_engine::submission::{Idempotency, Submission, Target};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Media types of many commands.
pub(crate) const BATCHES: &[&str] =
    &["application/json", "application/x-ndjson", "application/jsonl"];

/// One command of the request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item<'a> {
    #[serde(borrow, rename = "type")]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    target: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
    #[serde(borrow, default)]
    idempotency_key: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    occurred_at: Option<Cow<'a, str>>,
    #[serde(default)]
    if_version: Option<u64>,
}

/// Runs the commands of the body.
pub(crate) fn run(mut call: Call) -> Answer {
    Box::pin(async move {
        check_content_type(&call.headers, BATCHES)?;
        let body = call.take_body(BODY_BYTES_MAX).await?;
        let lines = body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'[');
        let items = if lines { split_lines(&body) } else { split_array(&body)? };
        if items.len() > REQUEST_COMMANDS_MAX {
            let detail = format!("a request holds at most {REQUEST_COMMANDS_MAX} commands");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_commands", detail));
        }
        let results = execute(&call, &items).await;
        let mut json =
            Vec::with_capacity(results.iter().map(|one| one.len() + 1).sum::<usize>() + 2);
        if !lines {
            json.push(b'[');
        }
        for (index, result) in results.iter().enumerate() {
            if index > 0 && !lines {
                json.push(b',');
            }
            json.extend_from_slice(result);
            if lines {
                json.push(b'\n');
            }
        }
        if !lines {
            json.push(b']');
        }
        let mut response = document(json);
        if lines {
            let kind = HeaderValue::from_static("application/x-ndjson");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        Ok(response)
    })
}

fn split_lines(body: &[u8]) -> Vec<&[u8]> {
    body.split(|byte| *byte == b'\n')
        .filter(|line| !line.iter().all(u8::is_ascii_whitespace))
        .collect()
}

fn split_array(body: &[u8]) -> Result<Vec<&[u8]>, Problem> {
    let items: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        Problem::malformed("malformed_json", format!("not a JSON array of commands at {place}"))
    })?;
    Ok(items.into_iter().map(|item| item.get().as_bytes()).collect())
}

/// One result for each of `items`, as JSON.
async fn execute(call: &Call, items: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut submissions = Vec::with_capacity(items.len());
    let mut results = Vec::with_capacity(items.len());
    let mut sent = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match read(call, item) {
            Ok((opens, submission)) => {
                results.push(Vec::new());
                sent.push((index, opens));
                submissions.push(submission);
            }
            Err(problem) => results.push(problem.to_json()),
        }
    }
    let replies = call.api.engine.execute_in_order(submissions).await;
    for ((index, opens), reply) in sent.into_iter().zip(replies) {
        if let Some(result) = results.get_mut(index) {
            *result = match reply {
                Ok(reply) => reply_item(&reply, opens),
                Err(error) => Problem::from(error).to_json(),
            };
        }
    }
    results
}

fn read(call: &Call, json: &[u8]) -> Result<(bool, Submission), Problem> {
    let item: Item<'_> = serde_json::from_slice(json).map_err(|_| {
        let detail = "a command is an object of `type`, `target`, `payload`, `idempotency_key`, `occurred_at` and `if_version`";
        Problem::malformed("malformed_json", detail)
    })?;
    let spec = command_named(&item.name).ok_or_else(|| Problem::from(name_unknown(&item.name)))?;
    let target = match item.target.as_deref() {
        None => Target::New,
        Some(text) => target(text)?,
    };
    let idempotency = match item.idempotency_key.as_deref() {
        None => Idempotency::None,
        Some(key) => Idempotency::Key(checked_key("`idempotency_key`", key)?.to_owned()),
    };
    let occurred_at = item.occurred_at.as_deref().map(Timestamp::parse).transpose();
    let occurred_at = occurred_at
        .map_err(|_| Problem::malformed("field_invalid", "`occurred_at` takes an RFC 3339 time"))?;
    let payload = item.payload.map_or("{}", RawValue::get);
    let parsed = parse_command(spec, payload.as_bytes(), options(&call.api))?;
    let accepted = opened(spec, target, parsed)?;
    let opens = accepted.opens;
    let conditions = Conditions {
        caller: call.caller.clone(),
        idempotency,
        if_version: item.if_version,
        occurred_at,
        trace_id: trace_id(&call.headers),
    };
    Ok((opens, submission(accepted, conditions)))
}
