//! `policy`: policies as files.

use super::{caller, close};
use crate::cli::PolicyCommand;
use crate::client::encoded;
use crate::failure::{Failure, REFUSED};
use crate::output;
use crate::output::say;
use crate::settings::Settings;
use leadline_domain::Timestamp;
use leadline_events::policy_json;
use serde_json::{Value, json};
use std::path::Path;

/// `policy`.
pub(crate) async fn run(command: PolicyCommand, settings: &Settings) -> Result<(), Failure> {
    match command {
        PolicyCommand::Check { file } => {
            let policy = checked(&file)?;
            say!("valid: {}", policy.reference);
            Ok(())
        }
        PolicyCommand::Publish { file } => {
            let policy = checked(&file)?;
            let document: Value = serde_json::from_str(&policy.source)
                .map_err(|error| Failure::of("read", &file.display(), error))?;
            let (caller, node) = caller(settings, true).await?;
            let reply = caller.post("/v1/policies", &document).await;
            close(node).await;
            let reply = reply?;
            let new = reply
                .get("events")
                .and_then(Value::as_array)
                .is_some_and(|events| !events.is_empty());
            let name = policy.reference.name_and_version();
            say!("{} {}", if new { "published" } else { "already published:" }, policy.reference);
            say!("Put it in force with: leadline policy activate {name}");
            Ok(())
        }
        PolicyCommand::Activate { policy, from } => {
            let from = match from.as_deref() {
                None => Value::Null,
                Some("beginning") => Timestamp::BEGINNING.to_string().into(),
                Some(text) => Timestamp::parse(text)
                    .map_err(|error| Failure::usage(format!("--from: {error}, or `beginning`")))?
                    .to_string()
                    .into(),
            };
            let (caller, node) = caller(settings, false).await?;
            let path = format!("/v1/policies/{}/activate", encoded(&policy));
            let body = if from.is_null() { json!({}) } else { json!({"effective_from": from}) };
            let reply = caller.post(&path, &body).await;
            close(node).await;
            reply?;
            say!(
                "in force: {policy}, from {}",
                if from.is_null() { "now on".to_owned() } else { output::cell(&from) }
            );
            Ok(())
        }
    }
}

/// Reads and checks a policy file; TOML and JSON say the same.
fn checked(file: &Path) -> Result<policy_json::Policy, Failure> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| Failure::of("read", &shown, error))?;
    let toml = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    let parsed = if toml {
        let document: Value =
            toml::from_str(&text).map_err(|error| Failure::of("read", &shown, error))?;
        policy_json::parse_value(document)
    } else {
        policy_json::parse(text.as_bytes())
    };
    parsed.map_err(|error| Failure {
        message: format!("`{shown}` is no valid policy:\n  {}", error.errors().join("\n  ")),
        code: REFUSED,
    })
}
