//! NATS: whether it answers, how it keeps the streams, and how it syncs them.

use super::{ASTRAY, Findings};
use crate::client::Caller;
use crate::settings::Settings;
use leadline_bus::connection::Connection;
use leadline_bus::error::cure;
use leadline_bus::examine::{Examined, Kept, examine};
use leadline_log::Misfit;
use leadline_store::facts::Facts;
use serde_json::Value;

/// Looks at NATS, where it is used.
pub(super) async fn look(settings: &Settings, facts: Option<&Facts>, found: &mut Findings) {
    let Some(servers) = &settings.nats else {
        found.ok("NATS is not used: --nats is not given");
        return;
    };
    let looked = match Connection::open(servers).await {
        Ok(connection) => examine(&connection).await,
        Err(error) => Err(error),
    };
    let examined = match looked {
        Ok(examined) => examined,
        Err(error) => {
            found.failed("NATS does not answer", &error, "check the servers and --nats");
            return;
        }
    };
    server(&examined, found);
    if let (Some(last), Some(facts)) = (examined.last, facts) {
        let beyond = last.position > facts.head;
        match last.check_identity(facts.log) {
            Ok(()) if beyond => {
                let (position, head) = (last.position, facts.head);
                let what = format!("the stream is at position {position}, the log ends at {head}");
                found.problem(&what, ASTRAY);
            }
            Ok(()) => found.ok(format!("the stream has the log up to position {}", last.position)),
            Err(misfit) => {
                let what = format!("the stream of events does not fit the log: {misfit}");
                found.problem(&what, &cure(misfit));
            }
        }
    }
    if let (Some(owner), Some(facts)) = (examined.taken_by, facts)
        && owner != facts.log.id
    {
        let misfit = Misfit::OtherLog { expected: facts.log.id, found: owner };
        let what = format!("the stream of captures does not fit the log: {misfit}");
        found.problem(&what, &cure(misfit));
    }
    synced(settings, examined.recent, found).await;
}

fn server(examined: &Examined, found: &mut Findings) {
    let version = &examined.version;
    if examined.recent {
        found.ok(format!("NATS {version} answers"));
    } else {
        found.warning(
            &format!("NATS {version} answers, but cannot sync each message"),
            "2.10 and later can",
        );
    }
    let streams = match &examined.streams {
        Ok(streams) => streams,
        Err(error) => {
            let cure = "enable it in the server's configuration: `jetstream { store_dir: … }`";
            found.failed("JetStream does not answer", error, cure);
            return;
        }
    };
    for (name, kept) in streams {
        match kept {
            Kept::AsAsked => found.ok(format!("the stream {name} is kept as leadline asks")),
            Kept::Missing => found.ok(format!("there is no stream {name} yet; leadline makes it")),
            Kept::Otherwise(differences) => found.warning(
                &format!("the stream {name} is kept otherwise: {differences}"),
                "leadline changes it at its next start where the server lets it",
            ),
        }
    }
}

/// How messages are synced, which only the monitoring address tells.
async fn synced(settings: &Settings, recent: bool, found: &mut Findings) {
    const SET: &str =
        "set `sync_interval: always` under `jetstream` on 2.10 and later; the log has what is lost";
    if !recent {
        let what = "messages are synced every two minutes: this server knows no sync_interval";
        found.warning(what, "a loss of power may cost captures that are not in the log yet");
        return;
    }
    let Some(monitor) = &settings.nats_monitor else {
        found.warning("how messages are synced cannot be told without --nats-monitor", SET);
        return;
    };
    let told = Caller::remote(monitor, String::new()).get("/varz").await;
    match told {
        Ok(varz) if always(&varz) => found.ok("NATS syncs each message"),
        Ok(varz) => {
            let nanos = varz.pointer("/jetstream/config/sync_interval").and_then(Value::as_u64);
            let seconds = nanos.unwrap_or(120_000_000_000) / 1_000_000_000;
            found.warning(&format!("NATS syncs messages every {seconds} s"), SET);
        }
        Err(failure) => found.warning(&failure.message, "check --nats-monitor"),
    }
}

fn always(varz: &Value) -> bool {
    varz.pointer("/jetstream/config/sync_always").and_then(Value::as_bool).unwrap_or(false)
}
