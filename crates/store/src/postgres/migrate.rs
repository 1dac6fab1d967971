//! The schemas and their migrations.
//!
//! Two nodes that start at once take turns. What is stored has to be what this version ships, down to the text of the
//! function that appends; whatever a newer version has made is refused.

use super::connect::within;
use super::{Failed, failed, lock_key, refused};
use leadline_log::Error;
use sqlx_core::query::query;
use sqlx_core::raw_sql::raw_sql;
use sqlx_core::row::Row;
use sqlx_postgres::PgConnection;

/// Taken by whoever migrates.
const LOCK: i64 = lock_key(*b"ldmigrat");

/// The text of the function that appends.
const APPEND: &str = include_str!("log/append.sql");

/// A schema, and the steps that lead from nothing to its current format.
struct Schema {
    name: &'static str,
    steps: &'static [&'static str],
    /// What it is, for the user.
    what: &'static str,
    format: &'static str,
    stamp: &'static str,
}

macro_rules! schema {
    ($name:literal, $what:literal, $steps:expr) => {
        Schema {
            name: $name,
            steps: &$steps,
            what: $what,
            format: concat!("SELECT format FROM ", $name, ".format"),
            stamp: concat!("UPDATE ", $name, ".format SET format = $1"),
        }
    };
}

const SCHEMAS: [Schema; 3] = [
    schema!(
        "leadline",
        "event log",
        // A new text of the function is a step of its own: the last one replaces whatever there was.
        [concat!(include_str!("log/0001.sql"), include_str!("log/append.sql")), APPEND]
    ),
    schema!("leadline_keys", "keys", [include_str!("vault/0001.sql")]),
    schema!("leadline_views", "views", [include_str!("views/0001.sql")]),
];

/// The role of running nodes, and this user's membership, where he may make them. Roles belong to the whole server:
/// another database may be making it at this moment.
const ROLE: &str = "
    DO $role$
    BEGIN
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'leadline_app') THEN
            CREATE ROLE leadline_app NOLOGIN;
        END IF;
        IF NOT pg_has_role('leadline_app', 'MEMBER') THEN
            GRANT leadline_app TO CURRENT_USER;
        END IF;
    EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN
        NULL;
    END
    $role$";

/// Brings all schemas to the current format, or finds that they are.
pub(super) async fn run(connection: &mut PgConnection, create: bool) -> Result<(), Error> {
    const ATTEMPT: &str = "migrate the database";
    execute(connection, "BEGIN").await.map_err(failed(ATTEMPT))?;
    within(query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *connection))
        .await
        .map_err(failed(ATTEMPT))?;
    for schema in &SCHEMAS {
        migrate(connection, schema, create).await?;
    }
    verify(connection).await?;
    execute(connection, "COMMIT").await.map_err(failed(ATTEMPT))
}

async fn execute(connection: &mut PgConnection, sql: &'static str) -> Result<(), Failed> {
    within(raw_sql(sql).execute(connection)).await.map(drop)
}

async fn migrate(
    connection: &mut PgConnection,
    schema: &Schema,
    create: bool,
) -> Result<(), Error> {
    const ATTEMPT: &str = "migrate the database";
    let done = format(connection, schema).await.map_err(failed(ATTEMPT))?;
    let current = schema.steps.len();
    if done.is_none() && !create {
        return Err(refused("open the database", format!("there is no {} in it", schema.what)));
    }
    let done = done.unwrap_or(0);
    if done > current {
        let reason = format!("a newer version of leadline has made its {}", schema.what);
        return Err(refused("open the database", reason));
    }
    if done == current {
        return Ok(());
    }
    execute(connection, ROLE).await.map_err(failed("make the role of a node"))?;
    for step in schema.steps.iter().skip(done) {
        execute(connection, step).await.map_err(failed(ATTEMPT))?;
    }
    let format = i32::try_from(current).unwrap_or(i32::MAX);
    let stamp = query(schema.stamp).bind(format).execute(connection);
    within(stamp).await.map(drop).map_err(failed(ATTEMPT))
}

/// How many steps a schema has seen; `None` where there is none of this name.
async fn format(connection: &mut PgConnection, schema: &Schema) -> Result<Option<usize>, Failed> {
    let there = query("SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)");
    if !within(there.bind(schema.name).fetch_one(&mut *connection)).await?.try_get::<bool, _>(0)? {
        return Ok(None);
    }
    let format = within(query(schema.format).fetch_one(connection)).await?;
    Ok(Some(usize::try_from(format.try_get::<i32, _>(0)?).unwrap_or(usize::MAX)))
}

/// Whether the function that appends is the one that this version ships.
async fn verify(connection: &mut PgConnection) -> Result<(), Error> {
    const ATTEMPT: &str = "verify the function that appends";
    let stored = query(
        "SELECT prosrc, provolatile = 'v' FROM pg_catalog.pg_proc
         WHERE pronamespace = 'leadline'::regnamespace AND proname = 'append'",
    );
    let found = within(stored.fetch_all(connection)).await.map_err(failed(ATTEMPT))?;
    let same = match found.as_slice() {
        [one] => {
            let text = one.try_get::<&str, _>(0).map_err(failed(ATTEMPT))?;
            let volatile = one.try_get::<bool, _>(1).map_err(failed(ATTEMPT))?;
            volatile && APPEND.split("$append$").nth(1) == Some(text)
        }
        _ => false,
    };
    let other = "`leadline.append` is not the one that this version of leadline ships";
    if same { Ok(()) } else { Err(refused(ATTEMPT, other)) }
}
