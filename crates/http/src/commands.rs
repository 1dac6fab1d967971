//! Commands: one request, one command, one reply.

use crate::api::Api;
use crate::operation::Answer;
use crate::problem::Problem;
use crate::request::{Call, check_content_type, checked_key, idempotency, if_match, trace_id};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use leadline_capture::codec::{
    Aggregate, BODY_BYTES_MAX, CommandSpec, Options, ParseError, Parsed, command_named,
    parse_command,
};
use leadline_domain::decision::Mode;
use leadline_domain::{StreamId, Timestamp, config};
use leadline_engine::submission::{
    Body as Asked, Caller, Happened, Idempotency, Reply, Submission, Target,
};
use leadline_events::{PersonalFields, policy_json};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::time::Duration;

/// How long `?wait=VIEW` waits for the view.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(5);
/// Media types of a command's payload.
pub(crate) const JSON: &[&str] = &["application/json"];

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Runs the command of `spec` that a request to its own path holds.
pub(crate) async fn run(spec: &'static CommandSpec, mut call: Call) -> Result<Response, Problem> {
    check_content_type(&call.headers, JSON)?;
    let target = if spec.opens { Target::New } else { call.target()? };
    let body = call.take_body(BODY_BYTES_MAX).await?;
    let json: &[u8] = if body.is_empty() { b"{}" } else { &body };
    let parsed = parse_command(spec, json, options(&call.api))?;
    submit(call, opened(spec, target, parsed)?).await
}

/// Publishes a policy.
pub(crate) fn publish(mut call: Call) -> Answer {
    Box::pin(async move {
        check_content_type(&call.headers, JSON)?;
        let body = call.take_body(BODY_BYTES_MAX).await?;
        let policy = policy_json::parse(&body).map_err(|error| {
            let detail = format!("the policy cannot be published: {}", error.errors().join("; "));
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "policy_invalid", detail)
        })?;
        let payload = RawValue::from_string(policy.source.clone())
            .map_err(|_| Problem::malformed("malformed_json", "the policy is not JSON"))?;
        let body = Asked::Config(config::Command::Publish {
            document: Box::new(policy.document),
            source: policy.source,
            reference: policy.reference,
        });
        submit(call, Accepted { opens: true, target: Target::New, parsed: bare(body, payload) })
            .await
    })
}

/// Puts the policy version of the path in force.
pub(crate) fn activate(mut call: Call) -> Answer {
    Box::pin(async move {
        check_content_type(&call.headers, JSON)?;
        let policy = checked_key("the policy", call.path("policy")?)?.to_owned();
        let body = call.take_body(BODY_BYTES_MAX).await?;
        let json: &[u8] = if body.is_empty() { b"{}" } else { &body };
        let malformed = || Problem::malformed("malformed_json", "the body must be one JSON object");
        let mut fields: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(json).map_err(|_| malformed())?;
        if fields.insert("policy".to_owned(), policy.into()).is_some() {
            return Err(Problem::malformed("unknown_field", "the path names the policy already"));
        }
        let json = serde_json::to_vec(&fields).map_err(|_| malformed())?;
        let spec = command_named("ActivatePolicy").ok_or_else(Problem::no_route)?;
        let parsed = parse_command(spec, &json, options(&call.api))?;
        submit(call, Accepted { opens: false, target: Target::New, parsed }).await
    })
}

fn bare(body: Asked, payload: Box<RawValue>) -> Parsed {
    Parsed {
        body,
        personal: PersonalFields::default(),
        note: None,
        account_key: None,
        key: None,
        occurred_at: None,
        payload,
    }
}

/// How payloads of the API are read.
pub(crate) fn options(api: &Api) -> Options {
    Options { currency: api.currency, keep_extras: false }
}

/// A command that is well formed, and what it is addressed to.
pub(crate) struct Accepted {
    pub(crate) opens: bool,
    pub(crate) target: Target,
    pub(crate) parsed: Parsed,
}

/// Settles what a command is addressed to: what opens something may name the key of the new thing.
pub(crate) fn opened(
    spec: &CommandSpec,
    target: Target,
    mut parsed: Parsed,
) -> Result<Accepted, Problem> {
    let target = match (target, parsed.key.take()) {
        (Target::New, Some(key)) if spec.opens => Target::Key(key),
        (Target::New, None) if spec.aggregate == Aggregate::Campaign => {
            let detail = "`key` must be given: a campaign is known by its key".to_owned();
            let code = leadline_capture::codec::code::FIELD_MISSING;
            return Err(ParseError { code, field: Some("key".to_owned()), detail }.into());
        }
        (Target::New, None) if !spec.opens && needs_target(spec) => {
            let detail =
                format!("`{}` must be addressed to a {}", spec.name, spec.aggregate.noun());
            return Err(Problem::malformed("target_missing", detail));
        }
        (Target::Id(_), _) if spec.opens => {
            let detail = "what is opened gets an id; name it by `key:<external key>` or not at all";
            return Err(Problem::malformed("target_invalid", detail));
        }
        (target, None) => target,
        (_, Some(_)) => {
            return Err(Problem::malformed("target_invalid", "the target is named twice"));
        }
    };
    Ok(Accepted { opens: spec.opens, target, parsed })
}

fn needs_target(spec: &CommandSpec) -> bool {
    spec.aggregate != Aggregate::Policy
}

/// Who sends a command, and under which conditions.
pub(crate) struct Conditions {
    pub(crate) caller: Caller,
    pub(crate) idempotency: Idempotency,
    pub(crate) if_version: Option<u64>,
    pub(crate) occurred_at: Option<Timestamp>,
    pub(crate) trace_id: Option<String>,
}

/// The command as the engine takes it.
pub(crate) fn submission(accepted: Accepted, conditions: Conditions) -> Submission {
    let parsed = accepted.parsed;
    Submission {
        idempotency: conditions.idempotency,
        caller: conditions.caller,
        target: accepted.target,
        body: parsed.body,
        personal: parsed.personal,
        note: parsed.note,
        account_key: parsed.account_key,
        payload: parsed.payload,
        occurred_at: conditions.occurred_at.or(parsed.occurred_at),
        now: None,
        if_version: conditions.if_version,
        mode: Mode::Live,
        trace_id: conditions.trace_id,
    }
}

async fn submit(call: Call, accepted: Accepted) -> Result<Response, Problem> {
    let wait = wanted_view(&call)?;
    let opens = accepted.opens;
    let conditions = Conditions {
        idempotency: idempotency(&call.headers)?,
        if_version: if_match(&call.headers)?,
        occurred_at: None,
        trace_id: trace_id(&call.headers),
        caller: call.caller,
    };
    let reply = call.api.engine.execute(submission(accepted, conditions)).await?;
    let applied = match &wait {
        None => None,
        Some(view) => {
            let waited = call.api.projections.wait_for(view, reply.position, WAIT_MAX).await;
            Some(Waited { view, applied: waited.is_ok() })
        }
    };
    Ok(respond(&reply, opens, applied))
}

/// The view of `?wait=`; no other parameter is known.
fn wanted_view(call: &Call) -> Result<Option<String>, Problem> {
    let mut query = call.query()?;
    let wait = query.remove("wait");
    if !query.is_empty() {
        return Err(Problem::malformed("query_invalid", "a command takes no parameter but `wait`"));
    }
    match wait {
        Some(view) if !leadline_views::NAMES.contains(&view.as_str()) => {
            let names = leadline_views::NAMES.join(", ");
            let detail = format!("`wait` takes a view: one of {names}");
            Err(Problem::malformed("query_invalid", detail))
        }
        wait => Ok(wait),
    }
}

/// Whether the view that the caller waited for has applied the command.
#[derive(Serialize)]
struct Waited<'a> {
    view: &'a str,
    applied: bool,
}

/// A reply as JSON.
#[derive(Serialize)]
struct ReplyJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    position: u64,
    version: u64,
    id: uuid::Uuid,
    stream: Shown<StreamId>,
    #[serde(serialize_with = "happened")]
    events: &'a [Happened],
    repeated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_due: Option<Shown<Timestamp>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waited: Option<Waited<'a>>,
}

#[derive(Serialize)]
struct EventJson<'a> {
    position: u64,
    stream: Shown<StreamId>,
    version: u64,
    #[serde(rename = "type")]
    event_type: &'a str,
}

/// Written as it displays.
struct Shown<T>(T);

impl<T: std::fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

fn happened<S: Serializer>(events: &[Happened], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(events.iter().map(|event| EventJson {
        position: event.position.0,
        stream: Shown(event.stream),
        version: event.version,
        event_type: &event.event_type,
    }))
}

/// Whether the command opened what it was about.
fn has_opened(reply: &Reply, opens: bool) -> bool {
    opens && reply.events.iter().any(|event| event.stream == reply.target && event.version == 1)
}

fn reply_json<'a>(reply: &'a Reply, waited: Option<Waited<'a>>) -> ReplyJson<'a> {
    ReplyJson {
        status: None,
        position: reply.position.0,
        version: reply.version,
        id: reply.target.key(),
        stream: Shown(reply.target),
        events: &reply.events,
        repeated: reply.repeated,
        next_due: reply.next_due.map(Shown),
        waited,
    }
}

/// The reply as an item of a batch: with its status.
pub(crate) fn reply_item(reply: &Reply, opens: bool) -> Vec<u8> {
    let status = if has_opened(reply, opens) { StatusCode::CREATED } else { StatusCode::OK };
    let json = ReplyJson { status: Some(status.as_u16()), ..reply_json(reply, None) };
    serde_json::to_vec(&json).unwrap_or_default()
}

fn respond(reply: &Reply, opens: bool, waited: Option<Waited<'_>>) -> Response {
    let json = serde_json::to_vec(&reply_json(reply, waited)).unwrap_or_default();
    let mut response = document(json);
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", reply.version)) {
        headers.insert(header::ETAG, tag);
    }
    if reply.repeated {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    if has_opened(reply, opens) {
        let location = match reply.target {
            StreamId::Lead(id) => HeaderValue::try_from(format!("/v1/leads/{id}")).ok(),
            _ => None,
        };
        if let Some(location) = location {
            headers.insert(header::LOCATION, location);
        }
        *response.status_mut() = StatusCode::CREATED;
    }
    response
}

/// A JSON document that nobody on the way may keep.
pub(crate) fn document(json: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(json));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadline_domain::id::LeadId;
    use leadline_log::Position;

    fn reply(version: u64) -> Reply {
        let target = StreamId::Lead(LeadId(uuid::Uuid::from_u128(1)));
        let event_type = "lead.captured".to_owned();
        Reply {
            position: Position(7),
            target,
            version,
            events: vec![Happened { position: Position(7), stream: target, version, event_type }],
            repeated: false,
            next_due: None,
        }
    }

    #[test]
    fn what_was_opened_is_created_and_has_a_place() {
        let response = respond(&reply(1), true, None);
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(response.headers()[header::ETAG], "\"1\"");
        let place = "/v1/leads/00000000-0000-0000-0000-000000000001";
        assert_eq!(response.headers()[header::LOCATION], place);
        assert_eq!(respond(&reply(2), true, None).status(), StatusCode::OK);
        assert_eq!(respond(&reply(1), false, None).status(), StatusCode::OK);
    }

    #[test]
    fn an_item_of_a_batch_carries_its_status() {
        assert_eq!(
            String::from_utf8(reply_item(&reply(2), true)).unwrap(),
            r#"{"status":200,"position":7,"version":2,"id":"00000000-0000-0000-0000-000000000001","stream":"lead-00000000-0000-0000-0000-000000000001","events":[{"position":7,"stream":"lead-00000000-0000-0000-0000-000000000001","version":2,"type":"lead.captured"}],"repeated":false}"#
        );
    }
}
