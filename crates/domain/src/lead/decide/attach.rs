//! A conversion that makes use of an opportunity which is open already.

use super::Case;
use crate::decide::draft::Why;
use crate::decision::Event as AnyEvent;
use crate::id::{AccountId, ContactId, OpportunityId};
use crate::opportunity::{Event, Opened, Origin, Standing, State};
use crate::{Refusal, StreamId};

const RULE: &str = "convert.opportunity_attached";

/// Refuses an opportunity that cannot be attached: unknown, closed, or with a later decision.
pub(super) fn check(case: &Case<'_, '_>, id: OpportunityId) -> Result<(), Refusal> {
    let known = case.draft.opportunity(id).ok_or(Refusal::OpportunityUnknown)?;
    match known.outcome {
        Some(outcome) => Err(Refusal::AlreadyClosed { outcome: outcome.name() }),
        None => case.draft.not_before(known.decided_at),
    }
}

/// Attaches the opportunity. One that was opened directly enters the lead's lineage, where its win will count.
pub(super) fn attach(
    case: &mut Case<'_, '_>,
    id: OpportunityId,
    account: AccountId,
    contact: ContactId,
) {
    let Some(known) = case.draft.opportunity(id) else { return };
    let (stream, lead) = (StreamId::Opportunity(id), case.id);
    let standing = match (known.origin, known.opened_at) {
        (Some(Origin::Direct), Some(opened_at)) => {
            let event = AnyEvent::Opportunity(Event::Detached { lead });
            case.draft.propose(stream, event, Why::rule(RULE));
            let opened = opened(case, known, account, contact);
            Some(Box::new(Standing { opened_at, opened, stages: known.stages.clone() }))
        }
        _ => None,
    };
    let event = AnyEvent::Opportunity(Event::Attached { lead, standing });
    case.draft.propose(stream, event, Why::rule(RULE));
}

/// What the opening would say now. The lead gives what the opportunity does not have.
fn opened(case: &Case<'_, '_>, known: &State, account: AccountId, contact: ContactId) -> Opened {
    Opened {
        origin: Origin::Lead(case.id),
        account: known.account.or(Some(account)),
        contact: known.contact.or(Some(contact)),
        owner: known.owner.clone(),
        stage: known.stage.clone(),
        probability: known.probability,
        amount: known.amount.get().copied(),
        close_date: known.close_date.get().copied(),
        product: known.product.clone(),
        campaign: known.campaign.clone().or_else(|| case.state.campaign.get().cloned()),
        source: known.source.clone().or_else(|| case.state.source.get().cloned()),
        attributes: known.attributes.clone(),
        undated: known.undated,
    }
}
