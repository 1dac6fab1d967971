//! The commands of the command line.

mod bench;
mod doctor;
pub(crate) mod import;
mod log;
mod policy;
mod questions;

use crate::cli::{Command, KeyCommand, LogCommand, ServeRole, SubjectCommand};
use crate::client::{Caller, encoded};
use crate::database::{Database, Published, Right};
use crate::delivery::Delivery;
use crate::demo;
use crate::failure::Failure;
use crate::node::{Node, Opening};
use crate::output;
use crate::output::say;
use crate::serving::{self, Duties};
use crate::settings::Settings;
use serde_json::{Value, json};

/// Runs a command of the command line.
pub(crate) async fn run(command: Command, settings: Settings) -> Result<(), Failure> {
    match command {
        Command::Serve { role } => {
            let roles = if role.is_empty() { ServeRole::ALL.to_vec() } else { role };
            if matches!(settings.database, Database::Sqlite(_))
                && !roles.contains(&ServeRole::Project)
            {
                let detail = "a database in a file is for one process, which has to keep the views too: add the role \
                              `project`, or leave --role out";
                return Err(Failure::usage(detail.to_owned()));
            }
            serve(&settings, roles, leadline_views::NAMES.to_vec()).await
        }
        Command::Project { view } => {
            serve(&settings, vec![ServeRole::Project], views(&view)?).await
        }
        Command::Publish => {
            if settings.nats.is_none() {
                let detail = "publishing needs --nats, such as nats://127.0.0.1:4222".to_owned();
                return Err(Failure::usage(detail));
            }
            serve(&settings, vec![ServeRole::Publish], Vec::new()).await
        }
        Command::Demo(arguments) => demo::run(arguments, settings).await,
        Command::Import(arguments) => import::run(arguments, &settings).await,
        Command::Lead(command) => questions::lead(command, &settings).await,
        Command::View(arguments) => questions::view(arguments, &settings).await,
        Command::Rebuild { name } => rebuild(&name, &settings).await,
        Command::Log(LogCommand::NewEpoch) => log::new_epoch(&settings).await,
        Command::Subject(SubjectCommand::Erase { id, contact }) => {
            let through = if contact { "contact" } else { "lead" };
            erase(&id, through, &settings).await
        }
        Command::Key(command) => key(command, &settings).await,
        Command::Policy(command) => policy::run(command, &settings).await,
        Command::Doctor => doctor::run(&settings).await,
        Command::Bench(arguments) => bench::run(arguments, &settings).await,
    }
}

/// Who holds the database: this process, or a server that answers for it.
pub(crate) enum Held {
    /// This process.
    Here(Right),
    /// A server.
    ByServer(Published),
}

/// Takes the database, or finds the server that has it.
pub(crate) fn held(settings: &Settings) -> Result<Held, Failure> {
    match settings.database.hold()? {
        Ok(right) => Ok(Held::Here(right.accepting_data_loss(settings.accept_data_loss))),
        Err(Some(published)) => Ok(Held::ByServer(published)),
        Err(None) => Err(Failure::plain(format!(
            "the database `{}` is in use by another command that is no server; wait for it to end",
            settings.database
        ))),
    }
}

/// A caller of the API of whoever holds the database, and the node to close afterwards.
pub(crate) async fn caller(
    settings: &Settings,
    create: bool,
) -> Result<(Caller, Option<Node>), Failure> {
    if !create && settings.database.is_missing() {
        // Said before the lock is taken: a slip of the pen leaves no file behind.
        return Err(settings.database.missing());
    }
    match held(settings)? {
        Held::ByServer(server) => Ok((Caller::remote(&server.address, server.bearer), None)),
        Held::Here(right) => {
            let node = open_telling(right, Opening::plain(create)).await?;
            let key = node
                .engine
                .local_key("operator")
                .map_err(|error| Failure::of("make", &"a local key", error))?;
            Ok((Caller::local(node.router(), key.bearer), Some(node)))
        }
    }
}

/// Opens a node, and says so where that makes a new database: it may be another one than was meant.
pub(crate) async fn open_telling(right: Right, opening: Opening) -> Result<Node, Failure> {
    let database = right.database();
    let is_new = database.is_missing();
    let node = Node::open(right, opening).await?;
    if is_new {
        // Not on stdout, which may go into a variable of the caller's.
        eprintln!("made a new database {}", database.place());
    }
    Ok(node)
}

/// Closes a node that was opened for one command.
pub(crate) async fn close(node: Option<Node>) {
    if let Some(node) = node {
        node.engine.close().await;
    }
}

/// The views of these names; all of them where there is none.
fn views(names: &[String]) -> Result<Vec<&'static str>, Failure> {
    if names.is_empty() {
        return Ok(leadline_views::NAMES.to_vec());
    }
    let known = |name: &String| {
        let found = leadline_views::NAMES.iter().find(|known| *known == name).copied();
        found.ok_or_else(|| {
            let all = leadline_views::NAMES.join(", ");
            Failure::usage(format!("there is no view `{name}`; there are {all}"))
        })
    };
    names.iter().map(known).collect()
}

async fn serve(
    settings: &Settings,
    roles: Vec<ServeRole>,
    views: Vec<&'static str>,
) -> Result<(), Failure> {
    let right = match held(settings)? {
        Held::Here(right) => right,
        Held::ByServer(server) => {
            return Err(Failure::plain(format!(
                "the database `{}` is served already at {} by process {}",
                settings.database, server.address, server.pid
            )));
        }
    };
    let listener = serving::bind(settings.listen).await?;
    let delivery = match &settings.nats {
        Some(servers) => Some(Delivery::open(servers).await?),
        None => None,
    };
    let projects = roles.contains(&ServeRole::Project);
    let views = if projects { views } else { Vec::new() };
    let node = Node::open(right, Opening { views, ..Opening::plain(true) }).await?;
    let database = settings.database.to_string();
    let answers = roles.contains(&ServeRole::Api);
    let duties = Duties { roles, delivery, rate_limit: settings.rate_limit };
    serving::serve(node, listener, duties, |address| {
        if answers {
            say!(
                "leadline serves {database} at http://{address} (documentation: http://{address}/docs)"
            );
            say!("Make a key for the API with: leadline key create --role admin --label NAME");
        } else {
            say!("leadline works on {database}; readiness and metrics at http://{address}");
        }
    })
    .await
}

async fn rebuild(name: &str, settings: &Settings) -> Result<(), Failure> {
    if settings.database.is_missing() {
        // Said before the lock is taken: a slip of the pen leaves no file behind.
        return Err(settings.database.missing());
    }
    let right = match held(settings)? {
        Held::Here(right) => right,
        Held::ByServer(server) => {
            let bar = spinner(&format!("the server rebuilds `{name}`"));
            let caller = Caller::remote(&server.address, server.bearer);
            let reply =
                caller.post(&format!("/v1/views/{}/rebuild", encoded(name)), &json!({})).await;
            bar.finish_and_clear();
            say!("{}", reply?.as_object().map(output::fields).unwrap_or_default().trim_end());
            return Ok(());
        }
    };
    let mut opening = Opening::plain(false);
    if right.is_shared() {
        // It lasts, and brings forward nothing but the rows beside those that answer: others may.
        opening.views.clear();
    }
    let node = Node::open(right, opening).await?;
    let bar = indicatif::ProgressBar::new(0).with_style(
        indicatif::ProgressStyle::with_template(
            "{bar:40} {pos}/{len} events, {per_sec}, ETA {eta}",
        )
        .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()),
    );
    let shown = bar.clone();
    let rebuilt = node
        .projections
        .rebuild(&node.engine, name, move |done, all| {
            shown.set_length(all);
            shown.set_position(done);
        })
        .await;
    bar.finish_and_clear();
    node.engine.close().await;
    let rebuilt = rebuilt.map_err(|error| match error {
        leadline_engine::Error::NotFound { .. } => Failure::usage(error.to_string()),
        other => Failure::of("rebuild", &name, other),
    })?;
    let same = match rebuilt.same {
        Some(true) => "its rows are the same as before",
        Some(false) => "its rows DIFFER from those before, which are kept for going back",
        None => "there were no rows of the same code and position to compare with",
    };
    say!("rebuilt `{name}` up to position {}: {same}", rebuilt.position);
    Ok(())
}

/// A sign of life for work whose length is not known beforehand.
pub(crate) fn spinner(what: &str) -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new_spinner().with_message(what.to_owned());
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar
}

async fn erase(id: &str, through: &str, settings: &Settings) -> Result<(), Failure> {
    let (caller, node) = caller(settings, false).await?;
    let path = format!("/v1/subjects/{}/erase", encoded(id));
    let reply = caller.post(&path, &json!({"through": through})).await;
    close(node).await;
    let reply = reply?;
    let events = reply.get("events").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if events.is_empty() {
        say!("Already erased: nothing changed.");
    } else {
        say!(
            "Erased: the keys are destroyed, nothing opens this person's fields any more. History and figures stay."
        );
    }
    // From now on the key leads nowhere; these ids still name the lead and the person in the log.
    let mut streams: Vec<&str> = Vec::new();
    for stream in [&reply].into_iter().chain(events).filter_map(|told| told.get("stream")) {
        streams.extend(stream.as_str().filter(|stream| !streams.contains(stream)));
    }
    for (kind, id) in streams.into_iter().filter_map(|stream| stream.split_once('-')) {
        say!("{kind} {id}");
    }
    Ok(())
}

async fn key(command: KeyCommand, settings: &Settings) -> Result<(), Failure> {
    let creates = matches!(command, KeyCommand::Create { .. });
    let (caller, node) = caller(settings, creates).await?;
    let told = match command {
        KeyCommand::Create { role, label } => {
            let reply = caller.post("/v1/keys", &json!({"role": role, "label": label})).await;
            reply.map(|reply| {
                let secret = reply.get("key").map(output::cell).unwrap_or_default();
                format!("{secret}\nShown this once. Send it as: Authorization: Bearer {secret}")
            })
        }
        KeyCommand::List => caller.get("/v1/keys").await.map(|reply| {
            let rows = reply.get("keys").and_then(Value::as_array).cloned().unwrap_or_default();
            if rows.is_empty() {
                "There are no keys. Make one with: leadline key create --role admin --label NAME"
                    .to_owned()
            } else {
                output::table(&rows, &["id", "label", "role", "revoked"])
            }
        }),
        KeyCommand::Revoke { id } => {
            // Whoever gives the whole key means its id; the secret is not to be repeated.
            let id = id.split('.').next().unwrap_or_default();
            let path = format!("/v1/keys/{}/revoke", encoded(id));
            caller.post(&path, &json!({})).await.map(|_| {
                let when = match settings.database {
                    Database::Sqlite(_) => "its next call is answered with 401",
                    Database::Postgres(_) => {
                        "within a second every server answers its calls with 401"
                    }
                };
                format!("Revoked {id}: {when}.")
            })
        }
    };
    close(node).await;
    say!("{}", told?);
    Ok(())
}
