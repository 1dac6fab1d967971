//! Names that leads and opportunities refer to: known, registered at first sight, or refused.

use super::draft::Draft;
use crate::campaign::{self, Stage};
use crate::config::{self, Catalogue};
use crate::decision::{Event, Mode};
use crate::id::CampaignId;
use crate::policy::Unlisted;
use crate::{Refusal, StreamId};

impl Draft<'_> {
    /// Whether names that nobody knows are to be refused rather than registered.
    pub(crate) const fn strict(&self) -> bool {
        matches!(self.context.mode, Mode::Migration { strict: true, .. })
    }

    /// Lets the decision refer to `name`.
    pub(crate) fn name(&mut self, catalogue: Catalogue, name: &str) -> Result<(), Refusal> {
        if self.knows(catalogue, name) {
            return Ok(());
        }
        if self.strict() {
            return Err(Refusal::NameUnknown {
                catalogue: catalogue.name(),
                name: name.to_owned(),
            });
        }
        let event = config::Event::NameRegistered { catalogue, name: name.to_owned() };
        if !self.has_room(catalogue, &event) {
            return Err(Refusal::CatalogueFull { catalogue: catalogue.name() });
        }
        self.register(StreamId::Config, Event::Config(event));
        Ok(())
    }

    /// Lets the decision refer to a lead source.
    pub(crate) fn source(&mut self, source: &str) -> Result<(), Refusal> {
        let catalogue = &self.policies().sources.policy;
        if catalogue.sources.iter().any(|listed| listed == source) {
            return Ok(());
        }
        if self.refuses(catalogue.unlisted) && !self.knows(Catalogue::Source, source) {
            return Err(Refusal::SourceUnknown { source: source.to_owned() });
        }
        self.name(Catalogue::Source, source)
    }

    /// Lets the decision refer to a stage.
    pub(crate) fn stage(&mut self, stage: &str) -> Result<(), Refusal> {
        let plan = &self.policies().stages.policy;
        if plan.stages.iter().any(|planned| planned.name == stage) {
            return Ok(());
        }
        if self.refuses(plan.unlisted) && !self.knows(Catalogue::Stage, stage) {
            let allowed = plan.stages.iter().map(|planned| planned.name.clone()).collect();
            return Err(Refusal::StageUnknown { stage: stage.to_owned(), allowed });
        }
        self.name(Catalogue::Stage, stage)
    }

    /// Lets the decision refer to a reason for rejecting, disqualifying or recycling.
    pub(crate) fn reason(&mut self, reason: &str) -> Result<(), Refusal> {
        let accepted = &self.policies().process.policy.reasons;
        if accepted.iter().any(|one| one == reason) {
            return Ok(());
        }
        if self.context.enforces() && !accepted.is_empty() {
            let (reason, allowed) = (reason.to_owned(), accepted.clone());
            return Err(Refusal::ReasonUnknown { reason, allowed });
        }
        self.name(Catalogue::Reason, reason)
    }

    /// Lets the decision refer to a campaign.
    pub(crate) fn campaign_named(&mut self, key: &str) -> Result<(), Refusal> {
        if self.campaign(key).stage != Stage::Unknown {
            return Ok(());
        }
        if self.strict() {
            return Err(Refusal::NameUnknown { catalogue: "campaign", name: key.to_owned() });
        }
        let event = campaign::Event::Planned {
            key: key.to_owned(),
            title: None,
            channel: None,
            registered: true,
        };
        self.register(StreamId::Campaign(CampaignId::of(key)), Event::Campaign(event));
        Ok(())
    }

    fn knows(&self, catalogue: Catalogue, name: &str) -> bool {
        self.config().is_some_and(|config| config.knows(catalogue, name))
    }

    /// Whether the catalogue takes `event` beside what this decision registers in it already.
    fn has_room(&self, catalogue: Catalogue, event: &config::Event) -> bool {
        let of_catalogue = |registered: &Event| match registered {
            Event::Config(one @ config::Event::NameRegistered { catalogue: of, .. }) => {
                *of == catalogue && one != event
            }
            _ => false,
        };
        let more = self.registered().filter(|one| of_catalogue(one)).count().saturating_add(1);
        self.config().is_none_or(|config| config.has_room(catalogue, more))
    }

    fn refuses(&self, unlisted: Unlisted) -> bool {
        self.context.enforces() && unlisted == Unlisted::Refuse
    }
}
