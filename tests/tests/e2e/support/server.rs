//! A server of the test: started on a free port, killed when it is dropped.

use super::http::Http;
use super::place::{Place, Running};
use super::{PATIENCE, wait_until};
use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;

/// A server of the test.
#[derive(Debug)]
pub(crate) struct Server {
    process: Running,
    address: String,
    log: PathBuf,
}

impl Server {
    /// Serves the database of `place` on a free port, and waits until it is ready. `options` are those of the
    /// command line beside `--database` and `--listen`.
    pub(crate) fn start(place: &Place, options: &[&str]) -> Self {
        Self::logging(place, options, "warn")
    }

    /// The same, logging what `level` lets through.
    pub(crate) fn logging(place: &Place, options: &[&str], level: &str) -> Self {
        let mut arguments = vec!["serve"];
        arguments.extend(options);
        let server = Self::begin(place, &arguments, level);
        server.await_ready();
        server
    }

    /// A process that works on the database of `place` as `arguments` say, and says where it listens.
    pub(crate) fn begin(place: &Place, arguments: &[&str], level: &str) -> Self {
        let log = place.folder().join("server.log");
        let said = OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let mut command = place.command(arguments);
        command.args(["--listen", "127.0.0.1:0"]);
        command.env("RUST_LOG", level).stdout(Stdio::piped()).stderr(said);
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let process = Running { child };
        let (tell, told) = mpsc::channel();
        // Reads to the end, so that the server never waits for somebody to read what it prints.
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Some(address) = address_of(&line) {
                    drop(tell.send(address));
                }
            }
        });
        let address = told.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            panic!("the server did not say where it listens:\n{}", read(&log));
        });
        Self { process, address, log }
    }

    /// Waits until it is ready.
    pub(crate) fn await_ready(&self) {
        wait_until("the server is ready", || {
            let asked = self.http("").try_call("GET", "/readyz", &[], b"");
            asked.is_ok_and(|reply| reply.status == 200)
        });
    }

    /// Where it listens, such as `127.0.0.1:40123`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// A client with this key; none where it is empty.
    pub(crate) fn http(&self, key: &str) -> Http {
        Http::new(&self.address, key)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    /// Kills it without warning (SIGKILL), and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.process.kill();
    }

    /// Sends it a signal, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = std::process::Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(sent.success(), "the server could not be sent {name}");
    }

    /// Whether it has ended by itself, and how.
    pub(crate) fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.process.ended()
    }

    /// Asks it to end (SIGTERM), and waits until it has; its exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        self.signal("TERM");
        let mut code = None;
        wait_until("the server ends when told to", || {
            self.process.ended().is_some_and(|status| {
                code = status.code();
                true
            })
        });
        code
    }
}

fn read(log: &std::path::Path) -> String {
    fs::read_to_string(log).unwrap_or_default()
}

/// The address in the line by which a server says where it listens.
fn address_of(line: &str) -> Option<String> {
    let rest = line.split_once(" at http://")?.1;
    rest.split_whitespace().next().map(str::to_owned)
}
