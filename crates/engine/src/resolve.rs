//! From what a command is addressed to, to the stream that it is about.

use crate::claims;
use crate::job::{Loaded, NotLoaded};
use crate::model::Rules;
use crate::prepare::{Address, Prepared};
use crate::submission::{Body, Through};
use leadline_domain::decision::Mode;
use leadline_domain::id::{AccountId, ContactId, LeadId, OpportunityId};
use leadline_domain::lead::command::CreateOrUse;
use leadline_domain::{
    Command, Context, Refusal, State, StreamId, account, contact, lead, opportunity, subject,
};
use leadline_events::{stream_key, stream_of};
use leadline_log::ClaimKey;
use leadline_log::committer::Desk;

/// The command with its account filled in.
pub(crate) fn with_account(command: &Command, account: Option<AccountId>) -> Command {
    let mut command = command.clone();
    if let Some(account) = account {
        match &mut command {
            Command::Lead(_, lead::Command::Convert(convert)) => {
                convert.account = CreateOrUse::Use(account);
            }
            Command::Opportunity(_, opportunity::Command::Open(open)) => {
                open.account = Some(account);
            }
            Command::Lead(..)
            | Command::Opportunity(..)
            | Command::Account(..)
            | Command::Contact(..)
            | Command::Campaign(..)
            | Command::Config(_)
            | Command::Subject(_) => {}
        }
    }
    command
}

/// Finds what the command is addressed to.
pub(crate) fn resolve(
    prepared: &Prepared,
    context: &Context,
    desk: &mut Desk<'_, Rules>,
) -> Loaded<Result<Command, Refusal>> {
    let holder = |desk: &mut Desk<'_, Rules>, claim: ClaimKey| -> Loaded<Option<StreamId>> {
        let held = desk.claim(&claim).ok_or(NotLoaded)?;
        Ok(held.and_then(|held| stream_of(&held.holder)))
    };
    if let Some(key) = prepared.own_key
        && holder(desk, key)?.is_some()
    {
        return Ok(Err(Refusal::AlreadyExists { what: opened_by(&prepared.body) }));
    }
    let id = match &prepared.address {
        Address::New => context.new_id(TARGET_COUNTER),
        Address::Id(id) => *id,
        Address::Campaign(key) => {
            return Ok(match &prepared.body {
                Body::Campaign(command) => Ok(Command::Campaign(key.clone(), command.clone())),
                _ => Err(unknown(&prepared.body)),
            });
        }
        Address::Held(claim) => match holder(desk, *claim)? {
            Some(stream) => stream.key(),
            None if matches!(prepared.body, Body::Opportunity(_)) => {
                return by_lead(prepared, context, desk, *claim);
            }
            None => return Ok(Err(unknown(&prepared.body))),
        },
    };
    match command(&prepared.body, id) {
        Ok(Command::Subject(subject::Command::EraseContact(contact))) => {
            erasure(desk, contact).map(Ok)
        }
        command => Ok(command),
    }
}

/// The erasure of a contact's person: through the lead, where a conversion opened the contact.
fn erasure(desk: &mut Desk<'_, Rules>, contact: ContactId) -> Loaded<Command> {
    let (_, state) = desk.stream(&stream_key(&StreamId::Contact(contact))).ok_or(NotLoaded)?;
    let origin = match &*state {
        State::Contact(state) => state.origin,
        _ => None,
    };
    Ok(Command::Subject(match origin {
        Some(lead) => subject::Command::EraseLead(lead),
        None => subject::Command::EraseContact(contact),
    }))
}

/// The counter of the identity of what a command opens.
const TARGET_COUNTER: u16 = 0x4001;

/// An opportunity by the key of the lead that it came from.
fn by_lead(
    prepared: &Prepared,
    context: &Context,
    desk: &mut Desk<'_, Rules>,
    claim: ClaimKey,
) -> Loaded<Result<Command, Refusal>> {
    let claim = ClaimKey { space: claims::LEAD_KEYS, ..claim };
    let Some(held) = desk.claim(&claim).ok_or(NotLoaded)? else {
        return Ok(Err(match context.mode {
            Mode::Migration { .. } => Refusal::LeadUnknown,
            Mode::Live => Refusal::OpportunityUnknown,
        }));
    };
    let (_, state) = desk.stream(&held.holder).ok_or(NotLoaded)?;
    let State::Lead(lead) = &*state else { return Ok(Err(Refusal::OpportunityUnknown)) };
    if let Some(opportunity) =
        lead.conversion.as_ref().and_then(|conversion| conversion.opportunity)
    {
        return Ok(command(&prepared.body, opportunity.0));
    }
    Ok(Err(match lead.captured_at {
        Some(captured_at) if context.occurred_at < captured_at => {
            Refusal::OccurredBeforeCapture { captured_at }
        }
        _ => Refusal::OpportunityUnknown,
    }))
}

fn command(body: &Body, id: uuid::Uuid) -> Result<Command, Refusal> {
    Ok(match body {
        Body::Lead(command) => Command::Lead(LeadId(id), command.clone()),
        Body::Account(command) => Command::Account(AccountId(id), command.clone()),
        Body::Contact(command) => Command::Contact(ContactId(id), command.clone()),
        Body::Opportunity(command) => Command::Opportunity(OpportunityId(id), command.clone()),
        Body::Campaign(_) => return Err(unknown(body)),
        Body::Config(command) => Command::Config(command.clone()),
        Body::EraseSubject(Through::Lead) => {
            Command::Subject(subject::Command::EraseLead(LeadId(id)))
        }
        Body::EraseSubject(Through::Contact) => {
            Command::Subject(subject::Command::EraseContact(ContactId(id)))
        }
    })
}

const fn opened_by(body: &Body) -> &'static str {
    match body {
        Body::Lead(_) | Body::EraseSubject(Through::Lead) => "lead",
        Body::Account(_) => "account",
        Body::Contact(_) | Body::EraseSubject(Through::Contact) => "contact",
        Body::Opportunity(_) => "opportunity",
        Body::Campaign(_) => "campaign",
        Body::Config(_) => "configuration",
    }
}

fn unknown(body: &Body) -> Refusal {
    match body {
        Body::Account(account::Command::Open { .. } | account::Command::Rename { .. }) => {
            Refusal::AccountUnknown
        }
        Body::Contact(contact::Command::Open { .. } | contact::Command::Update { .. }) => {
            Refusal::ContactUnknown
        }
        Body::EraseSubject(through) => {
            Refusal::PersonUnknown { contact: matches!(through, Through::Contact) }
        }
        Body::Opportunity(_) => Refusal::OpportunityUnknown,
        Body::Campaign(_) => Refusal::CampaignUnknown { campaign: String::new() },
        Body::Lead(_) | Body::Config(_) => Refusal::LeadUnknown,
    }
}
