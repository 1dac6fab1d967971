//! `demo`: a scratch database, a believable company, its headline numbers, and the API on top.

mod generator;

use crate::cli::{DemoArgs, ServeRole};
use crate::client::Caller;
use crate::commands::import::import;
use crate::database::Database;
use crate::failure::Failure;
use crate::node::{Node, Opening};
use crate::output;
use crate::output::say;
use crate::scratch::Scratch;
use crate::serving::{self, Duties};
use crate::settings::Settings;
use leadline_capture::feed::LineOptions;
use leadline_capture::import::{Options, Source};
use leadline_domain::money::Currency;
use leadline_engine::Role;
use serde_json::Value;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;

/// A table of a headline: which one, and which of its columns.
type Headline = (&'static str, &'static [&'static str]);

/// The views that the demo prints, with their titles, totals and tables.
const HEADLINES: [(&str, &str, &[&str], &[Headline]); 3] = [
    (
        "pipeline",
        "Pipeline (money in minor units)",
        &[
            "leads",
            "open",
            "amount_minor",
            "weighted_minor",
            "won",
            "won_minor",
            "lost",
            "win_rate_bps",
        ],
        &[
            ("leads", &["phase", "leads"]),
            (
                "rows",
                &[
                    "group",
                    "currency",
                    "open",
                    "amount_minor",
                    "weighted_minor",
                    "won",
                    "won_minor",
                    "lost",
                ],
            ),
        ],
    ),
    (
        "sla",
        "Acceptance SLA (24 working hours from MQL)",
        &[
            "clocks",
            "met",
            "breached",
            "breached_open",
            "running",
            "attainment_bps",
            "mql_awaiting_sal",
        ],
        &[(
            "rows",
            &[
                "owner",
                "clocks",
                "met",
                "breached",
                "breached_open",
                "attainment_bps",
                "elapsed_s_p50",
                "elapsed_s_p90",
            ],
        )],
    ),
    (
        "attribution",
        "Attribution of won deals (linear model)",
        &["conversions", "revenue_minor", "unattributed_minor", "touches"],
        &[
            ("rows", &["group", "credit_conversions", "credit_revenue_minor", "touches"]),
            ("campaigns", &["group", "credit_conversions", "credit_revenue_minor", "touches"]),
        ],
    ),
];

/// `demo`.
pub(crate) async fn run(arguments: DemoArgs, settings: Settings) -> Result<(), Failure> {
    let source = match &arguments.data {
        None => {
            let feed = generator::feed(generator::SEED, generator::LEADS).join("\n");
            Source::Memory(Arc::new(feed.into_bytes()))
        }
        Some(folder) => Source::File(dataset(folder)?),
    };
    let listener = if arguments.exit { None } else { Some(serving::bind(settings.listen).await?) };
    let scratch = Scratch::make(&std::env::temp_dir(), "demo")?;
    let database = scratch.path().join("demo.db");
    let right = Database::Sqlite(database).hold_alone()?;
    let node =
        Node::open(right, Opening { anonymous: Some(Role::Auditor), ..Opening::plain(true) })
            .await?;
    say!("leadline demo: bringing in a company's two quarters through the ordinary command path …");
    let bytes = source.bytes().map_err(|error| Failure::of("read", &"the dataset", error))?;
    let options = Options {
        lines: LineOptions { currency: Currency::EUR, enforce_policies: false, strict: false },
        dry_run: false,
    };
    let (report, elapsed) = import(&node.engine, source, bytes, options)
        .await
        .map_err(|error| Failure::of("bring in", &"the dataset", error))?;
    say!("{} commands in {:.2} s, {} refused", report.lines, elapsed.as_secs_f64(), report.refused);
    headlines(&node).await?;
    match listener {
        None => {
            node.engine.close().await;
            Ok(())
        }
        Some(listener) => serve(node, listener, settings.rate_limit).await,
    }
}

fn dataset(folder: &Path) -> Result<PathBuf, Failure> {
    ["feed.jsonl", "feed.jsonl.gz"]
        .into_iter()
        .map(|name| folder.join(name))
        .find(|path| path.exists())
        .ok_or_else(|| {
            Failure::usage(format!(
                "the folder `{}` has neither feed.jsonl nor feed.jsonl.gz",
                folder.display()
            ))
        })
}

async fn headlines(node: &Node) -> Result<(), Failure> {
    let key = node
        .engine
        .local_key("demo")
        .map_err(|error| Failure::of("make", &"a local key", error))?;
    let caller = Caller::local(node.router(), key.bearer);
    for (view, title, totals, tables) in HEADLINES {
        let document = caller.get(&format!("/v1/views/{view}")).await?;
        say!("\n{title}");
        let found = document.get("totals").unwrap_or(&Value::Null);
        let told = totals
            .iter()
            .filter_map(|name| Some(format!("{name} {}", output::cell(found.get(*name)?))));
        say!("{}\n", told.collect::<Vec<_>>().join(" · "));
        for (table, columns) in tables {
            let rows = document.get(*table).and_then(Value::as_array).cloned().unwrap_or_default();
            say!("{}\n", output::table_of(&rows, columns));
        }
    }
    Ok(())
}

async fn serve(
    node: Node,
    listener: TcpListener,
    rate_limit: Option<NonZeroU32>,
) -> Result<(), Failure> {
    let key = node
        .engine
        .local_key("demo")
        .map_err(|error| Failure::of("make", &"a local key", error))?;
    let duties = Duties { roles: ServeRole::ALL.to_vec(), delivery: None, rate_limit };
    serving::serve(node, listener, duties, |address| {
        say!("\nServing this sample; reading needs no key. Ctrl-C ends it.");
        for path in [
            "/v1/views/pipeline",
            "/v1/views/sla",
            "/v1/views/attribution?model=linear",
            "/v1/views/funnel",
            "/v1/leads?limit=5",
            "/v1/leads/key:web-00042/history",
            "/v1/events?limit=5",
            "/readyz",
            "/metrics",
            "/openapi.json",
            "/docs",
        ] {
            say!("  http://{address}{path}");
        }
        say!("To change something, send this key: Authorization: Bearer {}", key.bearer);
    })
    .await
}
