//! Conversion: a lead becomes account, contact and perhaps opportunity, all in one append.

use super::facts::not_negative;
use super::handoff::meet_clock;
use super::phases::Step;
use super::{Case, attach};
use crate::decide::draft::{Why, said, text};
use crate::decision::Event as AnyEvent;
use crate::id::{AccountId, ContactId, OpportunityId};
use crate::lead::command::{Convert, CreateOrUse, OpportunityChoice};
use crate::lead::state::Envelope;
use crate::lead::{Event, State};
use crate::opportunity::{Opened, Origin};
use crate::sealed::{Field, FieldSet};
use crate::{Refusal, StreamId, account, contact, opportunity};

/// The counters from which the identities of what a conversion opens are derived.
const ACCOUNT: u16 = 1;
const CONTACT: u16 = 2;
const OPPORTUNITY: u16 = 3;

/// Becomes account, contact and perhaps opportunity.
pub(super) fn convert(case: &mut Case<'_, '_>, command: &Convert) -> Result<(), Refusal> {
    case.open(Step::Convert)?;
    let (account, opens_account) = choose_account(case, &command.account)?;
    let (contact, opens_contact) = choose_contact(case, &command.contact, account)?;
    let (opportunity, opened, no_opportunity_reason) = choose_opportunity(case, command)?;
    let from = case.state.phase;
    let why = case.by_process("phase.convert").under(&case.draft.policies().conversion.reference);
    let converted = Event::Converted { from, account, contact, opportunity, no_opportunity_reason };
    case.propose(converted, why);
    meet_clock(case);
    if opens_account {
        open_account(case, account);
    }
    if opens_contact {
        open_contact(case, contact, account);
    }
    if let OpportunityChoice::Attach(id) = command.opportunity {
        attach::attach(case, id, account, contact);
    }
    if let (Some(id), Some(mut opened)) = (opportunity, opened) {
        (opened.account, opened.contact) = (Some(account), Some(contact));
        let why = Why::rule("convert.opportunity_opened")
            .with("stage", text(opened.stage.as_str()))
            .under(&case.draft.policies().stages.reference);
        let event = opportunity::Event::Opened(opened);
        case.draft.propose(StreamId::Opportunity(id), AnyEvent::Opportunity(event), why);
    }
    Ok(())
}

/// The account, and whether it is to be opened.
fn choose_account(
    case: &Case<'_, '_>,
    choice: &CreateOrUse<AccountId>,
) -> Result<(AccountId, bool), Refusal> {
    match *choice {
        CreateOrUse::Create => Ok((AccountId(case.draft.context.new_id(ACCOUNT)), true)),
        CreateOrUse::Use(id) if case.draft.account(id).is_some() => Ok((id, false)),
        CreateOrUse::Use(_) => Err(Refusal::AccountUnknown),
    }
}

fn choose_contact(
    case: &Case<'_, '_>,
    choice: &CreateOrUse<ContactId>,
    account: AccountId,
) -> Result<(ContactId, bool), Refusal> {
    match *choice {
        CreateOrUse::Create => Ok((ContactId(case.draft.context.new_id(CONTACT)), true)),
        CreateOrUse::Use(id) => {
            let known = case.draft.contact(id).ok_or(Refusal::ContactUnknown)?;
            let belongs = known.account == Some(account);
            if belongs { Ok((id, false)) } else { Err(Refusal::ContactNotInAccount) }
        }
    }
}

/// The opportunity, what its opening says where it is opened here, and why there is none.
type Chosen = (Option<OpportunityId>, Option<Box<Opened>>, Option<String>);

fn choose_opportunity(case: &mut Case<'_, '_>, command: &Convert) -> Result<Chosen, Refusal> {
    let enforces = case.draft.context.enforces();
    let policy = &case.draft.policies().conversion.policy;
    match &command.opportunity {
        OpportunityChoice::Attach(id) => {
            attach::check(case, *id)?;
            Ok((Some(*id), None, None))
        }
        OpportunityChoice::None { .. } if enforces && policy.opportunity_required => {
            Err(Refusal::OpportunityRequired)
        }
        OpportunityChoice::None { reason } => match said(reason.as_ref()) {
            None if enforces && policy.no_opportunity_reason_required => {
                Err(Refusal::NoOpportunityReasonRequired)
            }
            reason => Ok((None, None, reason.map(str::to_owned))),
        },
        OpportunityChoice::Create { amount, close_date, stage, product } => {
            not_negative(*amount)?;
            let id = OpportunityId(case.draft.context.new_id(OPPORTUNITY));
            let owner = case.state.owner_person().map(str::to_owned);
            let opened = Opened {
                origin: Origin::Lead(case.id),
                account: None,
                contact: None,
                owner: owner.or_else(|| case.draft.person()),
                stage: String::new(),
                probability: None,
                amount: amount.or_else(|| case.state.amount.get().copied()),
                close_date: *close_date,
                product: said(product.as_ref()).map(str::to_owned),
                campaign: case.state.campaign.get().cloned(),
                source: case.state.source.get().cloned(),
                attributes: command.attributes.clone(),
                undated: false,
            };
            let opened = opportunity::decide::named(case.draft, opened, said(stage.as_ref()))?;
            Ok((Some(id), Some(Box::new(opened)), None))
        }
    }
}

fn open_account(case: &mut Case<'_, '_>, account: AccountId) {
    let details = account_details(case.state).map(|envelope| envelope.sealed.clone());
    let event = account::Event::Opened {
        origin: Some(case.id),
        subject: details.as_ref().map(|details| details.subject),
        details,
        owner: case.state.owner_person().map(str::to_owned).or_else(|| case.draft.person()),
    };
    case.draft.fact(StreamId::Account(account), AnyEvent::Account(event));
}

/// The latest details that name a company, else a person.
fn account_details(state: &State) -> Option<&Envelope> {
    const NAMES: [Field; 2] = [Field::LastName, Field::FirstName];
    let latest = |has: &dyn Fn(FieldSet) -> bool| {
        state.person.iter().rev().find(|envelope| has(envelope.fields))
    };
    latest(&|fields| fields.has(Field::Company))
        .or_else(|| latest(&|fields| NAMES.iter().any(|name| fields.has(*name))))
}

fn open_contact(case: &mut Case<'_, '_>, contact: ContactId, account: AccountId) {
    let stream = StreamId::Contact(contact);
    let mut envelopes = case.state.person.iter();
    let first = envelopes.next();
    let opened = contact::Event::Opened {
        account,
        origin: Some(case.id),
        person: first.map(|envelope| envelope.sealed.clone()),
        fields: first.map(|envelope| envelope.fields).unwrap_or_default(),
        subject: case.state.subjects.first().copied(),
    };
    case.draft.fact(stream, AnyEvent::Contact(opened));
    for Envelope { sealed, fields, .. } in envelopes {
        let changed = contact::Event::Changed { person: sealed.clone(), fields: *fields };
        case.draft.fact(stream, AnyEvent::Contact(changed));
    }
}
