//! A NATS server of a test's own: on a free port, with a folder of its own.

use async_nats::jetstream::Context;
use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// How long a server may take to answer.
const START: Duration = Duration::from_secs(20);
/// How often a free port is tried: somebody else may take it first.
const PORTS: usize = 5;

/// A server. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Option<Child>,
    port: u16,
    folder: tempfile::TempDir,
}

impl Server {
    /// A server without anything in it.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { child: None, port: 0, folder };
        for _ in 0..PORTS {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            server.port = listener.local_addr().unwrap().port();
            drop(listener);
            if server.launch().await {
                return server;
            }
        }
        panic!("the NATS server did not start on any of {PORTS} ports");
    }

    /// Kills the server with SIGKILL; what it has on disk stays.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts a killed server again, on the same port and what is on disk.
    pub(crate) async fn restart(&mut self) {
        assert!(self.launch().await, "the NATS server did not start again on port {}", self.port);
    }

    /// Where a killed server has its messages.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("jetstream")
    }

    /// A folder beside the messages, for a copy of them.
    pub(crate) fn copy(&self) -> PathBuf {
        self.folder.path().join("copy")
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// A client that is not ours, to look and to meddle.
    pub(crate) async fn meddler(&self) -> Context {
        async_nats::jetstream::new(async_nats::connect(self.url()).await.unwrap())
    }

    async fn launch(&mut self) -> bool {
        let binary =
            std::env::var_os("LEADLINE_TEST_NATS_SERVER").unwrap_or(OsString::from("nats-server"));
        let port = self.port.to_string();
        let child = Command::new(&binary)
            .args(["--addr", "127.0.0.1", "--port", &port, "--jetstream", "--store_dir"])
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!(
                "could not run {}: {error}. Install nats-server (Debian: apt-get install nats-server), \
                 or name the binary in LEADLINE_TEST_NATS_SERVER",
                Path::new(&binary).display()
            )
        });
        self.child = Some(child);
        tokio::time::timeout(START, self.answers()).await.unwrap_or_default()
    }

    /// Waits until the server greets; `false` if it has ended instead.
    async fn answers(&mut self) -> bool {
        loop {
            if self.child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some()) {
                return false;
            }
            let mut greeting = [0; 5];
            if let Ok(mut socket) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await
                && socket.read_exact(&mut greeting).await.is_ok()
                && greeting == *b"INFO "
            {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
