//! The policies that a new log begins with: its first events, with fixed command ids.

use crate::engine::Engine;
use crate::error::Error;
use crate::role::Role;
use crate::submission::{Body, Caller, Idempotency, Submission, Target};
use leadline_domain::actor::{Actor, ActorKind};
use leadline_domain::{Timestamp, config};
use leadline_events::policy_json;
use uuid::Uuid;

/// The id of the first shipped command; the others follow it.
const FIRST: u128 = 0x6c65_6164_6c69_6e65_8000_0000_0000_0001;

impl Caller {
    /// leadline itself.
    pub fn system(id: &str) -> Self {
        let actor = Actor { kind: ActorKind::System, id: id.to_owned(), on_behalf_of: None };
        Self { actor, role: Role::Admin }
    }
}

impl Engine {
    /// Publishes and activates the shipped policies, effective from the beginning of time. Free when they are there.
    pub(crate) async fn ship_policies(&self) -> Result<(), Error> {
        let mut commands = Vec::new();
        for shipped in policy_json::shipped() {
            let policy = shipped.reference.name_and_version().to_owned();
            let (document, source, reference) =
                (Box::new(shipped.document), shipped.source, shipped.reference);
            commands.push(config::Command::Publish { document, source, reference });
            commands.push(config::Command::Activate {
                policy,
                effective_from: Some(Timestamp::BEGINNING),
            });
        }
        let ids: Vec<[u8; 16]> = (FIRST..).take(commands.len()).map(u128::to_be_bytes).collect();
        let known =
            self.log.commands(&ids).await.map_err(|error| Error::failed("event log", error))?;
        if known.iter().all(Option::is_some) {
            return Ok(());
        }
        for (command, id) in commands.into_iter().zip(ids) {
            self.execute(shipped(command, Uuid::from_bytes(id))?).await?;
        }
        Ok(())
    }
}

fn shipped(command: config::Command, id: Uuid) -> Result<Submission, Error> {
    let payload = match &command {
        config::Command::Publish { source, .. } => {
            serde_json::value::RawValue::from_string(source.clone())
        }
        config::Command::Activate { policy, .. } => {
            serde_json::value::to_raw_value(&serde_json::json!({"policy": policy}))
        }
        config::Command::CreateKey { .. } | config::Command::RevokeKey { .. } => {
            serde_json::value::to_raw_value(&serde_json::json!({}))
        }
    }
    .map_err(|error| Error::failed("codec", error))?;
    let caller = Caller::system("shipped");
    let plain = Submission::plain(caller, Target::New, Body::Config(command), payload);
    Ok(Submission { idempotency: Idempotency::Id(id), ..plain })
}
