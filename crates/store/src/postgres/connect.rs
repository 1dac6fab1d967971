//! The database as such: how it is reached, and what it has to promise before anything is stored in it.

use super::{Failed, failed, migrate, refused, sockets};
use leadline_log::Error;
use sqlx_core::connection::ConnectOptions;
use sqlx_core::query::query;
use sqlx_core::row::Row;
use sqlx_postgres::{PgConnectOptions, PgConnection};
use std::str::FromStr;
use std::time::Duration;
use tokio::time::Instant;

/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long to wait for a server that is starting up, and how often to ask.
const START_MAX: Duration = Duration::from_mins(1);
const START_PAUSE: Duration = Duration::from_millis(200);
/// How long a statement may take, the wait for locks included. The database gives up first, the client a little later,
/// when it has to believe that nobody is there any more.
const STATEMENT_MAX: Duration = Duration::from_secs(30);
const ANSWER_MAX: Duration = Duration::from_secs(35);
/// How long to wait for a lock: longer than whoever holds the log may stop.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long somebody who holds a lock may stop before the database ends his session.
pub(super) const HOLD_IDLE_MAX: Duration = Duration::from_secs(4);
/// How often the database looks whether the client of a running statement is still there.
const CLIENT_CHECK: Duration = Duration::from_secs(1);
/// The first version that has all the settings below.
const VERSION_MIN: i32 = 140_000;
/// Whose rights running nodes have, where the role exists: none to change or delete an event.
pub(super) const ROLE: &str = "leadline_app";

/// How to open a database.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opening {
    /// Make what is missing in it.
    pub create: bool,
    /// Go on although the server may lose what it has confirmed.
    pub accept_data_loss: bool,
}

/// A Postgres database that has been found fit to keep a log.
#[derive(Clone, Debug)]
pub struct Database {
    options: PgConnectOptions,
    /// Whether sessions take the role of a running node.
    role: bool,
}

impl Database {
    /// Finds the database at this URL, checks the server's promises, and brings its schemas to the current format.
    ///
    /// A server that is starting up is waited for, a minute at most: after a machine's restart both start at once.
    ///
    /// # Errors
    /// It cannot be reached, is a standby, is too old, or would lose what it confirms.
    pub async fn open(url: &str, opening: Opening) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(url).map_err(failed("read the database's URL"))?;
        let mut database = Self { options, role: false };
        let mut connection = database.first_session("leadline start").await?;
        check(&mut connection, opening).await?;
        migrate::run(&mut connection, opening.create).await?;
        let role = query(
            "SELECT coalesce((SELECT pg_has_role(rolname, 'MEMBER')
                 AND has_schema_privilege(oid, 'leadline', 'USAGE')
                 FROM pg_catalog.pg_roles WHERE rolname = $1), false)",
        );
        let row = within(role.bind(ROLE).fetch_one(&mut connection)).await;
        database.role =
            row.and_then(|row| row.try_get(0)).map_err(failed("look for the role of a node"))?;
        if !database.role {
            tracing::warn!(
                role = ROLE,
                "There is no such role, or this user is no member of it: only triggers keep events from being changed"
            );
        }
        Ok(database)
    }

    /// A new session as soon as the server takes any.
    async fn first_session(&self, name: &str) -> Result<PgConnection, Error> {
        let since = Instant::now();
        let mut told = false;
        loop {
            match self.try_session(name, &[]).await {
                Err(error) if is_starting(&error) && since.elapsed() < START_MAX => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(
                            "The database server takes no connections yet; waiting: {error}"
                        );
                    }
                    tokio::time::sleep(START_PAUSE).await;
                }
                other => return other.map_err(failed("connect to the database")),
            }
        }
    }

    /// A new session, with this name and these settings beside those that all have.
    pub(super) async fn session(
        &self,
        name: &str,
        settings: &[(&str, &str)],
    ) -> Result<PgConnection, Error> {
        self.try_session(name, settings).await.map_err(failed("connect to the database"))
    }

    /// A session of whoever only looks.
    pub(super) async fn plain_session(
        options: PgConnectOptions,
        name: &str,
    ) -> Result<PgConnection, Error> {
        Self { options, role: false }.session(name, &[]).await
    }

    /// A session with all rights of the user.
    pub(super) async fn owner_session(&self, name: &str) -> Result<PgConnection, Error> {
        Self { role: false, ..self.clone() }.session(name, &[]).await
    }

    /// A new session, or the driver's error.
    pub(super) async fn try_session(
        &self,
        name: &str,
        settings: &[(&str, &str)],
    ) -> Result<PgConnection, Failed> {
        let millis = |time: Duration| time.as_millis().to_string();
        let options = self
            .options
            .clone()
            .application_name(name)
            .statement_cache_capacity(STATEMENTS_CACHED_MAX)
            .options([
                ("statement_timeout", millis(STATEMENT_MAX)),
                ("lock_timeout", millis(LOCK_WAIT_MAX)),
                ("idle_in_transaction_session_timeout", millis(HOLD_IDLE_MAX)),
                ("client_connection_check_interval", millis(CLIENT_CHECK)),
            ])
            .options([
                ("synchronous_commit", "on"),
                ("default_transaction_isolation", "read committed"),
                ("jit", "off"),
                ("tcp_keepalives_idle", "5"),
                ("tcp_keepalives_interval", "5"),
                ("tcp_keepalives_count", "3"),
            ])
            .options(self.role.then_some(("role", ROLE)))
            .options(settings.iter().copied());
        match tokio::time::timeout(CONNECT_MAX, options.connect()).await {
            Ok(connected) => {
                let connected = connected?;
                if self.options.get_socket().is_none() {
                    let port = self.options.get_port();
                    // It reports itself; a session without is as good, only slower.
                    drop(tokio::task::spawn_blocking(move || sockets::set(port)).await);
                }
                Ok(connected)
            }
            Err(_) => Err(silent()),
        }
    }
}

/// Whether the server says that it takes no connections yet (`cannot_connect_now`): it starts up, shuts down or recovers.
fn is_starting(error: &Failed) -> bool {
    matches!(error, Failed::Database(error) if error.code().is_some_and(|code| code == "57P03"))
}

/// Statements that one session keeps prepared.
const STATEMENTS_CACHED_MAX: usize = 256;

fn silent() -> Failed {
    Failed::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "the database does not answer"))
}

/// Gives up on a database that has stopped to answer. The driver would wait for ever.
pub(super) async fn within<T>(
    answer: impl Future<Output = Result<T, Failed>>,
) -> Result<T, Failed> {
    within_time(ANSWER_MAX, answer).await
}

/// The same, for answers that may take longer.
pub(super) async fn within_time<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, Failed>>,
) -> Result<T, Failed> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answered) => answered,
        Err(_) => Err(silent()),
    }
}

/// What a server says of itself.
#[derive(Clone, Debug)]
pub(super) struct Promises {
    version: i32,
    standby: bool,
    fsync: String,
    full_page_writes: String,
    encoding: String,
}

impl Promises {
    pub(super) async fn read(connection: &mut PgConnection) -> Result<Self, Failed> {
        let settings = query(
            "SELECT current_setting('server_version_num')::integer, pg_is_in_recovery(),
                 current_setting('fsync'), current_setting('full_page_writes'),
                 current_setting('server_encoding')",
        );
        let row = within(settings.fetch_one(connection)).await?;
        Ok(Self {
            version: row.try_get(0)?,
            standby: row.try_get(1)?,
            fsync: row.try_get(2)?,
            full_page_writes: row.try_get(3)?,
            encoding: row.try_get(4)?,
        })
    }

    /// Why no log can be kept there.
    pub(super) fn obstacle(&self) -> Option<&'static str> {
        if self.version < VERSION_MIN {
            Some("it is older than PostgreSQL 14")
        } else if self.standby {
            Some("it is a standby, which cannot be written to")
        } else if self.encoding != "UTF8" {
            Some("the database's encoding is not UTF8")
        } else {
            None
        }
    }

    /// Why what it confirms may be lost.
    pub(super) fn danger(&self) -> Option<&'static str> {
        if self.fsync != "on" {
            Some("`fsync` is off: a crash may lose what it has confirmed")
        } else if self.full_page_writes != "on" {
            Some("`full_page_writes` is off: a crash may leave torn pages")
        } else {
            None
        }
    }
}

/// Whether the server can be written to and keeps what it confirms.
async fn check(connection: &mut PgConnection, opening: Opening) -> Result<(), Error> {
    const ATTEMPT: &str = "rely on the database server";
    let promises = Promises::read(connection).await.map_err(failed(ATTEMPT))?;
    if let Some(obstacle) = promises.obstacle() {
        return Err(refused(ATTEMPT, obstacle));
    }
    match promises.danger() {
        Some(danger) if !opening.accept_data_loss => Err(refused(ATTEMPT, danger)),
        Some(danger) => {
            tracing::warn!("Going on with a server that may lose data: {danger}");
            Ok(())
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_to_keep_what_it_confirms() {
        let on = || "on".to_owned();
        let good = || Promises {
            version: 140_000,
            standby: false,
            fsync: on(),
            full_page_writes: on(),
            encoding: "UTF8".to_owned(),
        };
        let off = "off".to_owned();
        let obstacle = |promises: Promises| promises.obstacle().unwrap_or_default();
        let danger = |promises: Promises| promises.danger().unwrap_or_default();
        assert_eq!((obstacle(good()), danger(good())), ("", ""));
        assert!(danger(Promises { fsync: off.clone(), ..good() }).contains("`fsync` is off"));
        assert!(danger(Promises { full_page_writes: off, ..good() }).contains("torn pages"));
        assert!(obstacle(Promises { version: 139_999, ..good() }).contains("older than"));
        assert!(obstacle(Promises { standby: true, ..good() }).contains("a standby"));
        assert!(obstacle(Promises { encoding: "LATIN1".to_owned(), ..good() }).contains("UTF8"));
    }
}
