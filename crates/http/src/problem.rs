//! Errors as RFC 9457 problem details.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use leadline_capture::codec::ParseError;
use leadline_domain::refusal::Category;
use leadline_engine::error::{COMMAND_TOO_LARGE, Error, Refused, STALE_VERSION};
use serde::Serialize;
use std::error::Error as _;
use std::time::Duration;

/// Seconds after which a caller who was turned away may come again, where nothing else is known.
const RETRY_AFTER_SECONDS: u64 = 1;

/// Why a request did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(Box<Details>);

/// What a problem tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Details {
    /// The status.
    #[serde(skip)]
    http: StatusCode,
    /// Seconds after which to come again, of those that are turned away.
    #[serde(skip)]
    retry_after: u64,
    /// Phrase of the status.
    title: &'static str,
    /// Status code.
    status: u16,
    /// Stable code, `snake_case`.
    code: String,
    /// What is wrong and what to do, for people.
    detail: String,
    /// What would be accepted, where that is a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed: Vec<String>,
    /// What is missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
    /// The field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The target's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    current_version: Option<u64>,
    /// Where the refusal is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// Whether the same request may succeed later.
    retryable: bool,
}

impl Problem {
    /// A problem of this status and code.
    pub(crate) fn new(
        http: StatusCode,
        code: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(Details {
            http,
            retry_after: RETRY_AFTER_SECONDS,
            title: http.canonical_reason().unwrap_or("Error"),
            status: http.as_u16(),
            code: code.into(),
            detail: detail.into(),
            allowed: Vec::new(),
            missing: Vec::new(),
            field: None,
            current_version: None,
            position: None,
            retryable: false,
        }))
    }

    /// The request is not well formed.
    pub(crate) fn malformed(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// Too much is going on.
    pub(crate) fn busy(detail: &'static str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retryable()
    }

    /// The key has made more than its `limit` of requests a second.
    pub(crate) fn rate_limited(limit: u32, wait: Duration) -> Self {
        let detail =
            format!("a key may make {limit} requests a second; come again after `Retry-After`");
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail);
        // Whole seconds, and never too few.
        problem.0.retry_after = wait.as_secs().saturating_add(1);
        problem.retryable()
    }

    /// The caller is not known.
    pub(crate) fn unauthenticated() -> Self {
        let detail = "send `Authorization: Bearer <key>` with a key that is known and not revoked";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
    }

    /// Nothing is at this path.
    pub(crate) fn no_route() -> Self {
        let detail = "there is nothing at this path; /openapi.json lists all operations";
        Self::new(StatusCode::NOT_FOUND, "route_unknown", detail)
    }

    fn retryable(mut self) -> Self {
        self.0.retryable = true;
        self
    }

    fn refused(refused: Refused) -> Self {
        let status = match refused.category {
            Category::Conflict if refused.code == STALE_VERSION => StatusCode::PRECONDITION_FAILED,
            Category::Conflict => StatusCode::CONFLICT,
            Category::Rule => StatusCode::UNPROCESSABLE_ENTITY,
            Category::NotFound => StatusCode::NOT_FOUND,
            Category::Forbidden => StatusCode::FORBIDDEN,
            Category::Erased => StatusCode::GONE,
        };
        let mut problem = Self::new(status, refused.code, refused.detail);
        problem.0.allowed = refused.allowed;
        problem.0.missing = refused.missing;
        problem.0.current_version = refused.current_version;
        problem.0.position = refused.position.map(|position| position.0);
        problem.0.retryable = refused.retryable;
        problem
    }

    /// The problem as JSON.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).unwrap_or_else(|_| b"{}".to_vec())
    }
}

impl From<ParseError> for Problem {
    fn from(error: ParseError) -> Self {
        let mut problem = Self::malformed(error.code, error.detail);
        problem.0.field = error.field;
        problem
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Refused(refused) => Self::refused(*refused),
            Error::Forbidden { .. } => Self::new(StatusCode::FORBIDDEN, "forbidden", detail),
            Error::Invalid { code: COMMAND_TOO_LARGE, .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, COMMAND_TOO_LARGE, detail)
            }
            Error::Invalid { code, .. } => Self::malformed(code, detail),
            Error::IdempotencyPayloadMismatch => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_payload_mismatch", detail)
            }
            Error::NotFound { .. } => Self::new(StatusCode::NOT_FOUND, "not_found", detail),
            Error::ViewStopped { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "view_stopped", detail)
            }
            Error::ViewBehind { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "view_behind", detail).retryable()
            }
            Error::Hole { .. } => {
                tracing::error!(error = %detail, "The log is not whole");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "log_incomplete", detail)
            }
            Error::Busy => Self::busy("the server is busy; try again in a moment"),
            Error::Failed { part, .. } => {
                tracing::error!(part, cause = %chain(&error), "A request failed");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retryable()
            }
        }
    }
}

/// The causes of an error, outermost first.
fn chain(error: &Error) -> String {
    let mut texts = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts.join(": ")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_json()));
        *response.status_mut() = self.0.http;
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self.0.http {
            StatusCode::UNAUTHORIZED => {
                let challenge = HeaderValue::from_static("Bearer realm=\"leadline\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(self.0.retry_after));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadline_log::Position;

    fn refusal(category: Category, code: &str) -> Error {
        Error::Refused(Box::new(Refused {
            code: code.to_owned(),
            category,
            detail: "no".to_owned(),
            allowed: vec!["MarkMQL".to_owned()],
            missing: Vec::new(),
            current_version: Some(3),
            retryable: false,
            position: Some(Position(9)),
        }))
    }

    #[test]
    fn every_error_has_its_status() {
        let cases = [
            (refusal(Category::Conflict, "already_mql"), 409),
            (refusal(Category::Conflict, STALE_VERSION), 412),
            (refusal(Category::Rule, "reason_required"), 422),
            (refusal(Category::NotFound, "lead_unknown"), 404),
            (refusal(Category::Forbidden, "not_assignee"), 403),
            (refusal(Category::Erased, "erased"), 410),
            (Error::Forbidden { role: "auditor", what: "write".to_owned() }, 403),
            (Error::Invalid { code: "x", detail: String::new() }, 400),
            (Error::Invalid { code: COMMAND_TOO_LARGE, detail: String::new() }, 413),
            (Error::IdempotencyPayloadMismatch, 422),
            (Error::NotFound { what: "it".to_owned() }, 404),
            (Error::Busy, 503),
            (Error::failed("log", std::io::Error::other("disk")), 503),
        ];
        for (error, status) in cases {
            let response = Problem::from(error).into_response();
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
            assert_eq!(response.headers().contains_key(header::RETRY_AFTER), status == 503);
        }
        let response = Problem::rate_limited(2, Duration::from_millis(1_500)).into_response();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (429, &"2".parse().unwrap())
        );
        let response = Problem::unauthenticated().into_response();
        assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
    }

    #[test]
    fn a_refusal_tells_what_would_help() {
        let problem = Problem::from(refusal(Category::Conflict, "already_mql"));
        assert_eq!(
            String::from_utf8(problem.to_json()).unwrap(),
            r#"{"title":"Conflict","status":409,"code":"already_mql","detail":"no","allowed":["MarkMQL"],"current_version":3,"position":9,"retryable":false}"#
        );
    }
}
