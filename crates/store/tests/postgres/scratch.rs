//! Databases that go with the test.

use leadline_store::postgres::{Database, Opening};
use sqlx_core::connection::Connection;
use sqlx_core::raw_sql::raw_sql;
use sqlx_core::row::Row;
use sqlx_core::sql_str::AssertSqlSafe;
use sqlx_postgres::PgConnection;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// An empty database on the scratch server.
#[derive(Debug)]
pub(crate) struct Scratch {
    server: String,
    name: String,
}

impl Scratch {
    pub(crate) async fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let Some(server) = std::env::var_os("LEADLINE_TEST_POSTGRES") else {
            panic!(
                "LEADLINE_TEST_POSTGRES must be the URL of a superuser of a scratch Postgres server: \
                 `cargo xtask services` starts one and prints it, and `cargo xtask test` has its own"
            );
        };
        let server = server.into_string().unwrap();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("leadline_test_{}_{number}", std::process::id());
        let scratch = Self { server, name };
        scratch.server(&format!("DROP DATABASE IF EXISTS {}", scratch.name)).await;
        scratch.server(&format!("CREATE DATABASE {}", scratch.name)).await;
        scratch
    }

    /// Runs a statement on the server, outside of the database.
    pub(crate) async fn server(&self, sql: &str) {
        let mut connection = PgConnection::connect(&self.server).await.unwrap();
        raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// The URL of the database.
    pub(crate) fn url(&self) -> String {
        let (rest, query) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let host = rest.split_once("://").map_or(rest, |(_, host)| host);
        let host = host.split_once('/').map_or(host, |(host, _)| host);
        format!("postgres://{host}/{}?{query}", self.name)
    }

    /// The URL of the database for somebody else.
    pub(crate) fn url_of(&self, user: &str) -> String {
        let url = self.url();
        let (_, place) = url.rsplit_once('@').unwrap();
        format!("postgres://{user}@{place}")
    }

    /// The name of the database.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A plain session of the superuser in the database.
    pub(crate) async fn session(&self) -> PgConnection {
        PgConnection::connect(&self.url()).await.unwrap()
    }

    /// Runs statements in the database.
    pub(crate) async fn run(&self, sql: &str) -> Result<(), sqlx_core::Error> {
        raw_sql(AssertSqlSafe(sql)).execute(&mut self.session().await).await.map(drop)
    }

    /// Waits until a query says so; it is bound to, soon.
    pub(crate) async fn until(&self, sql: &str) {
        let mut session = self.session().await;
        for _ in 0..2_000 {
            let row = raw_sql(AssertSqlSafe(sql)).fetch_one(&mut session).await.unwrap();
            if row.try_get::<bool, _>(0).unwrap() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("this has not come true: {sql}");
    }

    /// The database with all schemas.
    pub(crate) async fn database(&self) -> Database {
        Database::open(&self.url(), Opening { create: true, ..Opening::default() }).await.unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let server = self.server.clone();
        // The test's own runtime may be ending.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&server).await?;
                raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.map(drop)
            })
        });
        assert!(dropped.join().is_ok_and(|dropped: Result<(), sqlx_core::Error>| dropped.is_ok()));
    }
}
