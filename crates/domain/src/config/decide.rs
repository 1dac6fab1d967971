//! What can be asked of the configuration, and what it leads to.

use super::{Command, Event, State};
use crate::decide::draft::{Draft, Why, text};
use crate::decision::{Event as AnyEvent, Input};
use crate::{Refusal, StreamId};

/// Decides one command on the configuration.
pub(crate) fn decide(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refusal> {
    let empty = State::default();
    let state = draft.config().unwrap_or(&empty);
    let Some((event, rule)) = event(draft, state, command)? else { return Ok(()) };
    draft.propose(StreamId::Config, AnyEvent::Config(event), rule);
    Ok(())
}

/// The event, and why; `None` where nothing would change.
fn event(
    draft: &Draft<'_>,
    state: &State,
    command: &Command,
) -> Result<Option<(Event, Why)>, Refusal> {
    Ok(Some(match command {
        Command::Publish { document, source, reference } => {
            let policy = reference.name_and_version();
            match state.published(policy) {
                Some(published) if published.reference == *reference => return Ok(None),
                Some(_) => return Err(Refusal::VersionImmutable { policy: policy.to_owned() }),
                None => {}
            }
            let (reference, document) = (reference.clone(), document.clone());
            let why = Why::rule("policy.published").with("kind", text(document.kind().name()));
            (Event::PolicyPublished { reference, document, source: source.clone() }, why)
        }
        Command::Activate { policy, effective_from } => {
            let Some(published) = state.published(policy) else {
                return Err(Refusal::PolicyUnknown { policy: policy.clone() });
            };
            let effective_from = effective_from.unwrap_or_else(|| draft.at());
            let kind = published.document.kind();
            let same = state.activations().iter().rev().find(|activation| {
                activation.kind == kind && activation.effective_from == effective_from
            });
            if same.is_some_and(|activation| activation.reference == published.reference) {
                return Ok(None);
            }
            let reference = published.reference.clone();
            let why = Why::rule("policy.activated")
                .with("effective_from", Input::Time(effective_from))
                .under(&reference);
            (Event::PolicyActivated { reference, effective_from }, why)
        }
        Command::CreateKey { key, label, role, digest } => {
            if state.key(key).is_some() {
                return Err(Refusal::AlreadyExists { what: "API key" });
            }
            let (label, role, digest) = (label.clone(), role.clone(), digest.clone());
            let why = Why::rule("key.created").with("role", text(role.as_str()));
            (Event::KeyCreated { key: key.clone(), label, role, digest }, why)
        }
        Command::RevokeKey { key } => match state.key(key) {
            None => return Err(Refusal::KeyUnknown { key: key.clone() }),
            Some(known) if known.revoked => return Ok(None),
            Some(_) => (Event::KeyRevoked { key: key.clone() }, Why::rule("key.revoked")),
        },
    }))
}
