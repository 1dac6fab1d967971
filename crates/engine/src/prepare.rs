//! What can be done about a command before its turn comes: hashing keys, sealing personal data, fixing the present.

use crate::claims;
use crate::engine::Engine;
use crate::error::Error;
use crate::submission::{Body, Caller, Idempotency, KEY_BYTES_MAX, Submission, Target, Through};
use leadline_domain::decision::{MatchKey, Mode};
use leadline_domain::id::{CommandId, SubjectId};
use leadline_domain::sealed::{Field, FieldSet};
use leadline_domain::{Sealed, Timestamp, account, contact, lead};
use leadline_events::{PersonalFields, hash, normalise, seal};
use leadline_log::ClaimKey;
use leadline_log::vault::Key;
use uuid::Uuid;

/// What a command is addressed to, with keys hashed.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    /// Something new.
    New,
    /// Something with this id.
    Id(Uuid),
    /// Whatever holds this claim.
    Held(ClaimKey),
    /// The campaign of this key, which is a business name.
    Campaign(String),
}

/// The account that a conversion or opening names by the source system's key.
#[derive(Clone, Debug)]
pub(crate) struct NamedAccount {
    /// The key.
    pub(crate) claim: ClaimKey,
    /// The key as the account's name, sealed, should it have to be opened.
    pub(crate) details: Sealed,
}

/// A command ready to be decided.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) command: CommandId,
    pub(crate) payload_hash: [u8; 16],
    pub(crate) caller: Caller,
    pub(crate) mode: Mode,
    pub(crate) now: Timestamp,
    pub(crate) occurred_at: Timestamp,
    /// Whether the caller said when it happened or what the present is.
    pub(crate) dated: bool,
    pub(crate) if_version: Option<u64>,
    pub(crate) trace_id: Option<String>,
    pub(crate) address: Address,
    pub(crate) body: Body,
    /// Match keys of the person, for captures and changes of details.
    pub(crate) matches: Vec<MatchKey>,
    /// The key that what is opened will be known by.
    pub(crate) own_key: Option<ClaimKey>,
    /// The subject with whose erasure that key is let go, where a person is opened.
    pub(crate) own_subject: Option<SubjectId>,
    pub(crate) account: Option<NamedAccount>,
    /// The command's payload for the trigger: nothing personal in clear.
    pub(crate) payload: Box<serde_json::value::RawValue>,
    /// The personal part of the trigger.
    pub(crate) sealed: Option<Sealed>,
    /// Whether the key of the person whom the command is about has been destroyed.
    pub(crate) erased: bool,
}

/// A subject and its key.
struct Holder {
    subject: SubjectId,
    key: Key,
}

impl Engine {
    /// Makes a submission ready to be decided.
    ///
    /// # Errors
    /// The caller may not send it, it is not well formed, or the vault failed.
    pub(crate) async fn prepare(&self, submission: Submission) -> Result<Prepared, Error> {
        let secret = self.hash_key();
        let payload_hash = hash_of(secret, &submission);
        let Submission { caller, body, target, mut personal, .. } = submission;
        if !caller.role.may_send(&body) {
            return Err(Error::Forbidden {
                role: caller.role.name(),
                what: format!("send {}", body.name()),
            });
        }
        let now = submission.now.unwrap_or_else(|| self.now());
        let command = command_id(secret, &submission.idempotency, || self.ids.next())?;
        let (address, own_key) = address(secret, &body, &target)?;
        if let (Target::Key(key), Body::Lead(lead::Command::Capture(_))) = (&target, &body) {
            personal.set(Field::ExternalKey, key.clone());
        }
        let matches = match &body {
            Body::Lead(lead::Command::Capture(_) | lead::Command::UpdateDetails { .. }) => {
                match_keys(secret, &personal)
            }
            _ => Vec::new(),
        };
        let mut prepared = Prepared {
            command,
            payload_hash,
            caller,
            mode: submission.mode,
            now,
            occurred_at: submission.occurred_at.unwrap_or(now),
            dated: submission.occurred_at.is_some() || submission.now.is_some(),
            if_version: submission.if_version,
            trace_id: submission.trace_id,
            address,
            body,
            matches,
            own_key,
            own_subject: None,
            account: None,
            payload: submission.payload,
            sealed: None,
            erased: false,
        };
        self.seal_into(&mut prepared, &personal, submission.note.as_deref()).await?;
        if let Some(key) = submission.account_key {
            prepared.account = Some(self.named_account(&key).await?);
        }
        Ok(prepared)
    }

    /// Seals what is personal and puts the envelopes where the command has room for them.
    async fn seal_into(
        &self,
        prepared: &mut Prepared,
        personal: &PersonalFields,
        note: Option<&str>,
    ) -> Result<(), Error> {
        let fields = personal.fields();
        let opens_person = matches!(
            prepared.body,
            Body::Lead(lead::Command::Capture(_)) | Body::Contact(contact::Command::Open { .. })
        );
        let needs_key = opens_person || !fields.is_empty() || note.is_some();
        if !needs_key {
            return Ok(());
        }
        let holder = self.holder_for(prepared).await?;
        let person = if fields.is_empty() {
            None
        } else {
            Some(self.seal(&holder, seal::PERSON, &personal.to_json())?)
        };
        let note = note.map(|note| self.seal(&holder, seal::NOTE, note.as_bytes())).transpose()?;
        prepared.sealed = person.clone().or_else(|| note.clone());
        fill(&mut prepared.body, holder.subject, fields, person, note);
        let again = self.seal_again(prepared, personal).await?;
        if let Body::Lead(lead::Command::Capture(capture)) = &mut prepared.body {
            capture.again = again;
        }
        self.remember_subject(prepared, holder.subject);
        if let (Some(_), Body::Contact(_)) = (prepared.own_key, &prepared.body) {
            prepared.own_subject = Some(holder.subject);
        }
        Ok(())
    }

    /// A capture's person once more, under the subject that somebody of these match keys was last seen to have: a
    /// lead that is captured again and again needs no key each time. Whether it is the lead's is decided with it.
    async fn seal_again(
        &self,
        prepared: &Prepared,
        personal: &PersonalFields,
    ) -> Result<Option<Sealed>, Error> {
        let Some(subject) = self.likely_subject(prepared) else { return Ok(None) };
        let Some(key) = self.key_of(subject).await? else { return Ok(None) };
        let holder = Holder { subject, key };
        self.seal(&holder, seal::PERSON, &personal.to_json()).map(Some)
    }

    /// The key of a subject, unless it was destroyed.
    async fn key_of(&self, subject: SubjectId) -> Result<Option<Key>, Error> {
        let failed = |error| Error::failed("vault", error);
        let keys = self.vault.keys(&[subject.0]).await.map_err(failed)?;
        Ok(keys.into_iter().next().flatten())
    }

    fn seal(&self, holder: &Holder, field: &str, plain: &[u8]) -> Result<Sealed, Error> {
        let failed = |error: seal::Error| match error {
            seal::Error::TooLong { .. } => {
                Error::Invalid { code: "field_too_long", detail: error.to_string() }
            }
            other => Error::failed("sealing of personal data", other),
        };
        let nonce = seal::nonce().map_err(failed)?;
        let log = self.log.identity().id;
        let envelope =
            seal::seal(&holder.key, log, holder.subject.0, field, plain, nonce).map_err(failed)?;
        Ok(Sealed { subject: holder.subject, envelope: envelope.into() })
    }

    /// The subject under whose key the command's personal data belongs: that of the lead or contact it is
    /// addressed to, else a new one. A wrong guess costs a key and nothing else, because every envelope names its
    /// subject and every lead knows all of its subjects.
    async fn holder_for(&self, prepared: &mut Prepared) -> Result<Holder, Error> {
        if let Some(subject) = self.known_subject(prepared).await? {
            if let Some(key) = self.key_of(subject).await? {
                return Ok(Holder { subject, key });
            }
            if let Some(subject) = self.known_subject_anew(prepared).await?
                && let Some(key) = self.key_of(subject).await?
            {
                return Ok(Holder { subject, key });
            }
            prepared.erased = true;
        }
        self.mint().await
    }

    async fn mint(&self) -> Result<Holder, Error> {
        let minted = self.vault.mint().await.map_err(|error| Error::failed("vault", error))?;
        Ok(Holder { subject: SubjectId(minted.subject), key: minted.key })
    }

    async fn named_account(&self, key: &str) -> Result<NamedAccount, Error> {
        check_key(key)?;
        let holder = self.mint().await?;
        let mut name = PersonalFields::default();
        name.set(Field::Company, key.to_owned());
        let details = self.seal(&holder, seal::PERSON, &name.to_json())?;
        let claim = key_claim(self.hash_key(), claims::ACCOUNT_KEYS, key);
        Ok(NamedAccount { claim, details })
    }
}

fn check_key(key: &str) -> Result<(), Error> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(Error::Invalid {
            code: "key_invalid",
            detail: format!("a key has 1 to {KEY_BYTES_MAX} bytes"),
        });
    }
    Ok(())
}

/// The command's id: minted, or the keyed hash of the client's own key.
pub(crate) fn command_id(
    secret: &Key,
    idempotency: &Idempotency,
    mint: impl FnOnce() -> Uuid,
) -> Result<CommandId, Error> {
    Ok(CommandId(match idempotency {
        Idempotency::None => mint(),
        Idempotency::Id(id) => *id,
        Idempotency::Key(key) => {
            check_key(key)?;
            Uuid::from_bytes(hash::command_hash(secret, key))
        }
    }))
}

/// The keyed hash of what a command says: the same for a repetition, another for anything else.
pub(crate) fn hash_of(secret: &Key, submission: &Submission) -> [u8; 16] {
    let mut text: Vec<u8> = Vec::with_capacity(512);
    let mut part = |bytes: &[u8]| {
        text.extend_from_slice(&bytes.len().to_be_bytes());
        text.extend_from_slice(bytes);
    };
    part(submission.body.name().as_bytes());
    match &submission.target {
        Target::New => part(b""),
        Target::Id(id) => part(id.as_bytes()),
        Target::Key(key) => part(key.as_bytes()),
    }
    part(submission.payload.get().as_bytes());
    if !submission.personal.is_empty() {
        part(&submission.personal.to_json());
    }
    part(submission.note.as_deref().unwrap_or("").as_bytes());
    part(submission.account_key.as_deref().unwrap_or("").as_bytes());
    part(&submission.occurred_at.map_or(0, Timestamp::millis).to_be_bytes());
    let hash = hash::payload_hash(secret, &text);
    zeroize::Zeroize::zeroize(&mut text);
    hash
}

fn key_claim(secret: &Key, space: u8, key: &str) -> ClaimKey {
    ClaimKey { space, key: hash::match_hash(secret, Field::ExternalKey, key.trim()) }
}

/// The claim of a lead that a source system knows by `key`.
pub(crate) fn lead_key(secret: &Key, key: &str) -> ClaimKey {
    key_claim(secret, claims::LEAD_KEYS, key)
}

fn address(
    secret: &Key,
    body: &Body,
    target: &Target,
) -> Result<(Address, Option<ClaimKey>), Error> {
    use leadline_domain::opportunity;
    let key = match target {
        Target::New => return Ok((Address::New, None)),
        Target::Id(id) => return Ok((Address::Id(*id), None)),
        Target::Key(key) => key,
    };
    check_key(key)?;
    let (space, opens) = match body {
        Body::Lead(lead::Command::Capture(_)) | Body::Config(_) => return Ok((Address::New, None)),
        Body::Lead(_) | Body::EraseSubject(Through::Lead) => (claims::LEAD_KEYS, false),
        Body::Account(command) => {
            (claims::ACCOUNT_KEYS, matches!(command, account::Command::Open { .. }))
        }
        Body::Contact(command) => {
            (claims::CONTACT_KEYS, matches!(command, contact::Command::Open { .. }))
        }
        Body::EraseSubject(Through::Contact) => (claims::CONTACT_KEYS, false),
        Body::Opportunity(command) => {
            (claims::OPPORTUNITY_KEYS, matches!(command, opportunity::Command::Open(_)))
        }
        Body::Campaign(_) => return Ok((Address::Campaign(key.clone()), None)),
    };
    let claim = key_claim(secret, space, key);
    Ok(if opens { (Address::New, Some(claim)) } else { (Address::Held(claim), None) })
}

fn match_keys(secret: &Key, personal: &PersonalFields) -> Vec<MatchKey> {
    [Field::ExternalKey, Field::Email, Field::Phone]
        .into_iter()
        .filter_map(|field| {
            let value = normalise::match_value(field, personal.get(field)?)?;
            Some(MatchKey { field, hash: hash::match_hash(secret, field, &value) })
        })
        .collect()
}

/// Puts envelopes where the command has room for them.
fn fill(
    body: &mut Body,
    minted: SubjectId,
    held: FieldSet,
    envelope: Option<Sealed>,
    text: Option<Sealed>,
) {
    match body {
        Body::Lead(lead::Command::Capture(capture)) => {
            capture.subject = Some(minted);
            capture.person = envelope;
            capture.fields = held;
        }
        Body::Contact(contact::Command::Open { subject, person, fields, .. }) => {
            *subject = Some(minted);
            *person = envelope;
            *fields = held;
        }
        Body::Lead(lead::Command::UpdateDetails { person, fields, .. })
        | Body::Contact(contact::Command::Update { person, fields }) => {
            *person = envelope;
            *fields = held;
        }
        Body::Lead(lead::Command::AddNote { note }) => *note = text,
        Body::Account(
            account::Command::Open { details, .. } | account::Command::Rename { details },
        ) => *details = envelope,
        Body::Lead(_)
        | Body::Opportunity(_)
        | Body::Campaign(_)
        | Body::Config(_)
        | Body::EraseSubject(_) => {}
    }
}
