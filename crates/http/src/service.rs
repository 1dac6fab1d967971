//! What machines ask about the process itself.

use crate::api::Api;
use crate::commands::document;
use crate::operation::Answer;
use crate::{documents, openapi};
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use leadline_engine::LagMax;
use serde_json::Value;

/// How far a view may trail the log of a process that is ready.
const VIEW_LAG_MAX: LagMax = LagMax { events: 10_000, seconds: 60.0 };

/// The process lives.
pub(crate) fn health(_: Api) -> Answer {
    Box::pin(async { Ok(document(br#"{"status":"alive"}"#.to_vec())) })
}

/// The log can be written, and views are near its head.
pub(crate) fn ready(api: Api) -> Answer {
    Box::pin(async move {
        let (ready, report) = look(&api).await;
        let mut response = document(report.to_string().into_bytes());
        if !ready {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        Ok(response)
    })
}

/// Whether the process can do its work, and what is told of it. Metrics say the same afterwards.
async fn look(api: &Api) -> (bool, Value) {
    let (mut ready, mut report) = api.engine.ready(&api.projections, VIEW_LAG_MAX).await;
    if let (Some(delivery), Some(report)) = (&api.delivery, report.as_object_mut()) {
        let delivery = delivery();
        // A server without NATS for a while does its work; one whose stream is of another past needs its operator.
        ready &= delivery.get("ready") != Some(&Value::Bool(false));
        report.insert("ready".to_owned(), ready.into());
        report.insert("delivery".to_owned(), delivery);
    }
    (ready, report)
}

/// Metrics, as Prometheus reads them, as they are now.
pub(crate) fn metrics(api: Api) -> Answer {
    Box::pin(async move {
        drop(look(&api).await);
        let text = api.metrics.render();
        Ok(text_of("text/plain; version=0.0.4; charset=utf-8", Body::from(text)))
    })
}

/// The API's description.
pub(crate) fn description(_: Api) -> Answer {
    Box::pin(async { Ok(text_of("application/json", Body::from(openapi::DOCUMENT.as_bytes()))) })
}

/// The API's description for people.
pub(crate) fn docs(_: Api) -> Answer {
    Box::pin(async {
        let page = Body::from(documents::PAGE.as_bytes());
        let mut response = text_of("text/html; charset=utf-8", page);
        let policy =
            "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        Ok(response)
    })
}

/// The style of that page.
pub(crate) fn style(_: Api) -> Answer {
    Box::pin(async { Ok(text_of("text/css; charset=utf-8", Body::from(documents::STYLE))) })
}

fn text_of(kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
