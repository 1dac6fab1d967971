//! Where a test keeps its log: a file of its own, or a database of its own on the cluster that the tests are given.
//!
//! `LEADLINE_TEST_DATABASE` chooses: `sqlite`, which is the default, or `postgres`, which needs `LEADLINE_TEST_POSTGRES`, the
//! address of a scratch cluster and of somebody who may create databases there (`cargo xtask services` makes one).

use super::nats::Nats;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The databases that end-to-end tests run on.
#[derive(Debug)]
pub(crate) enum Database {
    /// A file in the test's folder.
    Sqlite {
        /// What `--database` takes.
        url: String,
    },
    /// A database of its own, dropped with this, and a message server of its own.
    Postgres {
        /// What `--database` takes.
        url: String,
        name: String,
        nats: Nats,
    },
    /// One that the test made itself, with the message server beside it.
    Given {
        /// What `--database` takes.
        url: String,
        /// What `--nats` takes.
        nats: String,
    },
}

impl Database {
    /// As the environment chooses; not yet a log.
    pub(crate) fn chosen(folder: &Path) -> Self {
        let wanted = std::env::var_os("LEADLINE_TEST_DATABASE");
        match wanted.as_ref().map(|name| name.to_string_lossy()).as_deref() {
            None | Some("sqlite") => Self::sqlite(folder),
            Some("postgres") => Self::postgres(folder),
            Some(other) => {
                panic!("LEADLINE_TEST_DATABASE takes `sqlite` or `postgres`, not `{other}`")
            }
        }
    }

    /// A file, whatever the environment chooses.
    pub(crate) fn sqlite(folder: &Path) -> Self {
        Self::Sqlite { url: format!("sqlite:{}", folder.join("leadline.db").display()) }
    }

    /// A database of its own, whatever the environment chooses.
    pub(crate) fn postgres(folder: &Path) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("leadline_test_{}_{number}", std::process::id());
        sql(&format!("CREATE DATABASE {name}"));
        let cluster = cluster();
        let (server, _) = cluster.rsplit_once('/').expect("an address that ends in a database");
        Self::Postgres { url: format!("{server}/{name}"), name, nats: Nats::start(folder) }
    }

    /// The files in `folder` that hold it; what a server keeps is written into one first.
    pub(crate) fn files(&self, folder: &Path) -> &'static [&'static str] {
        match self {
            Self::Sqlite { .. } => {
                &["leadline.db", "leadline.db-wal", "leadline.db-keys", "leadline.db-views"]
            }
            Self::Postgres { url, .. } | Self::Given { url, .. } => {
                let mut dump = Command::new("pg_dump");
                dump.arg("--file").arg(folder.join("dump.sql")).arg(url).stdin(Stdio::null());
                assert!(dump.status().expect("pg_dump is installed with PostgreSQL").success());
                &["dump.sql"]
            }
        }
    }

    /// What a query on the Postgres database gives.
    pub(crate) fn query(&self, query: &str) -> String {
        match self {
            Self::Postgres { url, .. } | Self::Given { url, .. } => psql(url, query),
            Self::Sqlite { .. } => panic!("a file takes no queries"),
        }
    }

    /// What follows the binary's name on its command line.
    pub(crate) fn arguments(&self) -> Vec<String> {
        match self {
            Self::Sqlite { url } => vec!["--database".to_owned(), url.clone()],
            Self::Postgres { url, nats, .. } => {
                vec!["--database".to_owned(), url.clone(), "--nats".to_owned(), nats.url()]
            }
            Self::Given { url, nats } => {
                vec!["--database".to_owned(), url.clone(), "--nats".to_owned(), nats.clone()]
            }
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Self::Postgres { name, .. } = self
            && !std::thread::panicking()
        {
            sql(&format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

/// The address of the scratch cluster.
fn cluster() -> String {
    let named = std::env::var_os("LEADLINE_TEST_POSTGRES").and_then(|name| name.into_string().ok());
    named.expect(
        "LEADLINE_TEST_POSTGRES names no scratch cluster: `cargo xtask test` starts one, `cargo xtask services` prints one",
    )
}

/// Runs a statement on the scratch cluster.
pub(crate) fn sql(statement: &str) {
    psql(&cluster(), statement);
}

/// Runs a statement on the database at `url`; what it gives.
fn psql(url: &str, statement: &str) -> String {
    let ran = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
        .args(["--set", "ON_ERROR_STOP=1", "--dbname", url, "--command", statement])
        .stdin(Stdio::null())
        .output()
        .expect("psql is installed with PostgreSQL");
    assert!(ran.status.success(), "{statement}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}
