//! The database: what it promises, what it holds, and its clock.

use super::{Findings, disk};
use crate::database::{Address, Database, beside, folder_of};
use crate::settings::Settings;
use leadline_log::clock::{Clock as _, System};
use leadline_store::facts::Facts;
use leadline_store::postgres::examine::{Examined, Log};
use leadline_store::{postgres, sqlite};
use std::path::Path;

/// How far clocks may be apart before that is worth a word, in milliseconds.
const SKEW_WARNING_MS: u64 = 1_000;
/// How far clocks may be apart at most: later times are refused as the future.
const SKEW_MAX_MS: u64 = 5 * 60 * 1_000;

/// Looks at the database; what it holds, where that can be read.
pub(super) async fn look(settings: &Settings, found: &mut Findings) -> Option<Facts> {
    match &settings.database {
        Database::Sqlite(path) => of_files(path, found),
        Database::Postgres(address) => of_server(address, settings.accept_data_loss, found).await,
    }
}

fn of_files(path: &Path, found: &mut Findings) -> Option<Facts> {
    if path.is_dir() {
        let what = format!("the database `{}` is a folder", path.display());
        found.problem(&what, "name a file in it by --database");
        return None;
    }
    disk::look(folder_of(path), found);
    if !path.exists() {
        let what = format!("there is no database `{}` yet", path.display());
        found.warning(&what, "`leadline serve` makes one, and --database names another");
        return None;
    }
    let examined = match sqlite::examine::examine(path, &beside(path, "-views")) {
        Ok(examined) => examined,
        Err(error) => {
            let what = format!("the database `{}` cannot be read", path.display());
            found.failed(&what, &error, "restore it from a backup, or name another by --database");
            return None;
        }
    };
    if examined.write_ahead {
        found.ok("commits are synced: journal_mode = WAL, and leadline sets synchronous = FULL");
    } else {
        let cure = "no other program may set it; the next `leadline serve` sets it back";
        found.warning("journal_mode is not WAL", cure);
    }
    guarded(examined.guarded, found);
    if !beside(path, "-keys").exists() {
        let what = "the keys beside the database are not there: names cannot be read";
        found.problem(what, "restore the file `-keys` from its backup before the next start");
    }
    clock(examined.facts.last_recorded_at, System.now_millis(), found);
    Some(examined.facts)
}

async fn of_server(address: &Address, accepted: bool, found: &mut Findings) -> Option<Facts> {
    let before = System.now_millis();
    let examined = match postgres::examine::examine(address.secret()).await {
        Ok(examined) => examined,
        Err(error) => {
            let what = format!("the database `{address}` cannot be read");
            found.failed(&what, &error, "check the server, the URL and the user's rights");
            return None;
        }
    };
    server(&examined, accepted, found);
    let here = before.midpoint(System.now_millis());
    skew(here.abs_diff(examined.now_millis), found);
    let Some(Log { guarded: whole, may_change, facts }) = examined.log else {
        let what = format!("there is no log in `{address}` yet");
        found.warning(&what, "`leadline serve` makes one, by somebody who may");
        return None;
    };
    guarded(whole, found);
    if may_change {
        let what =
            "nodes run with the right to change events, and triggers alone keep them from it";
        found.warning(
            what,
            "make the role `leadline_app` and run nodes as a member that owns nothing",
        );
    } else {
        found.ok("nodes run without the right to change or delete an event");
    }
    clock(facts.last_recorded_at, examined.now_millis, found);
    Some(facts)
}

fn server(examined: &Examined, accepted: bool, found: &mut Findings) {
    match examined.trouble {
        None => found.ok(format!(
            "PostgreSQL {} keeps what it confirms: fsync and full_page_writes are on",
            examined.version
        )),
        Some(trouble) if accepted => {
            let what = format!("PostgreSQL {}: {trouble}", examined.version);
            found.warning(&what, "this was accepted by --i-accept-data-loss");
        }
        Some(trouble) => {
            let what = format!("PostgreSQL {}: {trouble}", examined.version);
            found.problem(&what, "change that on the server, or use another one");
        }
    }
    if examined.synchronous_commit == "on" {
        found.ok("synchronous_commit is on, and the timeouts are set by every session");
    } else {
        let what = format!("synchronous_commit is {} for others", examined.synchronous_commit);
        found.warning(&what, "leadline's own sessions set it to on; a pooler must let them");
    }
}

fn guarded(guarded: bool, found: &mut Findings) {
    if guarded {
        found.ok("triggers keep events from being changed");
    } else {
        let what = "the triggers that keep events from being changed are not all in force";
        found
            .problem(what, "find out who removed them and what was changed; restore from a backup");
    }
}

/// Whether the log's clock has gone back.
fn clock(last_recorded_at: Option<i64>, now: i64, found: &mut Findings) {
    let ahead = last_recorded_at.map_or(0, |last| last.saturating_sub(now)).max(0).unsigned_abs();
    if ahead > SKEW_WARNING_MS {
        let what = format!("the last event was recorded {ahead} ms in the future of this clock");
        found.problem(&what, "synchronise the clock, for example with chrony");
    } else {
        found.ok("the clock is not behind the last event of the log");
    }
}

fn skew(millis: u64, found: &mut Findings) {
    let what = format!("this clock and the database's are {millis} ms apart");
    let cure = "synchronise both, for example with chrony";
    match millis {
        0..=SKEW_WARNING_MS => found.ok(what),
        1_001..=SKEW_MAX_MS => found.warning(&what, cure),
        _ => found.problem(&what, cure),
    }
}
