//! An API on an engine of its own.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, header};
use http_body_util::BodyExt as _;
use leadline_domain::money::Currency;
use leadline_engine::{Caller, Engine, Projections, Role};
use leadline_http::{Api, Parts, router};
use leadline_log::clock::System;
use leadline_store::sqlite::lock::Lock;
use leadline_store::sqlite::log::SqliteLog;
use leadline_store::sqlite::vault::SqliteVault;
use leadline_store::sqlite::views::SqliteViews;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::Value;
use std::num::NonZeroU32;
use std::sync::Arc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

pub(crate) struct Place {
    pub(crate) router: Router,
    pub(crate) engine: Arc<Engine>,
    pub(crate) stop: CancellationToken,
    pub(crate) admin: String,
    pub(crate) folder: TempDir,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub(crate) fn code(&self) -> String {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{self:?}");
        self.json()["code"].as_str().unwrap().to_owned()
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

pub(crate) async fn place() -> Place {
    limited(None).await
}

/// The same, where each key may make so many requests a second.
pub(crate) async fn limited(rate: Option<NonZeroU32>) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let lock = Arc::new(Lock::acquire(&folder.path().join("test.db")).unwrap());
    let log = SqliteLog::open(lock, Arc::new(System), &System, true).unwrap();
    let vault = SqliteVault::open(&folder.path().join("keys"), Arc::new(System), true).unwrap();
    let views = SqliteViews::open(&folder.path().join("views")).unwrap();
    let log: Arc<dyn leadline_log::LogBackend> = Arc::new(log);
    let parts = leadline_engine::Parts {
        log: Arc::clone(&log),
        vault: Arc::new(vault),
        clock: Arc::new(System),
        ids: Arc::new(System),
        commits: leadline_log::committer::Options::default(),
        anonymous: None,
    };
    let engine = Engine::start(parts).await.unwrap();
    let projections =
        Projections::open(&log, Arc::new(views), leadline_views::NAMES.to_vec()).await.unwrap();
    let stop = CancellationToken::new();
    let (following, engine_followed, ended) =
        (Arc::clone(&projections), Arc::clone(&engine), stop.clone());
    tokio::spawn(async move { following.run(&engine_followed, None, ended).await });
    let admin =
        engine.create_key(&Caller::system("test"), "ann", Role::Admin).await.unwrap().bearer;
    let api = Api::new(Parts {
        engine: Arc::clone(&engine),
        projections,
        metrics: PrometheusBuilder::new().build_recorder().handle(),
        currency: Currency::EUR,
        spool: folder.path().to_owned(),
        stop: stop.clone(),
        delivery: None,
        answers: true,
    });
    Place { router: router(api.with_rate_limit(rate)), engine, stop, admin, folder }
}

impl Place {
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Reply {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap());
        request = request.uri(path);
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.admin));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Reply { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.call("POST", path, &body.to_string(), &[]).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, "", &[]).await
    }

    pub(crate) async fn key(&self, role: Role) -> String {
        let caller = Caller::system("test");
        let key = self.engine.create_key(&caller, role.name(), role).await.unwrap();
        format!("Bearer {}", key.bearer)
    }
}
