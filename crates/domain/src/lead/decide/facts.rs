//! What comes to be known of a lead.

use super::Case;
use super::capture::{Keys, reserve};
use crate::Refusal;
use crate::campaign::Stage;
use crate::config::Catalogue;
use crate::decide::draft::said;
use crate::decision::Mode;
use crate::id::TouchId;
use crate::lead::event::Touch;
use crate::lead::{Event, Phase};
use crate::money::Money;
use crate::sealed::{Field, FieldSet, Sealed};

/// The counter from which a touch's identity is derived.
pub(super) const TOUCH: u16 = 0;

/// Refuses amounts below zero.
pub(crate) fn not_negative(amount: Option<Money>) -> Result<(), Refusal> {
    match amount {
        Some(amount) if amount.minor < 0 => Err(Refusal::AmountNegative),
        _ => Ok(()),
    }
}

/// Changes details.
pub(super) fn update_details(
    case: &mut Case<'_, '_>,
    person: Option<&Sealed>,
    fields: FieldSet,
    amount: Option<Money>,
) -> Result<(), Refusal> {
    case.not_erased()?;
    if case.state.phase == Phase::Converted {
        return Err(Refusal::FieldLockedAfterConversion);
    }
    not_negative(amount)?;
    let amount = amount.filter(|amount| case.state.amount.get() != Some(amount));
    if person.is_none() && amount.is_none() {
        return Ok(());
    }
    let keys = Keys::of(case.draft.inputs);
    let stream = case.stream();
    if case.draft.context.enforces()
        && let Some(field) = keys.held_by_another(stream)
    {
        return Err(Refusal::MatchKeyTaken { field });
    }
    let subject = person.map(|sealed| sealed.subject);
    let reserved = reserve(case.draft, &keys, stream, subject);
    case.fact(Event::DetailsChanged { person: person.cloned(), fields, reserved, amount });
    Ok(())
}

/// Sets the lead source.
pub(super) fn set_source(case: &mut Case<'_, '_>, source: &str) -> Result<(), Refusal> {
    if case.state.source.get().map(String::as_str) == Some(source) {
        return Ok(());
    }
    case.draft.source(source)?;
    case.fact(Event::SourceSet { source: source.to_owned() });
    Ok(())
}

/// Links the lead to a campaign.
pub(super) fn link_campaign(case: &mut Case<'_, '_>, campaign: &str) -> Result<(), Refusal> {
    if case.state.campaign.get().map(String::as_str) == Some(campaign) {
        return Ok(());
    }
    case.draft.campaign_named(campaign)?;
    case.fact(Event::CampaignLinked { campaign: campaign.to_owned() });
    Ok(())
}

/// Records an interaction.
pub(super) fn record_touch(
    case: &mut Case<'_, '_>,
    channel: Option<&String>,
    campaign: Option<&String>,
    source: Option<&String>,
) -> Result<(), Refusal> {
    let (channel, campaign, source) = (said(channel), said(campaign), said(source));
    if channel.is_none() && campaign.is_none() && source.is_none() {
        return Err(Refusal::TouchEmpty);
    }
    if let Some(key) = campaign
        && case.draft.context.mode == Mode::Live
    {
        match case.draft.campaign(key).stage {
            Stage::Planned => {
                return Err(Refusal::CampaignNotStarted { campaign: key.to_owned() });
            }
            Stage::Closed => return Err(Refusal::CampaignEnded { campaign: key.to_owned() }),
            Stage::Unknown | Stage::Registered | Stage::Started => {}
        }
    }
    let touch = touch(case.draft, channel, campaign, source)?;
    case.fact(Event::TouchRecorded(touch));
    Ok(())
}

/// The touch that a command records. Its names are registered where they are new.
pub(super) fn touch(
    draft: &mut crate::decide::draft::Draft<'_>,
    channel: Option<&str>,
    campaign: Option<&str>,
    source: Option<&str>,
) -> Result<Touch, Refusal> {
    if let Some(channel) = channel {
        draft.name(Catalogue::Channel, channel)?;
    }
    if let Some(campaign) = campaign {
        draft.campaign_named(campaign)?;
    }
    if let Some(source) = source {
        draft.source(source)?;
    }
    Ok(Touch {
        id: TouchId(draft.context.new_id(TOUCH)),
        channel: channel.map(str::to_owned),
        campaign: campaign.map(str::to_owned),
        source: source.map(str::to_owned),
    })
}

/// Adds a note.
pub(super) fn add_note(case: &mut Case<'_, '_>, note: Option<&Sealed>) -> Result<(), Refusal> {
    case.not_erased()?;
    let Some(note) = note else {
        return Err(Refusal::NoteRequired);
    };
    case.fact(Event::NoteAdded { note: note.clone() });
    Ok(())
}

/// Records a conversion without an opportunity.
pub(super) fn record_conversion(
    case: &mut Case<'_, '_>,
    amount: Option<Money>,
) -> Result<(), Refusal> {
    not_negative(amount)?;
    case.fact(Event::ConversionRecorded { amount });
    Ok(())
}

/// The fields of which a capture needs one.
pub(super) const IDENTIFYING: [Field; 6] = [
    Field::Email,
    Field::Phone,
    Field::FirstName,
    Field::LastName,
    Field::Company,
    Field::ExternalKey,
];
