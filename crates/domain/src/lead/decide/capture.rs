//! Capture: a new lead, or another sign of interest by somebody known.

use super::facts::{IDENTIFYING, not_negative, touch};
use super::not_before_capture;
use crate::decide::draft::{Draft, Why, said, text};
use crate::decision::{ClaimChange, Event as AnyEvent, Inputs, Match, Mode};
use crate::id::{LeadId, SubjectId};
use crate::lead::command::Capture;
use crate::lead::{Event, State};
use crate::sealed::{Field, FieldSet, Sealed};
use crate::{Refusal, StreamId};

/// The counter from which a subject's identity is derived where the command brings none.
const SUBJECT: u16 = 4;

/// In this order a match key decides whose capture it is.
const MATCH_ORDER: [Field; 3] = [Field::ExternalKey, Field::Email, Field::Phone];

/// The match keys of a command.
pub(super) struct Keys<'a>(&'a [Match]);

impl<'a> Keys<'a> {
    pub(super) const fn of(inputs: &Inputs<'a>) -> Self {
        Self(inputs.matches)
    }

    /// A key that a stream other than `own` holds.
    pub(super) fn held_by_another(&self, own: StreamId) -> Option<Field> {
        let by_another = |one: &&Match| one.holder.is_some_and(|holder| holder != own);
        self.0.iter().find(by_another).map(|one| one.key.field)
    }

    fn is_held(&self, field: Field) -> bool {
        self.0.iter().any(|one| one.key.field == field && one.holder.is_some())
    }

    /// The known lead that the strongest key names.
    fn known_lead<'s>(&self, draft: &Draft<'s>) -> Option<(LeadId, &'s State)> {
        MATCH_ORDER.into_iter().find_map(|field| {
            let of_field = self.0.iter().filter(|one| one.key.field == field);
            of_field.filter_map(|one| one.holder).find_map(|holder| match holder {
                StreamId::Lead(id) => Some((id, draft.lead(id)?)),
                _ => None,
            })
        })
    }

    /// The fields whose keys `stream` holds.
    fn held_by(&self, stream: StreamId) -> FieldSet {
        let held = self.0.iter().filter(|one| one.holder == Some(stream));
        held.map(|one| one.key.field).collect()
    }
}

/// Takes the keys that nobody holds for `holder`, and tells which fields they are of.
pub(super) fn reserve(
    draft: &mut Draft<'_>,
    keys: &Keys<'_>,
    holder: StreamId,
    subject: Option<SubjectId>,
) -> FieldSet {
    let mut reserved = FieldSet::default();
    for free in keys.0.iter().filter(|one| one.holder.is_none()) {
        draft.claim(ClaimChange::Take { key: free.key, holder, subject });
        reserved = reserved.with(free.key.field);
    }
    reserved
}

/// First interest, or another sign of it.
pub(super) fn capture(draft: &mut Draft<'_>, id: LeadId, capture: &Capture) -> Result<(), Refusal> {
    if draft.lead(id).is_some() {
        return Err(Refusal::AlreadyExists { what: "lead" });
    }
    required(draft, capture)?;
    not_negative(capture.amount)?;
    let keys = Keys::of(draft.inputs);
    // In history one key is one lead; what was captured twice under two keys stays two leads, as it was there.
    let imported = draft.context.mode != Mode::Live;
    if imported && keys.is_held(Field::ExternalKey) {
        return Err(Refusal::AlreadyExists { what: "lead" });
    }
    if let Some(source) = said(capture.source.as_ref()) {
        draft.source(source)?;
    }
    let known = if draft.context.enforces() { keys.known_lead(draft) } else { None };
    let lead = if let Some((known, state)) = known {
        not_before_capture(draft, state)?;
        if state.erased {
            return Err(Refusal::Erased);
        }
        attach(draft, (known, state), capture, &keys);
        known
    } else {
        open(draft, id, capture, &keys)?;
        id
    };
    let (channel, campaign) = (said(capture.channel.as_ref()), said(capture.campaign.as_ref()));
    if channel.is_some() || campaign.is_some() {
        let touch = touch(draft, channel, campaign, said(capture.source.as_ref()))?;
        draft.fact(StreamId::Lead(lead), AnyEvent::Lead(Event::TouchRecorded(touch)));
    }
    Ok(())
}

/// Refuses a capture that lacks what policy demands, or says nothing by which to tell one lead from another.
fn required(draft: &Draft<'_>, capture: &Capture) -> Result<(), Refusal> {
    const CODE: &str = "name_or_company_required";
    const NAMES: [Field; 3] = [Field::FirstName, Field::LastName, Field::Company];
    let lacks = |fields: &[Field]| !fields.iter().any(|field| capture.fields.has(*field));
    let policy = &draft.policies().sources.policy;
    if draft.context.enforces() {
        if policy.source_required && said(capture.source.as_ref()).is_none() {
            return Err(Refusal::SourceRequired);
        }
        if policy.name_required && lacks(&NAMES) {
            return Err(Refusal::FieldsMissing { code: CODE, missing: NAMES.to_vec() });
        }
    }
    if lacks(&IDENTIFYING) {
        return Err(Refusal::FieldsMissing { code: CODE, missing: IDENTIFYING.to_vec() });
    }
    Ok(())
}

fn open(
    draft: &mut Draft<'_>,
    id: LeadId,
    capture: &Capture,
    keys: &Keys<'_>,
) -> Result<(), Refusal> {
    let subject = capture.subject.unwrap_or_else(|| SubjectId(draft.context.new_id(SUBJECT)));
    let campaign = said(capture.campaign.as_ref());
    if let Some(campaign) = campaign {
        draft.campaign_named(campaign)?;
    }
    let stream = StreamId::Lead(id);
    let reserved = reserve(draft, keys, stream, Some(subject));
    let event = Event::Captured {
        subject,
        source: said(capture.source.as_ref()).map(str::to_owned),
        campaign: campaign.map(str::to_owned),
        person: capture.person.clone(),
        fields: capture.fields,
        reserved,
        amount: capture.amount,
    };
    let why = Why::rule("capture.new_lead").under(&draft.policies().sources.reference);
    draft.propose(stream, AnyEvent::Lead(event), why);
    Ok(())
}

fn attach(
    draft: &mut Draft<'_>,
    (known, state): (LeadId, &State),
    capture: &Capture,
    keys: &Keys<'_>,
) {
    let stream = StreamId::Lead(known);
    let matched = keys.held_by(stream);
    // One more subject only where the lead has none that something is sealed under.
    let has = |sealed: &&Sealed| state.subjects.contains(&sealed.subject);
    let person = capture.again.as_ref().filter(has).or(capture.person.as_ref());
    let subject = person.map(|sealed| sealed.subject).or_else(|| state.subjects.first().copied());
    let subject = subject.unwrap_or_else(|| SubjectId(draft.context.new_id(SUBJECT)));
    let reserved = reserve(draft, keys, stream, Some(subject));
    let event = Event::Reengaged {
        subject,
        person: person.cloned(),
        fields: capture.fields,
        reserved,
        matched,
        source: said(capture.source.as_ref()).map(str::to_owned),
    };
    let mut why = Why::rule("capture.attached_by_match_key");
    for field in matched.iter() {
        why = why.with("matched", text(field.name()));
    }
    draft.propose(stream, AnyEvent::Lead(event), why);
}
