//! A folder with a database of its own, and the command line on it.

use super::database::Database;
use super::server::Server;
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A folder with a database of its own; both go when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    // Dropped before the folder that it may lie in.
    database: Database,
    folder: TempDir,
}

/// How a command of the command line ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its exit code; `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it printed.
    pub(crate) stdout: String,
    /// What it said besides.
    pub(crate) stderr: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Itself, where it succeeded.
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// What it printed, as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Place {
    /// A new folder and a database that is no log yet, of the kind that the tests run on.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { database: Database::chosen(folder.path()), folder }
    }

    /// A new folder for a database in a file, for what is about files.
    pub(crate) fn of_files() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { database: Database::sqlite(folder.path()), folder }
    }

    /// A new folder and a database on the Postgres server, for what is about several processes.
    pub(crate) fn of_postgres() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { database: Database::postgres(folder.path()), folder }
    }

    /// A new folder for a database and a message server that the test made itself.
    pub(crate) fn given(url: String, nats: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { database: Database::Given { url, nats }, folder }
    }

    /// The files of the folder that hold the database; what a server keeps is written into one first.
    pub(crate) fn files_of_database(&self) -> &'static [&'static str] {
        self.database.files(self.folder.path())
    }

    /// What a query on the Postgres database gives, without its headings.
    pub(crate) fn query(&self, query: &str) -> String {
        self.database.query(query)
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file of a database in a file, whether it exists yet or not.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("leadline.db")
    }

    /// A file in the folder with this content.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The binary with `arguments` on this database, not started yet. No setting of the caller's reaches it.
    pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(super::binary());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LEADLINE_") {
                command.env_remove(name);
            }
        }
        command
            .args(self.database.arguments())
            .args(arguments)
            .current_dir(self.folder.path())
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary with `arguments` until it ends.
    pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Starts the binary with `arguments`; what it says goes into a file of the folder.
    pub(crate) fn start<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Running {
        let said = File::create(self.folder.path().join("started.log")).unwrap();
        let child =
            self.command(arguments).stdout(said.try_clone().unwrap()).stderr(said).spawn().unwrap();
        Running { child }
    }

    /// Imports a file; fails where the run does not complete.
    pub(crate) fn import(&self, file: &Path) -> Ran {
        self.run(&["import".as_ref(), file.as_os_str()]).done()
    }

    /// A view's document. `arguments` follow its name.
    pub(crate) fn view(&self, name: &str, arguments: &[&str]) -> Value {
        let mut all = vec!["view", name, "--format", "json"];
        all.extend(arguments);
        self.run(&all).done().json()
    }

    /// A view's digest of rows and position, as it is printed.
    pub(crate) fn checksum(&self, view: &str) -> String {
        self.run(&["view", view, "--checksum"]).done().stdout
    }

    /// A new API key of this role.
    pub(crate) fn key(&self, role: &str) -> String {
        let made = self.run(&["key", "create", "--role", role, "--label", "test"]).done();
        made.stdout.lines().next().unwrap().trim().to_owned()
    }

    /// Publishes a policy and puts it in force for all of history.
    pub(crate) fn policy(&self, document: &Value) {
        let name = document["name"].as_str().unwrap();
        let file = self.file(&format!("{name}.json"), document.to_string());
        self.run(&["policy".as_ref(), "publish".as_ref(), file.as_os_str()]).done();
        let version = format!("{name}@{}", document["version"]);
        self.run(&["policy", "activate", &version, "--from", "beginning"]).done();
    }

    /// Serves this database on a free port, and waits until it is ready.
    pub(crate) fn serve(&self) -> Server {
        Server::start(self, &[])
    }
}

/// A process of the test, killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) child: Child,
}

impl Running {
    /// Kills it without warning (SIGKILL), and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        self.child.wait().unwrap();
    }

    /// Whether it has ended by itself, and how.
    pub(crate) fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
