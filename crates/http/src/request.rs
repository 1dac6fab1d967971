//! What a request says beside its path: caller, conditions, keys, body.

use crate::api::Api;
use crate::problem::Problem;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use leadline_capture::codec::KEY_BYTES_MAX;
use leadline_engine::submission::{Caller, Idempotency, Target};
use leadline_log::Position;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// How long a body may take to arrive.
pub(crate) const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// The prefix of a target that is named by its source system's key.
const KEY_PREFIX: &str = "key:";

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A request whose caller is known.
pub(crate) struct Call {
    pub(crate) api: Api,
    pub(crate) caller: Caller,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// In a lock that nobody ever waits for: a body alone could not be shared between threads.
    pub(crate) body: Mutex<Body>,
    /// Parameters of the path, by name, decoded.
    pub(crate) path: Vec<(String, String)>,
}

impl Call {
    /// The parameter `name` of the path.
    pub(crate) fn path(&self, name: &str) -> Result<&str, Problem> {
        let found = self.path.iter().find(|(one, _)| one == name);
        found.map(|(_, value)| value.as_str()).ok_or_else(Problem::no_route)
    }

    /// What `{id}` of the path names.
    pub(crate) fn target(&self) -> Result<Target, Problem> {
        target(self.path("id")?)
    }

    /// The parameters of the query.
    pub(crate) fn query(&self) -> Result<BTreeMap<String, String>, Problem> {
        query(&self.uri)
    }

    /// The body, to be read piece by piece.
    pub(crate) fn body_stream(&mut self) -> Body {
        std::mem::take(self.body.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

    /// The whole body, at most `limit` bytes.
    pub(crate) async fn take_body(&mut self, limit: usize) -> Result<Bytes, Problem> {
        read_body(self.body_stream(), limit).await
    }
}

/// The parameters of a query; none may be given twice.
pub(crate) fn query(uri: &Uri) -> Result<BTreeMap<String, String>, Problem> {
    let invalid = |detail: &str| Problem::malformed("query_invalid", detail);
    let Some(text) = uri.query() else { return Ok(BTreeMap::new()) };
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|_| invalid("the query is not well formed"))?;
    let count = pairs.0.len();
    let parameters: BTreeMap<String, String> = pairs.0.into_iter().collect();
    if parameters.len() != count || text.contains("%00") {
        return Err(invalid("a parameter is given twice, or holds a NUL character"));
    }
    Ok(parameters)
}

/// Who calls. Without a key, whoever the server takes callers without one for, if anybody.
pub(crate) async fn caller(api: &Api, headers: &HeaderMap) -> Result<Caller, Problem> {
    if !headers.contains_key(header::AUTHORIZATION) {
        return api.engine.anonymous().ok_or_else(Problem::unauthenticated);
    }
    let bearer = bearer(headers).ok_or_else(Problem::unauthenticated)?;
    api.engine.authenticate(bearer).await?.ok_or_else(Problem::unauthenticated)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The public id of the key that a request is made with; empty without one.
pub(crate) fn key_id(headers: &HeaderMap) -> &str {
    bearer(headers).and_then(|bearer| bearer.split_once('.')).map_or("", |(id, _)| id)
}

/// What a text names: an id, or a source system's key after `key:`.
pub(crate) fn target(text: &str) -> Result<Target, Problem> {
    if let Some(key) = text.strip_prefix(KEY_PREFIX) {
        return Ok(Target::Key(checked_key("the key", key)?.to_owned()));
    }
    Uuid::try_parse(text).map(Target::Id).map_err(|_| {
        Problem::malformed("target_invalid", "name it by its id or by `key:<external key>`")
    })
}

/// A key, where it is neither blank nor too long.
pub(crate) fn checked_key<'a>(what: &str, key: &'a str) -> Result<&'a str, Problem> {
    if key.trim().is_empty() || key.len() > KEY_BYTES_MAX || key.contains('\0') {
        let detail = format!("{what} has 1 to {KEY_BYTES_MAX} bytes and no NUL character");
        return Err(Problem::malformed("key_invalid", detail));
    }
    Ok(key)
}

/// The idempotency key, quoted as a structured field or bare.
pub(crate) fn idempotency(headers: &HeaderMap) -> Result<Idempotency, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(Idempotency::None) };
    let invalid =
        || Problem::malformed("key_invalid", "`Idempotency-Key` is one text, best a quoted string");
    if headers.get_all(IDEMPOTENCY_KEY).iter().nth(1).is_some() {
        return Err(invalid());
    }
    let text = value.to_str().map_err(|_| invalid())?.trim();
    let bare = match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').ok_or_else(invalid)?,
        None => text,
    };
    Ok(Idempotency::Key(checked_key("`Idempotency-Key`", bare)?.to_owned()))
}

/// The version that the target must have.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let version = bare.and_then(|bare| bare.parse().ok());
    version.map(Some).ok_or_else(|| {
        let detail = "`If-Match` takes one quoted version as `ETag` gave it, such as \"3\"";
        Problem::malformed("if_match_invalid", detail)
    })
}

/// The trace id of a well-formed `traceparent`; anything else begins a trace of its own.
pub(crate) fn trace_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(TRACEPARENT)?.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let hex = |part: &str, length: usize| {
        part.len() == length
            && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let nonzero = |part: &str| part.bytes().any(|byte| byte != b'0');
    let valid = hex(version, 2)
        && version != "ff"
        && hex(trace, 32)
        && hex(span, 16)
        && nonzero(trace)
        && nonzero(span);
    valid.then(|| trace.to_owned())
}

/// Refuses a body that says to be something else than one of `accepted`.
pub(crate) fn check_content_type(headers: &HeaderMap, accepted: &[&str]) -> Result<(), Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let kind = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if accepted.iter().any(|one| one.eq_ignore_ascii_case(kind)) {
        return Ok(());
    }
    let detail = format!("this operation takes {}", accepted.join(" or "));
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type_unsupported", detail))
}

async fn read_body(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let collected = tokio::time::timeout(BODY_TIME_MAX, Limited::new(body, limit).collect());
    match collected.await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!("a body has at most {limit} bytes"),
        )),
        Ok(Err(_)) => Err(Problem::malformed("body_incomplete", "the body did not arrive whole")),
        Err(_) => Err(too_slow()),
    }
}

/// The body does not arrive in time.
pub(crate) fn too_slow() -> Problem {
    let detail = "the body took too long to arrive";
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail)
}

/// A position in a query or header.
pub(crate) fn position(name: &str, text: &str) -> Result<Position, Problem> {
    let detail = || format!("`{name}` takes a position: a whole number from 0");
    text.parse().map(Position).map_err(|_| Problem::malformed("query_invalid", detail()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_target_is_an_id_or_a_key() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(target(id), Ok(Target::Id(id.parse().unwrap())));
        assert_eq!(target("key:a/b c"), Ok(Target::Key("a/b c".to_owned())));
        for text in ["", "12", "key:", "key: "] {
            assert!(target(text).is_err(), "{text}");
        }
        assert!(target(&format!("key:{}", "x".repeat(KEY_BYTES_MAX))).is_ok());
        assert!(target(&format!("key:{}", "x".repeat(KEY_BYTES_MAX + 1))).is_err());
    }

    #[test]
    fn an_idempotency_key_is_quoted_or_bare() {
        let read = |value| idempotency(&headers(IDEMPOTENCY_KEY, value));
        assert_eq!(idempotency(&HeaderMap::new()), Ok(Idempotency::None));
        assert_eq!(read("\"a-1\""), Ok(Idempotency::Key("a-1".to_owned())));
        assert_eq!(read("a-1"), Ok(Idempotency::Key("a-1".to_owned())));
        assert!(read("\"a-1").is_err());
        assert!(read("\"\"").is_err());
    }

    #[test]
    fn a_condition_is_one_quoted_version() {
        let read = |value| if_match(&headers(header::IF_MATCH, value));
        assert_eq!(if_match(&HeaderMap::new()), Ok(None));
        assert_eq!(read("\"12\""), Ok(Some(12)));
        assert_eq!(read("*"), Ok(None));
        for text in ["12", "W/\"12\"", "\"x\"", "\"1\", \"2\""] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_a_sound_trace_is_followed() {
        let read = |value| trace_id(&headers(TRACEPARENT, value));
        let trace = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(
            read("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").as_deref(),
            Some(trace)
        );
        for text in [
            "",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_parameter_is_given_once() {
        let read = |text: &str| query(&text.parse().unwrap());
        assert_eq!(read("/x").unwrap().len(), 0);
        assert_eq!(read("/x?a=1&b=%C3%A9").unwrap()["b"], "é");
        assert!(read("/x?a=1&a=2").is_err());
    }

    #[test]
    fn another_media_type_is_refused() {
        let read = |value| {
            check_content_type(&headers(header::CONTENT_TYPE, value), &["application/json"])
        };
        assert!(read("application/json; charset=utf-8").is_ok());
        assert!(read("text/plain").is_err());
    }
}
