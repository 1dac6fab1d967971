//! The same lives over HTTP: a real server on a real socket, one connection a client.

use super::load::{Connection, Service, Step};
use crate::failure::Failure;
use crate::node::Node;
use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use leadline_log::Position;
use serde::Deserialize;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

/// A server that runs for a measurement.
pub(super) struct Served {
    node: Arc<Node>,
    address: SocketAddr,
    bearer: String,
    tasks: TaskTracker,
}

/// Starts a server on a free port.
pub(super) async fn serve(node: &Arc<Node>) -> Result<Served, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(|error| Failure::of("listen on", &"127.0.0.1", error))?;
    let address =
        listener.local_addr().map_err(|error| Failure::of("listen on", &"127.0.0.1", error))?;
    let key =
        node.engine.local_key("bench").map_err(|error| Failure::of("make", &"a key", error))?;
    let tasks = TaskTracker::new();
    let api = node.api();
    tasks.spawn(async move {
        if let Err(error) = leadline_http::serve(listener, api).await {
            tracing::error!(%error, "The benchmark's server ended");
        }
    });
    tasks.close();
    Ok(Served { node: Arc::clone(node), address, bearer: format!("Bearer {}", key.bearer), tasks })
}

impl Served {
    pub(super) fn client(&self) -> impl Service + use<> {
        Web { node: Arc::clone(&self.node), address: self.address, bearer: self.bearer.clone() }
    }

    pub(super) async fn stop(self) {
        self.node.stop.cancel();
        self.tasks.wait().await;
    }
}

struct Web {
    node: Arc<Node>,
    address: SocketAddr,
    bearer: String,
}

#[async_trait]
impl Service for Web {
    async fn connect(&self) -> Result<Box<dyn Connection>, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::plain(format!("could not connect to the benchmark's server: {error}"))
        };
        let stream = TcpStream::connect(self.address).await.map_err(|error| failed(&error))?;
        stream.set_nodelay(true).map_err(|error| failed(&error))?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
        drop(tokio::spawn(connection));
        Ok(Box::new(WebConnection { sender, bearer: self.bearer.clone() }))
    }

    fn head(&self) -> Position {
        *self.node.engine.head().borrow()
    }
}

struct WebConnection {
    sender: SendRequest<Full<Bytes>>,
    bearer: String,
}

#[derive(Deserialize)]
struct Answer {
    id: uuid::Uuid,
}

#[async_trait]
impl Connection for WebConnection {
    async fn send(
        &mut self,
        step: Step,
        number: u64,
        lead: Option<uuid::Uuid>,
    ) -> Result<uuid::Uuid, Failure> {
        let lead = lead.unwrap_or_default();
        let (path, body) = match step {
            Step::Capture => (
                "/v1/leads".to_owned(),
                format!(
                    r#"{{"source":"Website","channel":"organic","email":"person{number}@bench.example","phone":"+49 30 {number:09}","first_name":"Ada","last_name":"Number {number}"}}"#
                ),
            ),
            Step::MarkMql => (format!("/v1/leads/{lead}/mark-mql"), "{}".to_owned()),
            Step::AcceptSal => (format!("/v1/leads/{lead}/accept-sal"), "{}".to_owned()),
            Step::Qualify => (format!("/v1/leads/{lead}/qualify"), "{}".to_owned()),
        };
        let failed = |error: &dyn std::fmt::Display| {
            Failure::plain(format!("a request of the benchmark failed: {error}"))
        };
        let request = Request::post(path)
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, &self.bearer)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| failed(&error))?;
        self.sender.ready().await.map_err(|error| failed(&error))?;
        let response = self.sender.send_request(request).await.map_err(|error| failed(&error))?;
        let status = response.status();
        let bytes =
            response.into_body().collect().await.map_err(|error| failed(&error))?.to_bytes();
        if !status.is_success() {
            return Err(failed(&format_args!("{status}: {}", String::from_utf8_lossy(&bytes))));
        }
        serde_json::from_slice::<Answer>(&bytes)
            .map(|answer| answer.id)
            .map_err(|error| failed(&error))
    }
}
