//! A message server of the test's own.

use super::place::Running;
use super::{PATIENCE, wait_until};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A nats-server with JetStream, killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Nats {
    port: u16,
    store: PathBuf,
    process: Option<Running>,
}

impl Nats {
    /// Starts one on a free port, with its files in `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut nats = Self { port, store: folder.join("nats"), process: None };
        nats.up();
        nats
    }

    /// What `--nats` takes.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Starts it again where it was stopped.
    pub(crate) fn up(&mut self) {
        let server =
            std::env::var_os("LEADLINE_TEST_NATS_SERVER").unwrap_or_else(|| "nats-server".into());
        let child = Command::new(&server)
            .args(["-a", "127.0.0.1", "-p", &self.port.to_string(), "-js", "-sd"])
            .arg(&self.store)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("cannot start {}: {error}; install nats-server", server.display())
            });
        self.process = Some(Running { child });
        wait_until("nats-server listens", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }
    /// Kills it; its files stay.
    pub(crate) fn down(&mut self) {
        self.process = None;
    }

    /// Deletes a stream and all its messages.
    pub(crate) fn delete_stream(&self, name: &str) {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let ask = format!("PUB $JS.API.STREAM.DELETE.{name} reply 0\r\n\r\n");
        let greeting = "CONNECT {\"verbose\":false}\r\nSUB reply 1\r\n";
        connection.write_all(format!("{greeting}{ask}").as_bytes()).unwrap();
        let mut lines = BufReader::new(connection).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("\"success\":true")), "{name} was not deleted");
    }
}
