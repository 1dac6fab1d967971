//! A Postgres server of the test's own, for tests that stop it.

use super::wait_until;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A scratch cluster, stopped and removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    server: Option<Child>,
}

impl Cluster {
    /// Makes one and starts it on a free port.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut cluster = Self { folder, programs: programs(), port, server: None };
        if is_root() {
            done(Command::new("chown").arg("postgres").arg(cluster.folder.path()));
        }
        let mut make = cluster.program("initdb");
        make.args(["--username=leadline", "--auth=trust", "--encoding=UTF8", "--no-locale", "-D"]);
        done(make.arg(cluster.data()));
        cluster.up();
        cluster
    }

    /// What `--database` takes.
    pub(crate) fn url(&self) -> String {
        format!("postgres://leadline@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it again where it was stopped.
    pub(crate) fn up(&mut self) {
        let mut server = self.program("postgres");
        server.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        server.arg("-k").arg(self.folder.path()).args(["-c", "listen_addresses=127.0.0.1"]);
        let quiet = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.server = Some(quiet.spawn().unwrap());
        wait_until("postgres listens", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    /// Stops it: sessions are cut off, what is committed is kept.
    pub(crate) fn down(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        done(Command::new("kill").args(["-INT", &server.id().to_string()]));
        server.wait().unwrap();
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// One of Postgres's programs, which refuse to run as root.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
            command.arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.down();
    }
}

/// Where Postgres's programs are.
fn programs() -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(|programs| programs.join("postgres").is_file())
        .collect();
    found.sort();
    found.pop().or_else(|| on_path("postgres")).expect(
        "PostgreSQL's server is not installed: `apt-get install postgresql` or put its programs on the PATH",
    )
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|folder| folder.join(name).is_file())
}

fn is_root() -> bool {
    let owner =
        std::fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own));
    owner.is_ok_and(|uid| uid == 0)
}

fn done(command: &mut Command) {
    let ran = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{}: {said}", Path::new(command.get_program()).display());
}
