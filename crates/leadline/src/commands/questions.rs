//! `view` and `lead`: questions, asked of the API.

use super::{caller, close};
use crate::cli::{Format, LeadCommand, Moment, ViewArgs};
use crate::client::encoded;
use crate::failure::Failure;
use crate::output;
use crate::output::say;
use crate::settings::Settings;
use leadline_views::query::question;
use serde_json::Value;
use std::fmt::Write as _;

fn query(pairs: &[(&str, Option<&str>)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if let Some(value) = value {
            text.push(if text.is_empty() { '?' } else { '&' });
            // Writing to a string cannot fail.
            let _written = write!(text, "{}={}", encoded(name), encoded(value));
        }
    }
    text
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}

/// `view`.
pub(crate) async fn view(arguments: ViewArgs, settings: &Settings) -> Result<(), Failure> {
    let name = arguments.name.as_str();
    if arguments.parameters.iter().any(|parameter| parameter == "help") {
        say!("{}", parameters_of(name)?);
        return Ok(());
    }
    let mut pairs = vec![
        ("as_of", arguments.moment.as_of.as_deref()),
        ("axis", arguments.moment.axis.as_deref()),
        ("model", arguments.model.as_deref()),
        (if name == "attribution" { "window_days" } else { "window" }, arguments.window.as_deref()),
        ("scope", arguments.scope.as_deref()),
    ];
    for parameter in &arguments.parameters {
        let (name, value) = parameter.split_once('=').ok_or_else(|| {
            Failure::usage(format!(
                "--param takes NAME=VALUE, not `{parameter}`; `--param help` lists the names"
            ))
        })?;
        pairs.push((name, Some(value)));
    }
    if name == "timeline" && !arguments.checksum && !pairs.iter().any(|(name, _)| *name == "root") {
        return Err(Failure::usage(
            "the view `timeline` is of one lead: add --param root=LEAD, with its id, or `key:` and the key of its source system"
                .to_owned(),
        ));
    }
    let (caller, node) = caller(settings, false).await?;
    let path = if arguments.checksum {
        format!("/v1/views/{}/checksum", encoded(name))
    } else {
        format!("/v1/views/{}{}", encoded(name), query(&pairs))
    };
    // A view that is behind catches up with the log before it answers.
    let bar = super::spinner(&format!("bringing `{name}` up to the head of the log"));
    let reply = caller.get(&path).await;
    bar.finish_and_clear();
    close(node).await;
    let reply = reply?;
    if arguments.checksum {
        say!("{}", output::fields(reply.as_object().unwrap_or(&serde_json::Map::new())).trim_end());
        return Ok(());
    }
    match arguments.format {
        Format::Json => say!("{}", pretty(&reply)),
        Format::Csv => {
            let rows = reply.get("rows").and_then(Value::as_array).cloned().unwrap_or_default();
            output::write(format_args!("{}", output::csv(&rows, &output::order(name, "rows"))));
        }
        Format::Table => output::write(format_args!("{}", output::document(name, &reply))),
    }
    Ok(())
}

fn parameters_of(name: &str) -> Result<String, Failure> {
    let question = question(name).ok_or_else(|| {
        Failure::usage(format!(
            "there is no view `{name}`; there are {}",
            leadline_views::NAMES.join(", ")
        ))
    })?;
    let mut text =
        format!("{}: {}\n\nParameters (--param NAME=VALUE):\n", question.view, question.doc);
    for (name, doc) in question.parameters {
        // Writing to a string cannot fail.
        let _written = writeln!(text, "  {name:14} {doc}");
    }
    for table in question.tables {
        // Writing to a string cannot fail.
        let _written = writeln!(text, "\nTable `{}`: {}", table.name, table.doc);
        for column in table.columns {
            // Writing to a string cannot fail.
            let _written = writeln!(text, "  {:28} {}", column.name, column.doc);
        }
    }
    Ok(text)
}

/// `lead`.
pub(crate) async fn lead(command: LeadCommand, settings: &Settings) -> Result<(), Failure> {
    let (caller, node) = caller(settings, false).await?;
    let told = match command {
        LeadCommand::Show { id, moment: Moment { as_of, axis } } => {
            let query = query(&[("as_of", as_of.as_deref()), ("axis", axis.as_deref())]);
            let reply = caller.get(&format!("/v1/leads/{}{query}", encoded(&id))).await;
            reply.map(|reply| reply.as_object().map(output::fields).unwrap_or_default())
        }
        LeadCommand::History { id, format } => history(&caller, &id, format).await,
        LeadCommand::Explain { position } => {
            caller.get(&format!("/v1/events/{position}")).await.map(|event| pretty(&event))
        }
    };
    close(node).await;
    say!("{}", told?.trim_end());
    Ok(())
}

async fn history(
    caller: &crate::client::Caller,
    id: &str,
    format: Format,
) -> Result<String, Failure> {
    let mut events: Vec<Value> = Vec::new();
    let mut after = 0;
    loop {
        let page = caller.get(&format!("/v1/leads/{}/history?after={after}", encoded(id))).await?;
        let next = page.get("next").and_then(Value::as_u64).unwrap_or(after);
        let found = page.get("events").and_then(Value::as_array).cloned().unwrap_or_default();
        if found.is_empty() || next == after {
            break;
        }
        events.extend(found);
        after = next;
    }
    let order = ["position", "effective_at", "type", "stream", "version", "by", "rule"];
    Ok(match format {
        Format::Json => pretty(&Value::Array(events)),
        Format::Csv => output::csv(&brief(&events), &order),
        Format::Table => output::table(&brief(&events), &order),
    })
}

/// The rule behind an event; of an attempt that was refused, what was attempted and why it was refused.
fn rule(event: &Value) -> Value {
    let of = |name: &str| event.pointer(name).and_then(Value::as_str);
    match (of("/type"), of("/data/command"), of("/data/code")) {
        (Some("attempt.refused"), Some(command), Some(code)) => format!("{command}: {code}").into(),
        _ => event.get("rule").cloned().unwrap_or_default(),
    }
}

/// The columns of an event that fit on a screen.
fn brief(events: &[Value]) -> Vec<Value> {
    let of = |event: &Value, name: &str| event.get(name).cloned().unwrap_or_default();
    events
        .iter()
        .map(|event| {
            let actor = event.get("actor").unwrap_or(&Value::Null);
            let by = actor.get("on_behalf_of").filter(|name| !name.is_null()).or_else(|| actor.get("id"));
            serde_json::json!({
                "position": of(event, "position"), "effective_at": of(event, "effective_at"),
                "type": of(event, "type"), "stream": of(event, "stream"), "version": of(event, "version"),
                "by": by, "rule": rule(event),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_refused_attempt_is_told_by_command_and_code() {
        let refused = json!({"type": "attempt.refused", "rule": "attempt",
            "data": {"command": "ConvertLead", "code": "not_qualified"}});
        let accepted = json!({"type": "lead.converted", "rule": "phase.convert", "data": {}});
        let rules = brief(&[refused, accepted]).into_iter().map(|row| row["rule"].clone());
        assert_eq!(rules.collect::<Vec<_>>(), ["ConvertLead: not_qualified", "phase.convert"]);
    }
}
