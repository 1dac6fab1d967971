//! What other systems capture and send by way of NATS, turned into commands on the ordinary path.

use async_trait::async_trait;
use leadline_bus::inbox::{CloudEvent, Handled, Handler};
use leadline_capture::codec::{Options, command_named, parse_command};
use leadline_domain::actor::{Actor, ActorKind};
use leadline_domain::decision::Mode;
use leadline_domain::money::Currency;
use leadline_engine::submission::{Caller, Idempotency, Submission, Target};
use leadline_engine::{Engine, Error, Role};
use std::sync::Arc;

/// Captures leads.
#[derive(Debug)]
pub(crate) struct Captures {
    pub(crate) engine: Arc<Engine>,
    /// Of amounts that name none.
    pub(crate) currency: Currency,
}

#[async_trait]
impl Handler for Captures {
    async fn handle(&self, event: CloudEvent) -> Handled {
        let submission = match submission(&event, self.currency) {
            Ok(submission) => submission,
            Err(reason) => return Handled::Failed(reason),
        };
        match self.engine.execute(submission).await {
            // A refusal is in the log, as an attempt.
            Ok(_) | Err(Error::Refused(_)) => Handled::Durable,
            // Details may be personal: they are not told.
            Err(Error::Invalid { code, .. }) => Handled::Failed(code.to_owned()),
            Err(Error::IdempotencyPayloadMismatch) => {
                Handled::Failed("the same source and id came before with other data".to_owned())
            }
            Err(error @ (Error::Forbidden { .. } | Error::NotFound { .. })) => {
                Handled::Failed(error.to_string())
            }
            Err(error) => {
                tracing::debug!(%error, "A capture waits");
                Handled::Later
            }
        }
    }
}

/// The command of an event: its data are the body of `POST /v1/leads`; its source is the actor; source and id together
/// tell a repetition.
fn submission(event: &CloudEvent, currency: Currency) -> Result<Submission, String> {
    // A URI has no spaces, so a space ends it.
    if event.source.chars().any(|one| one.is_whitespace() || one.is_control()) {
        return Err("the CloudEvents attribute `source` is no URI".to_owned());
    }
    if event.id.chars().any(char::is_control) {
        return Err("the CloudEvents attribute `id` has control characters".to_owned());
    }
    let spec = command_named("CaptureLead").ok_or("there is no command to capture a lead")?;
    let options = Options { currency, keep_extras: false };
    let parsed = parse_command(spec, &event.data, options).map_err(|error| error.detail)?;
    let actor = Actor { kind: ActorKind::Service, id: event.source.clone(), on_behalf_of: None };
    Ok(Submission {
        idempotency: Idempotency::Key(format!("{} {}", event.source, event.id)),
        caller: Caller { actor, role: Role::Integration },
        target: parsed.key.map_or(Target::New, Target::Key),
        body: parsed.body,
        personal: parsed.personal,
        note: parsed.note,
        account_key: parsed.account_key,
        payload: parsed.payload,
        occurred_at: parsed.occurred_at,
        now: None,
        if_version: None,
        mode: Mode::Live,
        trace_id: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(source: &str, data: &'static str) -> CloudEvent {
        CloudEvent {
            id: "17".to_owned(),
            source: source.to_owned(),
            event_type: "form".to_owned(),
            data: data.as_bytes().into(),
        }
    }

    #[test]
    fn an_event_is_a_capture_by_its_source() {
        let event =
            event("/forms/contact", r#"{"email":"ada@example.org","external_key":"web-1"}"#);
        let submission = submission(&event, Currency::EUR).unwrap();
        assert_eq!(submission.idempotency, Idempotency::Key("/forms/contact 17".to_owned()));
        assert_eq!(submission.target, Target::Key("web-1".to_owned()));
        assert_eq!(submission.caller.actor.id, "/forms/contact");
        assert_eq!(submission.caller.role, Role::Integration);
        assert_eq!(submission.body.name(), "CaptureLead");
    }

    #[test]
    fn what_is_no_capture_is_told_without_a_word_of_it() {
        for (source, data, reason) in [
            ("/forms", r#"{"e_mail":"ada@example.org"}"#, "e_mail"),
            ("/forms", "ada", "JSON"),
            ("/forms of ours", "{}", "is no URI"),
            ("/forms\u{1b}", "{}", "is no URI"),
        ] {
            let told = submission(&event(source, data), Currency::EUR).unwrap_err();
            assert!(told.contains(reason) && !told.contains("ada"), "{told}");
        }
    }
}
