//! The table of operations, and the router made of it.

mod table;

use crate::api::Api;
use crate::commands;
use crate::operation::{Gives, Handler, Operation, Takes};
use crate::problem::Problem;
use crate::request::{Call, caller, key_id};
use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, MethodRouter};
use leadline_capture::codec::{Aggregate, CommandSpec, commands as specs};
use metrics::{Counter, Histogram};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use table::{CONDITIONS, ID, ROWS};

/// Every operation of the API.
pub(crate) fn operations() -> Vec<Operation> {
    let rows = ROWS.iter().map(|row| Operation {
        method: row.method.clone(),
        path: Cow::Borrowed(row.path),
        name: Cow::Borrowed(row.name),
        tag: row.tag,
        about: Cow::Borrowed(row.about),
        parameters: row.parameters.to_vec(),
        takes: row.takes,
        gives: row.gives,
        success: row.success,
        handler: row.handler,
    });
    // A policy is named by its version, not by an id: its row is above.
    let sent = specs().filter(|spec| spec.aggregate != Aggregate::Policy);
    let mut all: Vec<Operation> = sent.map(command).chain(rows).collect();
    let erase = specs().find(|spec| spec.aggregate == Aggregate::Subject).map(command);
    all.extend(erase.map(|erase| Operation {
        method: Method::DELETE,
        path: Cow::Borrowed("/v1/subjects/{id}"),
        name: Cow::Borrowed("delete_subject"),
        ..erase
    }));
    all
}

fn command(spec: &'static CommandSpec) -> Operation {
    let collection = spec.aggregate.collection();
    let path = if spec.opens {
        format!("/v1/{collection}")
    } else {
        format!("/v1/{collection}/{{id}}/{}", spec.path)
    };
    let id = (!spec.opens).then_some(ID);
    Operation {
        method: Method::POST,
        path: Cow::Owned(path),
        name: Cow::Borrowed(spec.name),
        tag: collection,
        about: Cow::Borrowed(spec.about),
        parameters: id.into_iter().chain(CONDITIONS).collect(),
        takes: Takes::Command(spec.name),
        gives: Gives::Reply,
        success: if spec.opens { 201 } else { 200 },
        handler: Handler::Command(spec),
    }
}

/// The API as a router.
pub fn router(api: Api) -> Router {
    let mut paths: BTreeMap<Cow<'static, str>, (MethodRouter<Api>, Vec<String>)> = BTreeMap::new();
    let answers = api.answers;
    for operation in operations() {
        if !answers && !matches!(operation.handler, Handler::Open(_)) {
            continue;
        }
        let Ok(filter) = MethodFilter::try_from(operation.method.clone()) else { continue };
        let (handler, meter) = (operation.handler, Arc::new(Meter::new(&operation)));
        let run = move |State(api): State<Api>,
                        path: Result<RawPathParams, RawPathParamsRejection>,
                        request: Request| async move {
            let begun = Instant::now();
            let response = match handle(api, handler, path, request).await {
                Ok(response) => response,
                Err(problem) => problem.into_response(),
            };
            meter.note(response.status(), begun.elapsed());
            response
        };
        let (methods, names) = paths.entry(operation.path).or_default();
        *methods = std::mem::take(methods).on(filter, run);
        names.push(operation.method.to_string());
    }
    let router = paths.into_iter().fold(Router::new(), |router, (path, (methods, names))| {
        let detail = format!("this path takes {}", names.join(", "));
        let other = move || async move {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
        };
        router.route(&path, methods.fallback(other))
    });
    router.fallback(|| async { Problem::no_route() }).with_state(api)
}

async fn handle(
    api: Api,
    handler: Handler,
    path: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Result<Response, Problem> {
    if let Handler::Open(run) = handler {
        return run(api).await;
    }
    let permit = Arc::clone(&api.requests).try_acquire_owned();
    let _permit = permit.map_err(|_| Problem::busy("too many requests are being handled"))?;
    let path =
        path.map_err(|_| Problem::malformed("path_invalid", "the path is not well-formed UTF-8"))?;
    let path = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let (parts, body) = request.into_parts();
    let caller = caller(&api, &parts.headers).await?;
    if let Some(rates) = &api.rates {
        // Asked of known keys only: what is kept has as many entries as there are keys.
        let counted = rates.count(key_id(&parts.headers), Instant::now());
        counted.map_err(|wait| Problem::rate_limited(rates.limit.get(), wait))?;
    }
    let call =
        Call { api, caller, uri: parts.uri, headers: parts.headers, body: Mutex::new(body), path };
    match handler {
        Handler::Keyed(run) => run(call).await,
        Handler::Command(spec) => commands::run(spec, call).await,
        Handler::Open(_) => Err(Problem::no_route()),
    }
}

/// Counts and times the requests of one operation. Its labels are the route's template, never the path itself.
struct Meter {
    method: Method,
    route: String,
    by_class: [Counter; 6],
    seconds: Histogram,
}

impl Meter {
    fn new(operation: &Operation) -> Self {
        let (method, route) = (operation.method.to_string(), operation.path.to_string());
        let by_class = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"].map(|class| {
            metrics::counter!("leadline_http_requests_total", "method" => method.clone(),
                "route" => route.clone(), "status" => class)
        });
        let seconds = metrics::histogram!("leadline_http_request_seconds",
            "method" => method, "route" => route.clone());
        Self { method: operation.method.clone(), route, by_class, seconds }
    }

    fn note(&self, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100);
        if let Some(counter) = self.by_class.get(class).or(self.by_class.first()) {
            counter.increment(1);
        }
        self.seconds.record(took);
        let (method, route, status) = (&self.method, &self.route, status.as_u16());
        let micros = took.as_micros();
        match status {
            500.. => tracing::warn!(%method, %route, status, micros, "request"),
            401 | 403 => tracing::info!(%method, %route, status, micros, "request"),
            _ => tracing::debug!(%method, %route, status, micros, "request"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_operation_has_its_own_place_and_name() {
        let mut places = BTreeSet::new();
        let mut names = BTreeSet::new();
        for operation in operations() {
            let place = (operation.method.to_string(), operation.path.to_string());
            assert!(places.insert(place), "{} {}", operation.method, operation.path);
            assert!(names.insert(operation.name.to_string()), "{}", operation.name);
        }
    }

    #[test]
    fn every_parameter_of_a_path_is_described() {
        for operation in operations() {
            let described: Vec<&str> = operation
                .parameters
                .iter()
                .filter(|parameter| parameter.place == "path")
                .map(|parameter| parameter.name)
                .collect();
            let named: Vec<&str> = operation
                .path
                .split('/')
                .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            assert_eq!(described, named, "{}", operation.path);
        }
    }
}
