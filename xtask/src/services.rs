//! Servers for tests: a throw-away Postgres cluster, and nats-server.
//!
//! They listen on free ports of this machine only, keep their files in a folder that goes with them, and end with this
//! program, however that ends.

use crate::run::{Error, Runner};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How long a server may take to answer, and how often it is asked.
const START_ATTEMPTS: u32 = 1_200;
const START_PAUSE: Duration = Duration::from_millis(25);
/// The superuser of the cluster, and who runs it where this program is run by root, which Postgres refuses.
const USER: &str = "postgres";
/// Memory instead of a disk, where there is such a folder: fsync stays on all the same.
const QUICK_FOLDER: &str = "/dev/shm";
/// What installs them where it is there.
const APT: &str = "/usr/bin/apt-get";
/// What to do where a server is missing and cannot be installed from here.
const INSTALL: &str = "install it: apt-get install postgresql nats-server";

/// A server that ends when it is dropped.
struct Server {
    child: Child,
    signal: Signal,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself.
            crate::run::ignore(kill_process(pid, self.signal));
        }
        drop(self.child.wait());
    }
}

/// Installs the servers' packages where one is missing, by apt, if we are root.
///
/// # Errors
/// A server is missing and we may not install it, or apt fails.
pub(crate) fn install_missing(runner: &Runner) -> Result<(), Error> {
    let found = [("postgresql", programs().map(drop)), ("nats-server", nats_server().map(drop))];
    let (mut packages, mut missing) = (Vec::new(), None);
    for (package, found) in found {
        if let Err(error) = found {
            packages.push(package);
            missing.get_or_insert(error);
        }
    }
    let Some(missing) = missing else { return Ok(()) };
    let may = rustix::process::geteuid().is_root() && Path::new(APT).is_file();
    if !may {
        return Err(missing);
    }
    println!("installing {}", packages.join(" and "));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(APT);
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet=2").args(arguments);
        command.stdin(Stdio::null());
        command
    };
    let mut install = apt(&["install", "--yes", "--no-install-recommends"]);
    let installed = runner.run(&mut apt(&["update"]))? && runner.run(install.args(&packages))?;
    if installed { Ok(()) } else { Err(Error::failed("install the servers for tests", INSTALL)) }
}

/// A Postgres cluster with nothing in it.
pub(crate) struct Postgres {
    /// The URL of its superuser.
    pub(crate) url: String,
    _server: Server,
    _folder: TempDir,
}

impl Postgres {
    /// Makes a cluster and starts it.
    ///
    /// # Errors
    /// Postgres is not installed, or does not start.
    pub(crate) fn start(runner: &Runner) -> Result<Self, Error> {
        let programs = programs()?;
        let folder = folder()?;
        let owner = owner(folder.path())?;
        let data = folder.path().join("data");
        let password = password()?;
        let secret = write_secret(folder.path(), &password, owner)?;
        let mut make = as_user(owner, &programs.join("initdb"));
        make.args(["--username", USER, "--auth", "scram-sha-256", "--encoding", "UTF8"])
            .args(["--locale", "C", "--no-sync", "--pwfile"])
            .arg(&secret)
            .arg("--pgdata")
            .arg(&data)
            .stdout(Stdio::null());
        if !runner.run(&mut make)? {
            return Err(Error::failed("make a Postgres cluster", "initdb failed"));
        }
        let port = free_port()?;
        let mut serve = as_user(owner, &programs.join("postgres"));
        serve.arg("-D").arg(&data).arg("-k").arg(folder.path());
        for setting in [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            "max_connections=300".to_owned(),
            "log_min_messages=fatal".to_owned(),
        ] {
            serve.arg("-c").arg(setting);
        }
        // A fast shutdown, whoever is connected.
        let mut server = Server { child: runner.start(&mut serve)?, signal: Signal::INT };
        let url = format!("postgres://{USER}:{password}@127.0.0.1:{port}/postgres");
        let asked = programs.join("pg_isready");
        await_start("Postgres", &mut server, || {
            let mut ask = Command::new(&asked);
            ask.args(["--quiet", "--host", "127.0.0.1", "--port", &port.to_string()]);
            ask.stdin(Stdio::null()).status().is_ok_and(|status| status.success())
        })?;
        Ok(Self { url, _server: server, _folder: folder })
    }
}

/// A nats-server with JetStream.
pub(crate) struct Nats {
    /// Its URL.
    pub(crate) url: String,
    _server: Server,
    _folder: TempDir,
}

impl Nats {
    /// Starts one.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub(crate) fn start(runner: &Runner) -> Result<Self, Error> {
        let folder = folder()?;
        let port = free_port()?;
        let mut serve = dying_with_us();
        serve.arg(nats_server()?).args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"]);
        serve.arg(folder.path()).stderr(Stdio::null());
        let mut server = Server { child: runner.start(&mut serve)?, signal: Signal::TERM };
        let url = format!("nats://127.0.0.1:{port}");
        await_start("nats-server", &mut server, || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        })?;
        Ok(Self { url, _server: server, _folder: folder })
    }
}

/// Starts both, says where they are, and stops them at a signal.
///
/// # Errors
/// One of them does not start; and always one in the end, as only a signal ends this.
pub(crate) fn serve() -> Result<bool, Error> {
    let runner = Runner::new()?;
    install_missing(&runner)?;
    let postgres = Postgres::start(&runner)?;
    let nats = Nats::start(&runner)?;
    println!("export LEADLINE_TEST_POSTGRES={}", postgres.url);
    println!("export LEADLINE_TEST_NATS_SERVER={}", nats_server()?.display());
    println!("# NATS, for a server of your own: {}", nats.url);
    println!("# Both end with this command: press Ctrl-C.");
    runner.until_stopped();
    Ok(true)
}

/// The folder of Postgres' programs, the newest where there are several.
fn programs() -> Result<PathBuf, Error> {
    let told = Command::new("pg_config").arg("--bindir").output();
    let told = told.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    folders.sort_by_key(|folder| version(folder));
    folders.extend(told.map(|folder| PathBuf::from(folder.trim())));
    let found = folders.into_iter().rev().find(|folder| folder.join("initdb").is_file());
    found.ok_or_else(|| Error::failed("find Postgres' initdb", INSTALL))
}

/// The version in the path of a folder of programs.
fn version(folder: &Path) -> u32 {
    let name = folder.parent().and_then(Path::file_name).and_then(std::ffi::OsStr::to_str);
    name.and_then(|name| name.parse().ok()).unwrap_or(0)
}

/// Where nats-server is.
///
/// # Errors
/// Nowhere.
pub(crate) fn nats_server() -> Result<PathBuf, Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    places.push("/usr/sbin".into());
    let found =
        places.into_iter().map(|place| place.join("nats-server")).find(|file| file.is_file());
    found.ok_or_else(|| Error::failed("find nats-server", INSTALL))
}

fn folder() -> Result<TempDir, Error> {
    let quick = Path::new(QUICK_FOLDER);
    let parent = if quick.is_dir() { quick.to_owned() } else { std::env::temp_dir() };
    tempfile::Builder::new()
        .prefix("leadline-services-")
        .tempdir_in(parent)
        .map_err(|error| Error::failed("make a folder for a server", error))
}

/// User and group to run Postgres as, whose the folder becomes; `None` where that is who we are.
fn owner(folder: &Path) -> Result<Option<(u32, u32)>, Error> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let number = |which: &str| {
        let output = Command::new("id").args([which, USER]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse::<u32>().ok()
    };
    let (Some(user), Some(group)) = (number("-u"), number("-g")) else {
        return Err(Error::failed(format!("find the user `{USER}`"), INSTALL));
    };
    chown(folder, Some(user), Some(group))
        .map_err(|error| Error::failed("hand a folder to Postgres", error))?;
    Ok(Some((user, group)))
}

/// A command that ends when this program does, even if that is killed.
fn dying_with_us() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]).stdin(Stdio::null());
    command
}

fn as_user(owner: Option<(u32, u32)>, program: &Path) -> Command {
    let mut command = dying_with_us();
    if let Some((user, group)) = owner {
        command.args([format!("--reuid={user}"), format!("--regid={group}")]).arg("--clear-groups");
    }
    // The folder that we are in may be closed to that user.
    command.arg(program).current_dir("/");
    command
}

/// A password, so that nobody else on this machine becomes superuser of the cluster.
fn password() -> Result<String, Error> {
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .map_err(|error| Error::failed("make a password", error))?;
    Ok(u128::from_ne_bytes(bytes).to_string())
}

fn write_secret(
    folder: &Path,
    password: &str,
    owner: Option<(u32, u32)>,
) -> Result<PathBuf, Error> {
    let failed = |error: std::io::Error| Error::failed("store a password", error);
    let path = folder.join("password");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    std::io::Write::write_all(&mut file, password.as_bytes()).map_err(failed)?;
    if let Some((user, group)) = owner {
        chown(&path, Some(user), Some(group)).map_err(failed)?;
    }
    Ok(path)
}

fn free_port() -> Result<u16, Error> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| Error::failed("find a free port", error))
}

/// Waits until a server answers.
fn await_start(
    name: &str,
    server: &mut Server,
    mut answers: impl FnMut() -> bool,
) -> Result<(), Error> {
    for _ in 0..START_ATTEMPTS {
        if matches!(server.child.try_wait(), Ok(Some(_))) {
            break;
        }
        if answers() {
            return Ok(());
        }
        std::thread::park_timeout(START_PAUSE);
    }
    Err(Error::failed(format!("start {name}"), "it has ended, or does not answer"))
}
