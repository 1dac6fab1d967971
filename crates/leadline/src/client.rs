//! One way to call the API: the router in this process, or a server over HTTP.

use crate::failure::{FAILED, Failure, REFUSED, USAGE};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tower::ServiceExt as _;

/// Largest reply that is taken, in bytes.
const REPLY_BYTES_MAX: usize = 1 << 30;

/// Where calls go.
enum Way {
    /// The router in this process.
    Local(Router),
    /// A server.
    Remote { address: String, client: Box<Client<HttpConnector, Body>> },
}

/// A caller of the API.
pub(crate) struct Caller {
    way: Way,
    bearer: String,
}

impl Caller {
    /// Calls the router in this process.
    pub(crate) const fn local(router: Router, bearer: String) -> Self {
        Self { way: Way::Local(router), bearer }
    }

    /// Calls a server, such as `http://127.0.0.1:8080`.
    pub(crate) fn remote(address: &str, bearer: String) -> Self {
        let client = Box::new(Client::builder(TokioExecutor::new()).build_http());
        Self {
            way: Way::Remote { address: address.trim_end_matches('/').to_owned(), client },
            bearer,
        }
    }

    /// A GET.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, path, Body::empty(), &[]).await
    }

    /// A POST of JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let json = [("content-type", "application/json")];
        self.call(Method::POST, path, Body::from(body.to_string()), &json).await
    }

    /// A call; a reply that is no success becomes a failure that says what the server said.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Body,
        headers: &[(&str, &str)],
    ) -> Result<Value, Failure> {
        let target = match &self.way {
            Way::Local(_) => path.to_owned(),
            Way::Remote { address, .. } => format!("{address}{path}"),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(&target)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.bearer));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).map_err(|error| Failure::of("call", &path, error))?;
        let response = match &self.way {
            Way::Local(router) => match router.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            },
            Way::Remote { client, address } => client
                .request(request)
                .await
                .map_err(|error| Failure::of("call the server at", address, error))?
                .map(Body::new),
        };
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), REPLY_BYTES_MAX)
            .await
            .map_err(|error| Failure::of("read the reply of", &target, error))?;
        let reply = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status.is_success() { Ok(reply) } else { Err(problem(status, &reply)) }
    }
}

/// A problem document as the command line tells it.
fn problem(status: StatusCode, reply: &Value) -> Failure {
    let text = |name: &str| reply.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut message = match (text("code"), text("detail")) {
        ("", "") => format!("the server answered {status}"),
        ("", detail) => detail.to_owned(),
        (code, detail) => format!("{detail} ({code})"),
    };
    if let Some(allowed) =
        reply.get("allowed").and_then(Value::as_array).filter(|list| !list.is_empty())
    {
        let names: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
        message.push_str("; allowed: ");
        message.push_str(&names.join(", "));
    }
    let code = match status {
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => USAGE,
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::CONFLICT
        | StatusCode::UNPROCESSABLE_ENTITY
        | StatusCode::GONE
        | StatusCode::PRECONDITION_FAILED => REFUSED,
        _ => FAILED,
    };
    Failure { message, code }
}

/// A text as one segment or value of a URL.
pub(crate) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut url, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b':') {
            url.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _written = write!(url, "%{byte:02X}");
        }
        url
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rule_refuses_is_told_from_what_failed() {
        let code = |status| problem(status, &Value::Null).code;
        for status in [401, 403, 409, 410, 412, 422].map(|code| StatusCode::from_u16(code).unwrap())
        {
            assert_eq!(code(status), REFUSED, "{status}");
        }
        assert_eq!(code(StatusCode::NOT_FOUND), USAGE);
        assert_eq!(code(StatusCode::SERVICE_UNAVAILABLE), FAILED);
    }

    #[test]
    fn what_a_url_would_misread_is_escaped() {
        assert_eq!(encoded("key:a b/ü&x"), "key:a%20b%2F%C3%BC%26x");
    }
}
