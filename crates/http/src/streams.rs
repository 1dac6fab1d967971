//! Server-sent events: the log as it grows, and views as they move.

use crate::api::Api;
use crate::operation::Answer;
use crate::problem::Problem;
use crate::request::{Call, caller, key_id, position};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use leadline_log::Position;
use serde_json::Value;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// Longest silence on a stream before a comment shows that it lives.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events read and sent at once.
const PAGE_EVENTS: usize = 200;

/// One open stream.
struct Open {
    api: Api,
    headers: HeaderMap,
    head: watch::Receiver<Position>,
    after: Position,
    /// The view, for a stream of its moves.
    view: Option<String>,
    done: bool,
    _permit: OwnedSemaphorePermit,
}

/// The log as it grows.
pub(crate) fn events(call: Call) -> Answer {
    Box::pin(async move {
        let after = begin(&call)?.unwrap_or(Position::START);
        // Who may not read learns it from the status, not from a stream that ends at once.
        call.api.engine.events(&call.caller, after, 1).await?;
        Ok(respond(open(call, after, None)?))
    })
}

/// A view as it moves.
pub(crate) fn moves(call: Call) -> Answer {
    Box::pin(async move {
        let name = call.path("name")?.to_owned();
        if !leadline_views::NAMES.contains(&name.as_str()) {
            let what = format!("the view (there are {})", leadline_views::NAMES.join(", "));
            return Err(leadline_engine::Error::NotFound { what }.into());
        }
        if !call.caller.role.reads() {
            let what = "read views".to_owned();
            let role = call.caller.role.name();
            return Err(leadline_engine::Error::Forbidden { role, what }.into());
        }
        let after = begin(&call)?.unwrap_or(Position::START);
        Ok(respond(open(call, after, Some(name))?))
    })
}

/// Where to go on: after the last event that the caller has seen.
fn begin(call: &Call) -> Result<Option<Position>, Problem> {
    let mut query = call.query()?;
    let after = query.remove("after");
    if !query.is_empty() {
        return Err(Problem::malformed("query_invalid", "a stream takes no parameter but `after`"));
    }
    let seen = call.headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default());
    match (seen, after) {
        (Some(seen), _) => position("Last-Event-ID", seen).map(Some),
        (None, Some(after)) => position("after", &after).map(Some),
        (None, None) => Ok(None),
    }
}

fn open(call: Call, after: Position, view: Option<String>) -> Result<Open, Problem> {
    let permit = call.api.streams.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Problem::busy("too many event streams are open"))?;
    let head = call.api.engine.head();
    Ok(Open {
        api: call.api,
        headers: call.headers,
        head,
        after,
        view,
        done: false,
        _permit: permit,
    })
}

fn respond(open: Open) -> Response {
    let chunks = stream::unfold(open, |mut open| async move {
        let stop = open.api.stop.clone();
        let chunk = tokio::select! {
            () = stop.cancelled() => return None,
            chunk = open.next() => chunk?,
        };
        Some((Ok::<_, Infallible>(Bytes::from(chunk)), open))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Open {
    /// The next piece of the stream; `None` at its end.
    async fn next(&mut self) -> Option<Vec<u8>> {
        if self.done {
            return None;
        }
        let next =
            if self.view.is_some() { self.next_move().await } else { self.next_events().await };
        Some(next.unwrap_or_else(|problem| {
            self.done = true;
            sse(None, "problem", &problem.to_json())
        }))
    }

    async fn next_events(&mut self) -> Result<Vec<u8>, Problem> {
        loop {
            self.head.borrow_and_update();
            let reader = caller(&self.api, &self.headers).await?;
            let page = self.api.engine.events(&reader, self.after, PAGE_EVENTS).await?;
            // Asked again after each reading: a key that was revoked meanwhile gets nothing of it.
            caller(&self.api, &self.headers).await?;
            let events = page.get("events").and_then(Value::as_array);
            let mut chunk = Vec::new();
            for event in events.into_iter().flatten() {
                let Some(at) = event.get("position").and_then(Value::as_u64) else { continue };
                if revokes(event, key_id(&self.headers)) {
                    // The log may be read before the revocation has come round to the keys.
                    self.done = true;
                    chunk.extend(sse(None, "problem", &Problem::unauthenticated().to_json()));
                    return Ok(chunk);
                }
                let kind = event.get("type").and_then(Value::as_str).unwrap_or("event");
                let json = serde_json::to_vec(event).unwrap_or_default();
                chunk.extend(sse(Some(at), kind, &json));
                self.after = Position(at);
            }
            if !chunk.is_empty() {
                return Ok(chunk);
            }
            match tokio::time::timeout(HEARTBEAT, self.head.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Problem::busy("the server is closing")),
                Err(_) => return Ok(b":\n\n".to_vec()),
            }
        }
    }

    async fn next_move(&mut self) -> Result<Vec<u8>, Problem> {
        let Some(view) = self.view.clone() else { return Err(Problem::no_route()) };
        let mut progress = self.api.projections.progress();
        let after = self.after;
        let moved = progress.wait_for(|progress| {
            progress.stopped.contains_key(view.as_str())
                || progress.positions.get(view.as_str()).is_none_or(|reached| *reached > after)
        });
        let moved = match tokio::time::timeout(HEARTBEAT, moved).await {
            Ok(Ok(progress)) => progress.clone(),
            Ok(Err(_)) => return Err(Problem::busy("the server is closing")),
            Err(_) => return Ok(b":\n\n".to_vec()),
        };
        if let Some(why) = moved.stopped.get(view.as_str()) {
            let why = why.clone();
            return Err(leadline_engine::Error::ViewStopped { view, why }.into());
        }
        let Some(at) = moved.positions.get(view.as_str()).copied() else {
            return Err(Problem::no_route());
        };
        caller(&self.api, &self.headers).await?;
        self.after = at;
        let json = serde_json::json!({"view": view, "position": at.0});
        Ok(sse(Some(at.0), "moved", json.to_string().as_bytes()))
    }
}

/// Whether this is the event by which `key` was revoked.
fn revokes(event: &Value, key: &str) -> bool {
    event.get("type").and_then(Value::as_str) == Some("config.key_revoked")
        && event.pointer("/data/key").and_then(Value::as_str) == Some(key)
}

/// One event of a stream. `json` holds no line break.
fn sse(id: Option<u64>, kind: &str, json: &[u8]) -> Vec<u8> {
    let mut chunk = Vec::with_capacity(json.len().saturating_add(64));
    if let Some(id) = id {
        chunk.extend_from_slice(b"id: ");
        chunk.extend_from_slice(id.to_string().as_bytes());
        chunk.push(b'\n');
    }
    chunk.extend_from_slice(b"event: ");
    chunk.extend_from_slice(kind.as_bytes());
    chunk.extend_from_slice(b"\ndata: ");
    chunk.extend_from_slice(json);
    chunk.extend_from_slice(b"\n\n");
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_written_as_browsers_read_it() {
        assert_eq!(sse(Some(7), "a.b", b"{}"), b"id: 7\nevent: a.b\ndata: {}\n\n");
        assert_eq!(sse(None, "problem", b"{}"), b"event: problem\ndata: {}\n\n");
    }
}
