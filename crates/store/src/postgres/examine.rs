//! Looking at a server and a database without changing them.

use super::connect::{Promises, ROLE, within};
use super::{Database, Failed, failed};
use crate::facts::Facts;
use leadline_log::types::LogIdentity;
use leadline_log::{Error, Place, Position};
use sqlx_core::query::query;
use sqlx_core::row::Row;
use sqlx_postgres::{PgConnectOptions, PgConnection};
use std::str::FromStr;

const SERVER: &str = "
    SELECT current_setting('server_version'), current_user::text,
        floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,
        current_setting('synchronous_commit'),
        coalesce((SELECT pg_has_role(rolname, 'MEMBER') FROM pg_catalog.pg_roles
                  WHERE rolname = $1), false),
        to_regclass('leadline.event') IS NOT NULL";
/// What keeps events from being changed: both triggers, also for replication, and rights that do not go further.
const GUARDS: &str = "
    SELECT (SELECT count(*) FROM pg_catalog.pg_trigger
            WHERE tgrelid IN ('leadline.event'::regclass, 'leadline.command'::regclass)
                AND NOT tgisinternal AND tgenabled = 'A'),
        has_table_privilege($1, 'leadline.event', 'UPDATE, DELETE, TRUNCATE')";
const LOG: &str = "
    SELECT m.log_id, m.epoch, coalesce(e.position, 0), e.recorded_at FROM leadline.meta AS m
    LEFT JOIN LATERAL
        (SELECT position, recorded_at FROM leadline.event ORDER BY position DESC LIMIT 1) AS e ON true";
const VIEWS: &str = "
    SELECT c.name, c.log, c.epoch, c.position, c.event, e.event_id
    FROM leadline_views.checkpoint AS c
    JOIN leadline_views.view AS v ON v.name = c.name AND v.live = c.generation
    LEFT JOIN leadline.event AS e ON e.position = c.position ORDER BY c.name";

/// What is said of a server and of the log in its database.
#[derive(Debug)]
pub struct Examined {
    /// The server's version.
    pub version: String,
    /// Why no log can be kept there, or why what it confirms may be lost.
    pub trouble: Option<&'static str>,
    /// What sessions have unless they say otherwise; those of leadline say `on`.
    pub synchronous_commit: String,
    /// The server's clock, in milliseconds.
    pub now_millis: i64,
    /// What there is of a log; nothing where the database has none.
    pub log: Option<Log>,
}

/// A log in a database of Postgres.
#[derive(Debug)]
pub struct Log {
    /// Whether the triggers are there, and always fire, that keep events from being changed.
    pub guarded: bool,
    /// Whether running nodes could change events but for the triggers.
    pub may_change: bool,
    /// The log and its views.
    pub facts: Facts,
}

/// Looks at the database at this URL.
///
/// # Errors
/// It cannot be reached or read.
pub async fn examine(url: &str) -> Result<Examined, Error> {
    const ATTEMPT: &str = "look at the database";
    let options = PgConnectOptions::from_str(url).map_err(failed("read the database's URL"))?;
    let mut session = Database::plain_session(options, "leadline doctor").await?;
    read(&mut session).await.map_err(failed(ATTEMPT))
}

async fn read(session: &mut PgConnection) -> Result<Examined, Failed> {
    let promises = Promises::read(session).await?;
    let server = within(query(SERVER).bind(ROLE).fetch_one(&mut *session)).await?;
    let there: bool = server.try_get(5)?;
    let runs_as: String = if server.try_get(4)? { ROLE.to_owned() } else { server.try_get(1)? };
    let log = if there { Some(read_log(session, &runs_as).await?) } else { None };
    Ok(Examined {
        version: server.try_get(0)?,
        trouble: promises.obstacle().or_else(|| promises.danger()),
        synchronous_commit: server.try_get(3)?,
        now_millis: server.try_get(2)?,
        log,
    })
}

async fn read_log(session: &mut PgConnection, runs_as: &str) -> Result<Log, Failed> {
    let guards = query(GUARDS).bind(runs_as.to_owned()).fetch_one(&mut *session);
    let guards = within(guards).await?;
    let row = within(query(LOG).fetch_one(&mut *session)).await?;
    let identity = |id, epoch: i64| LogIdentity { id, epoch: epoch.cast_unsigned() };
    let mut facts = Facts {
        log: identity(row.try_get(0)?, row.try_get(1)?),
        head: Position(row.try_get::<i64, _>(2)?.cast_unsigned()),
        last_recorded_at: row.try_get(3)?,
        views: Vec::new(),
    };
    for row in within(query(VIEWS).fetch_all(session)).await? {
        let log = identity(row.try_get(1)?, row.try_get(2)?);
        let position = Position(row.try_get::<i64, _>(3)?.cast_unsigned());
        let place = Place { log, position, event: row.try_get(4)? };
        facts.add(row.try_get(0)?, place, row.try_get(5)?);
    }
    Ok(Log { guarded: guards.try_get::<i64, _>(0)? >= 2, may_change: guards.try_get(1)?, facts })
}
