//! `demo`: a scratch database, a believable company, its headline numbers, and the API on top.

mod generator;

use crate::cli::DemoArgs;
use crate::client::Caller;
use crate::commands::import::import;
use crate::failure::Failure;
use crate::node::{Node, Opening, hold};
use crate::output;
use crate::serving;
use crate::settings::Settings;
use leadline_capture::feed::LineOptions;
use leadline_capture::import::{Options, Source};
use leadline_domain::money::Currency;
use leadline_engine::Role;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The views that the demo prints, and how.
const HEADLINES: [(&str, &str, &[&str]); 3] = [
    ("pipeline", "Pipeline", &["leads_by_phase", "rows"]),
    ("sla", "Acceptance SLA", &["rows"]),
    ("attribution", "Attribution, linear model", &["rows"]),
];

/// A folder that goes when the demo ends.
struct Scratch(PathBuf);

impl Scratch {
    fn make() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("leadline-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .map_err(|error| Failure::of("make", &path.display(), error))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, "Could not remove the demo's scratch folder");
        }
    }
}

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
    let scratch = Scratch::make()?;
    let database = scratch.0.join("demo.db");
    let lock = hold(&database)?
        .map_err(|_| Failure::plain("the scratch database is in use".to_owned()))?;
    let node = Node::open(lock, Opening { create: true, anonymous: Some(Role::Auditor) }).await?;
    println!(
        "leadline demo: bringing in a company's two quarters through the ordinary command path …"
    );
    let bytes = source.bytes().map_err(|error| Failure::of("read", &"the dataset", error))?;
    let options = Options {
        lines: LineOptions { currency: Currency::EUR, enforce_policies: false, strict: false },
        dry_run: false,
    };
    let (report, elapsed) = import(&node.engine, source, bytes, options)
        .await
        .map_err(|error| Failure::of("bring in", &"the dataset", error))?;
    println!(
        "{} commands in {:.2} s, {} refused",
        report.lines,
        elapsed.as_secs_f64(),
        report.refused
    );
    headlines(&node).await?;
    match listener {
        None => {
            node.engine.close().await;
            Ok(())
        }
        Some(listener) => serve(node, listener).await,
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
    for (view, title, tables) in HEADLINES {
        let document = caller.get(&format!("/v1/views/{view}")).await?;
        println!("\n{title}\n{}", "─".repeat(title.chars().count()));
        if let Some(totals) = document.get("totals").and_then(Value::as_object) {
            print!("{}", output::fields(totals));
        }
        for table in tables {
            let rows = document.get(*table).and_then(Value::as_array).cloned().unwrap_or_default();
            println!("{}", output::table(&rows, &output::order(view, table)));
        }
    }
    Ok(())
}

async fn serve(node: Node, listener: tokio::net::TcpListener) -> Result<(), Failure> {
    let key = node
        .engine
        .local_key("demo")
        .map_err(|error| Failure::of("make", &"a local key", error))?;
    serving::serve(node, listener, |address| {
        println!("\nServing this sample; reading needs no key. Ctrl-C ends it.");
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
            println!("  http://{address}{path}");
        }
        println!("To change something, send this key: Authorization: Bearer {}", key.bearer);
    })
    .await
}
