//! API keys: who may call, read from the log and checked without it.

use crate::engine::Engine;
use crate::error::Error;
use crate::role::Role;
use crate::submission::{Body, Caller, Submission, Target};
use leadline_domain::actor::{Actor, ActorKind};
use leadline_domain::config;
use leadline_log::Position;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

/// Longest label of a key, in bytes.
pub const LABEL_BYTES_MAX: usize = 100;
/// How long to wait between two readings of the keys for callers whose key is not known.
const READ_PAUSE: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
struct KeyRecord {
    label: String,
    role: Role,
    digest: String,
    revoked: bool,
}

/// The keys that the log knows, by public id.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    known: RwLock<BTreeMap<String, KeyRecord>>,
    /// When they were last read from the log for somebody whose key was not known.
    read: AsyncMutex<Option<Instant>>,
    /// The head of the log when the keys were first read from it: whoever follows the log for them begins there.
    began: OnceLock<Position>,
}

/// A new API key. The secret is shown this once and stored nowhere.
#[derive(Clone)]
pub struct NewKey {
    /// Public id.
    pub id: String,
    /// What to send after `Bearer`: the id, a dot and the secret.
    pub bearer: String,
}

impl std::fmt::Debug for NewKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("NewKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Keys {
    /// They were first read from a log that went at least as far as this.
    pub(crate) fn began_at(&self, head: Position) {
        self.began.get_or_init(|| head);
    }

    /// From where on others' keys may not be known.
    pub(crate) fn began(&self) -> Position {
        self.began.get().copied().unwrap_or_default()
    }

    pub(crate) fn fold(&self, event: &config::Event) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match event {
            config::Event::KeyCreated { key, label, role, digest } => {
                if let Some(role) = Role::named(role) {
                    let record = KeyRecord {
                        label: label.clone(),
                        role,
                        digest: digest.clone(),
                        revoked: false,
                    };
                    // What comes again from the log must not undo a revocation that is known already.
                    known.entry(key.clone()).or_insert(record);
                }
            }
            config::Event::KeyRevoked { key } => {
                if let Some(record) = known.get_mut(key) {
                    record.revoked = true;
                }
            }
            config::Event::PolicyPublished { .. }
            | config::Event::PolicyActivated { .. }
            | config::Event::NameRegistered { .. } => {}
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

fn digest(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::failed("random number generator", error))?;
    Ok(bytes)
}

impl Engine {
    /// Reads all keys from the log.
    pub(crate) async fn load_keys(&self) -> Result<(), Error> {
        for (_, event) in self.config_events().await? {
            self.keys.fold(&event);
        }
        Ok(())
    }

    /// What an accepted command of this content changes about keys.
    pub(crate) fn key_event(body: &Body) -> Option<config::Event> {
        match body {
            Body::Config(config::Command::CreateKey { key, label, role, digest }) => {
                let (key, label, role, digest) =
                    (key.clone(), label.clone(), role.clone(), digest.clone());
                Some(config::Event::KeyCreated { key, label, role, digest })
            }
            Body::Config(config::Command::RevokeKey { key }) => {
                Some(config::Event::KeyRevoked { key: key.clone() })
            }
            _ => None,
        }
    }

    /// Who calls with this bearer token; `None` where the token is unknown, wrong or revoked. A key that is not known
    /// yet may have been made by another process: it is looked up in the log, some times a second for all who ask.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn authenticate(&self, bearer: &str) -> Result<Option<Caller>, Error> {
        let Some((id, secret)) = bearer.split_once('.') else { return Ok(None) };
        let knows = |keys: &Keys| {
            keys.known.read().unwrap_or_else(PoisonError::into_inner).contains_key(id)
        };
        if !knows(&self.keys) {
            let came = Instant::now();
            // Held while the keys are read: one reading answers all who came before it began.
            let mut begun = self.keys.read.lock().await;
            if !knows(&self.keys) && begun.is_none_or(|begun| begun < came) {
                if let Some(begun) = *begun {
                    tokio::time::sleep_until(begun + READ_PAUSE).await;
                }
                *begun = Some(Instant::now());
                self.load_keys().await?;
            }
        }
        Ok(self.caller_of(id, secret))
    }

    fn caller_of(&self, id: &str, secret: &str) -> Option<Caller> {
        let known = self.keys.known.read().unwrap_or_else(PoisonError::into_inner);
        let record = known.get(id).filter(|record| !record.revoked)?;
        let matches: bool = record.digest.as_bytes().ct_eq(digest(secret).as_bytes()).into();
        matches.then(|| {
            let kind = match record.role {
                Role::Integration => ActorKind::Service,
                Role::Admin | Role::Marketing | Role::Sales | Role::Auditor => ActorKind::Person,
            };
            let actor = Actor { kind, id: record.label.clone(), on_behalf_of: None };
            Caller { actor, role: record.role }
        })
    }

    /// An administrator's key that lives and dies with this process and stands nowhere but in its memory: for the
    /// command line on the same machine.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn local_key(&self, label: &str) -> Result<NewKey, Error> {
        let id = format!("local{}", hex(&random::<6>()?));
        let secret = hex(&random::<32>()?);
        let record = KeyRecord {
            label: label.to_owned(),
            role: Role::Admin,
            digest: digest(&secret),
            revoked: false,
        };
        self.keys.known.write().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), record);
        Ok(NewKey { bearer: format!("{id}.{secret}"), id })
    }

    /// Who calls without a key; `None` where that is nobody.
    pub fn anonymous(&self) -> Option<Caller> {
        self.anonymous.map(|role| {
            let actor =
                Actor { kind: ActorKind::Person, id: "anonymous".to_owned(), on_behalf_of: None };
            Caller { actor, role }
        })
    }

    /// Creates an API key.
    ///
    /// # Errors
    /// The caller may not, the label is not acceptable, or the log failed.
    pub async fn create_key(
        &self,
        caller: &Caller,
        label: &str,
        role: Role,
    ) -> Result<NewKey, Error> {
        let bad = label.trim().is_empty() || label.chars().any(char::is_control);
        if bad || label.len() > LABEL_BYTES_MAX {
            return Err(Error::Invalid {
                code: "label_invalid",
                detail: format!(
                    "a key needs a label of 1 to {LABEL_BYTES_MAX} bytes without control characters: the name its commands carry"
                ),
            });
        }
        let id = format!("lk{}", hex(&random::<6>()?));
        let secret = hex(&random::<32>()?);
        let command = config::Command::CreateKey {
            key: id.clone(),
            label: label.to_owned(),
            role: role.name().to_owned(),
            digest: digest(&secret),
        };
        self.configure(caller, command).await?;
        Ok(NewKey { bearer: format!("{id}.{secret}"), id })
    }

    /// Revokes an API key: calls with it are answered with 401.
    ///
    /// # Errors
    /// The caller may not, the key is unknown, or the log failed.
    pub async fn revoke_key(&self, caller: &Caller, key: &str) -> Result<(), Error> {
        self.configure(caller, config::Command::RevokeKey { key: key.to_owned() }).await
    }

    /// The keys: id, label, role, and whether they are revoked. No secrets.
    ///
    /// # Errors
    /// The caller may not see them.
    pub fn list_keys(&self, caller: &Caller) -> Result<Value, Error> {
        if caller.role != Role::Admin {
            return Err(Error::Forbidden {
                role: caller.role.name(),
                what: "list keys".to_owned(),
            });
        }
        let known = self.keys.known.read().unwrap_or_else(PoisonError::into_inner);
        let rows = known.iter().filter(|(id, _)| !id.starts_with("local")).map(|(id, record)| {
            json!({"id": id, "label": record.label, "role": record.role.name(), "revoked": record.revoked})
        });
        Ok(json!({"keys": rows.collect::<Vec<_>>()}))
    }

    /// Sends a command to the configuration.
    pub(crate) async fn configure(
        &self,
        caller: &Caller,
        command: config::Command,
    ) -> Result<(), Error> {
        let payload = serde_json::value::to_raw_value(&json!({}))
            .map_err(|error| Error::failed("codec", error))?;
        let command = Body::Config(command);
        self.execute(Submission::plain(caller.clone(), Target::New, command, payload))
            .await
            .map(drop)
    }
}
