//! The command line: what can be typed, and what it means.

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use leadline_engine::Role;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The life of a lead, kept as an append-only log: captured, qualified, accepted, converted, won or lost.
#[derive(Debug, Parser)]
#[command(name = "leadline", version, propagate_version = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  leadline demo                                  a company's sample in a scratch database, tables, then the API
  leadline serve                                 API, projectors and timers on sqlite:leadline.db
  leadline import history.jsonl.gz               bring history in; the same file twice changes nothing
  leadline view pipeline --as-of 2026-03-31T23:59:59Z
  leadline lead history key:web-00042            everything that happened to one lead
  leadline key create --role sales --label mia   a key for the API, shown once

Exit codes: 0 ok, 1 failed, 2 usage, 3 refused by a rule, or not allowed to the key.";

/// Options that every command takes. Each can stand in the configuration file under its long name.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Configuration file (TOML); options given here or in the environment override it. Since 0.1.0.
    #[arg(long, global = true, env = "LEADLINE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The database: sqlite:PATH, with keys and views beside it, or `postgres://USER:PASSWORD@HOST/NAME`
    /// [default: sqlite:leadline.db]. Since 0.1.0.
    #[arg(long, global = true, env = "LEADLINE_DATABASE", value_name = "URL")]
    pub(crate) database: Option<String>,
    /// The NATS servers that events are published to, such as `nats://127.0.0.1:4222`; without them, events reach views
    /// by the log alone. Since 0.1.0.
    #[arg(long, global = true, env = "LEADLINE_NATS", value_name = "URL")]
    pub(crate) nats: Option<String>,
    /// The monitoring address of a NATS server, such as `http://127.0.0.1:8222`: `doctor` asks there how messages are
    /// synced. Since 0.1.0.
    #[arg(long, global = true, env = "LEADLINE_NATS_MONITOR", value_name = "URL")]
    pub(crate) nats_monitor: Option<String>,
    /// Use a Postgres server although its settings may lose what it has confirmed. For scratch servers. Since 0.1.0.
    #[arg(long, global = true)]
    pub(crate) i_accept_data_loss: bool,
    /// Where the server listens, address and port [default: 127.0.0.1:8080]. Since 0.1.0.
    #[arg(long, global = true, env = "LEADLINE_LISTEN", value_name = "ADDRESS", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Requests a second that each key may make of the server; 0 for any number [default: 0]. Since 0.1.0.
    #[arg(long, global = true, env = "LEADLINE_RATE_LIMIT", value_name = "N")]
    pub(crate) rate_limit: Option<u32>,
    /// How log lines are written [default: text]. Since 0.1.0.
    #[arg(long, global = true, env = "LEADLINE_LOG_FORMAT", value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

/// Reads an address to listen on.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("`{text}` is no address and port, such as 127.0.0.1:8080"))
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API, keep the views, fire the timers, publish events where there is NATS.
    Serve {
        /// What this process does, of all that; everything where absent. May be repeated, or several separated by commas.
        /// For several processes on one Postgres.
        #[arg(long, value_name = "ROLE", value_delimiter = ',')]
        role: Vec<ServeRole>,
    },
    /// Only keep views, for several processes on one Postgres. A view is kept by one of them at a time; the others stand by.
    Project {
        /// Views to keep: lead, timeline, pipeline, sla, attribution, conversion or funnel; all where absent.
        #[arg(long, value_name = "NAME", value_delimiter = ',')]
        view: Vec<String>,
    },
    /// Only publish events to NATS JetStream. A second publisher does no harm.
    Publish,
    /// Make a scratch database with a believable company, print its numbers, then serve it. --database is ignored.
    ///
    /// The scratch database lies among the temporary files and goes when the demo ends.
    Demo(DemoArgs),
    /// Bring history in from a command feed; run it again to resume.
    Import(ImportArgs),
    /// One lead: as it stands or stood, everything that happened to it, and why.
    #[command(subcommand)]
    Lead(LeadCommand),
    /// Print a view: lead, timeline, pipeline, sla, attribution, conversion or funnel.
    View(ViewArgs),
    /// Fold a view anew from the log, beside the one that answers, then swap, and say whether its rows are the same.
    Rebuild {
        /// The view: lead, timeline, pipeline, sla, attribution, conversion or funnel.
        name: String,
    },
    /// The event log itself.
    #[command(subcommand)]
    Log(LogCommand),
    /// Data subjects' rights.
    #[command(subcommand)]
    Subject(SubjectCommand),
    /// API keys and their roles.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Policies as files.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Look at configuration, database, NATS, clock and disk, change nothing, and say what is wrong and how to fix it.
    Doctor,
    /// Measure this machine: fsync, appends, commands in process and over HTTP, projection lag.
    Bench(BenchArgs),
}

/// What a process that serves can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServeRole {
    /// Answer commands and questions, and take in captures from NATS.
    Api,
    /// Notice what falls due.
    Timer,
    /// Keep the views.
    Project,
    /// Publish events to NATS.
    Publish,
}

impl ServeRole {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Api, Self::Timer, Self::Project, Self::Publish];
}

/// `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Stop after the tables instead of serving.
    #[arg(long)]
    pub(crate) exit: bool,
    /// Another dataset: a folder with a command feed named feed.jsonl or feed.jsonl.gz.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// `import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The feed: one JSON object a line; gzip where its name ends in .gz.
    pub(crate) file: PathBuf,
    /// The format of the file, where its name does not tell.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<ImportFormat>,
    /// Import through the server at this address, `http://HOST:PORT`; needs a key.
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// A key of an admin for that server.
    #[arg(long, env = "LEADLINE_KEY", value_name = "KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
    /// Check the form of every line and change nothing. Whether the rules would take it is not checked: only the import
    /// itself tells.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Refuse names that no catalogue knows, instead of registering them.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Judge the past by today's policies: ownership, required fields, gates, duplicates.
    #[arg(long)]
    pub(crate) enforce_policies: bool,
}

/// The format of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// One JSON object a line.
    Ndjson,
}

/// `lead`.
#[derive(Debug, Subcommand)]
pub(crate) enum LeadCommand {
    /// The lead's fields as they stand, or as they stood; fields without a value are left out.
    Show {
        /// A lead's id, or `key:` and the key of its source system.
        id: String,
        #[command(flatten)]
        moment: Moment,
    },
    /// Everything that happened, oldest first.
    History {
        /// A lead's id, or `key:` and the key of its source system.
        id: String,
        /// How to print it: `table` and `csv` have the main columns, `json` has every detail.
        #[arg(long, default_value = "table")]
        format: Format,
    },
    /// One event with the command, policies, rule and inputs that led to it.
    Explain {
        /// The event's position, as `lead history` shows it.
        position: u64,
    },
}

/// When, for questions about the past.
#[derive(Clone, Debug, Args)]
pub(crate) struct Moment {
    /// A time in full, such as 2026-03-31T23:59:59Z, or a position of the log.
    #[arg(long, value_name = "TIME|POSITION")]
    pub(crate) as_of: Option<String>,
    /// `true`: what happened by then, as known now. `known`: what was known then. A time is asked by `true` where absent, a position by `known`.
    #[arg(long, value_name = "known|true")]
    pub(crate) axis: Option<String>,
}

/// `view`.
#[derive(Debug, Args)]
pub(crate) struct ViewArgs {
    /// lead, timeline, pipeline, sla, attribution, conversion or funnel.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) moment: Moment,
    /// How to print it.
    #[arg(long, default_value = "table")]
    pub(crate) format: Format,
    /// Print a digest of rows and position instead.
    #[arg(long)]
    pub(crate) checksum: bool,
    /// Attribution model, such as first, last, linear, position or decay.
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Attribution window: days before the conversion, or `none`.
    #[arg(long)]
    pub(crate) window: Option<String>,
    /// Attribution scope: `since_last` conversion, or `all`.
    #[arg(long)]
    pub(crate) scope: Option<String>,
    /// Any other parameter of the view, such as by=owner; `leadline view NAME --param help` lists them.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) parameters: Vec<String>,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// The rows, comma-separated.
    Csv,
}

/// `log`.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// After the database was restored from a backup: begin a new epoch of the log. Views are built anew and the stream
    /// on NATS is begun anew; whoever else subscribes to it has to begin with an empty table.
    NewEpoch,
}

/// `subject`.
#[derive(Debug, Subcommand)]
pub(crate) enum SubjectCommand {
    /// Make a person's fields unreadable everywhere, for ever. Figures and history stay.
    Erase {
        /// The lead of that person: its id, or `key:` and the key of its source system.
        id: String,
        /// The id or key is a contact's.
        #[arg(long)]
        contact: bool,
    },
}

/// `key`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Create a key. It is printed once and stored only as a digest.
    Create {
        /// What the key may do.
        #[arg(long, value_parser = PossibleValuesParser::new(Role::ALL.map(Role::name)))]
        role: String,
        /// Whose key: the name that its commands will carry.
        #[arg(long)]
        label: String,
    },
    /// List all keys, revoked ones too: id, label and role, without secrets.
    List,
    /// Revoke a key: at once on the server that is asked, and on SQLite; within a second on every other server.
    Revoke {
        /// Its public id, as `key list` shows it: the part of the key before the full stop.
        id: String,
    },
}

/// `policy`.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Say whether a file is a valid policy.
    Check {
        /// JSON, or TOML where its name ends in .toml.
        file: PathBuf,
    },
    /// Put a version into the log. It never changes afterwards.
    Publish {
        /// JSON, or TOML where its name ends in .toml.
        file: PathBuf,
    },
    /// Put a published version in force.
    Activate {
        /// The version to put in force, as `name@version`.
        policy: String,
        /// From when: a time such as 2027-01-01T00:00:00Z, or `beginning` for all of history. Now where absent.
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
    },
}

/// `bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Seconds that each measurement takes.
    #[arg(long, default_value_t = 5)]
    pub(crate) seconds: u64,
    /// Folder for the scratch databases; a temporary one where absent. Put it on the disk that you care about.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// How many clients at once, one measurement for each number.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 16, 64, 256])]
    pub(crate) clients: Vec<usize>,
    /// Nodes that share the log in the lines `in process` and `one lead`, up to 8; more than one needs a Postgres
    /// database.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) nodes: usize,
    /// Events up to which `growth` lets a log grow.
    #[arg(long, value_name = "EVENTS", default_value_t = 1_000_000)]
    pub(crate) grow_to: u64,
    /// What to measure; everything but `growth` where absent.
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    pub(crate) only: Vec<BenchPart>,
}

/// What `bench` measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchPart {
    /// Commands in process, committed in groups.
    Process,
    /// The same, each committed by itself.
    Single,
    /// Commands on one and the same lead.
    Hot,
    /// The rate while a log grows to --grow-to events, and the next start.
    Growth,
    /// Commands over HTTP.
    Http,
    /// The rate at which the log is published to NATS; needs --nats.
    Publish,
    /// How far the views lag behind; through NATS with --nats.
    Lag,
}
