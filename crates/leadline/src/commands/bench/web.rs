//! The same lives over HTTP: a real server on a real socket, one connection a client.

use super::load::{Connection, Service, Step};
use crate::failure::Failure;
use crate::node::Node;
use async_trait::async_trait;
use leadline_log::Position;
use serde::Deserialize;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
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
    let api = leadline_http::Api::new(node.api());
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
        let stream = TcpStream::connect(self.address).await.map_err(|error| failed(&error))?;
        stream.set_nodelay(true).map_err(|error| failed(&error))?;
        let head = format!(
            "host: localhost\r\nauthorization: {}\r\ncontent-type: application/json\r\n",
            self.bearer
        );
        Ok(Box::new(WebConnection { stream, head, buffer: Vec::with_capacity(4_096) }))
    }

    fn head(&self) -> Position {
        *self.node.engine.head().borrow()
    }
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::plain(format!("a request of the benchmark failed: {error}"))
}

/// A connection that costs next to nothing, so that what is measured is the server: both share the machine.
struct WebConnection {
    stream: TcpStream,
    /// The header fields that every request has.
    head: String,
    buffer: Vec<u8>,
}

#[derive(Deserialize)]
struct Answer {
    id: uuid::Uuid,
}

/// Where the body of a response begins and ends, once its head is there. The server sends lengths, never chunks.
fn frame(response: &[u8]) -> Option<(bool, usize, usize)> {
    let text = std::str::from_utf8(response).ok()?;
    let begin = text.find("\r\n\r\n")? + 4;
    let length = text.get(..begin)?.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    })?;
    Some((text.starts_with("HTTP/1.1 2"), begin, begin + length))
}

impl WebConnection {
    async fn call(&mut self, path: &str, body: &str) -> Result<uuid::Uuid, Failure> {
        let request = format!(
            "POST {path} HTTP/1.1\r\n{}content-length: {}\r\n\r\n{body}",
            self.head,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await.map_err(|error| failed(&error))?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await.map_err(|error| failed(&error))? == 0 {
                return Err(failed(&"the server closed the connection"));
            }
            let Some((success, begin, end)) = frame(&self.buffer) else { continue };
            let Some(body) = self.buffer.get(begin..end) else { continue };
            if !success {
                return Err(failed(&String::from_utf8_lossy(&self.buffer)));
            }
            return serde_json::from_slice::<Answer>(body)
                .map(|answer| answer.id)
                .map_err(|error| failed(&error));
        }
    }
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
        match step {
            Step::Capture => {
                let body = format!(
                    r#"{{"source":"Website","channel":"organic","email":"person{number}@bench.example","phone":"+49 30 {number:09}","first_name":"Ada","last_name":"Number {number}"}}"#
                );
                self.call("/v1/leads", &body).await
            }
            Step::MarkMql => self.call(&format!("/v1/leads/{lead}/mark-mql"), "{}").await,
            Step::AcceptSal => self.call(&format!("/v1/leads/{lead}/accept-sal"), "{}").await,
            Step::Qualify => self.call(&format!("/v1/leads/{lead}/qualify"), "{}").await,
            Step::Contact => {
                let path = format!("/v1/leads/{lead}/log-contact-attempt");
                self.call(&path, r#"{"channel":"telephone"}"#).await
            }
        }
    }
}
