//! Policies: versioned documents in the log, cited by every decision that they shaped.

use crate::calendar::Calendar;
use crate::lead::Phase;
use crate::money::{Currency, ProbabilityBp};
use std::sync::Arc;

pub mod shipped;

/// A published policy version: `name@version#hash`. The hash is of the document's canonical JSON.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyRef(pub Arc<str>);

impl PolicyRef {
    /// `name@version`, without the hash.
    pub fn name_and_version(&self) -> &str {
        self.0.split_once('#').map_or(&self.0, |(name, _)| name)
    }
}

impl std::fmt::Display for PolicyRef {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a policy rules. At any instant one version of each kind is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [`StatusProcess`].
    StatusProcess,
    /// [`StagePlan`].
    StagePlan,
    /// [`SourceCatalogue`].
    SourceCatalogue,
    /// [`ConversionPolicy`].
    Conversion,
    /// [`AcceptanceSla`].
    AcceptanceSla,
    /// [`AttributionPolicy`].
    Attribution,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::StatusProcess,
        Self::StagePlan,
        Self::SourceCatalogue,
        Self::Conversion,
        Self::AcceptanceSla,
        Self::Attribution,
    ];

    /// The kind's name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StatusProcess => "status_process",
            Self::StagePlan => "stage_plan",
            Self::SourceCatalogue => "source_catalogue",
            Self::Conversion => "conversion",
            Self::AcceptanceSla => "acceptance_sla",
            Self::Attribution => "attribution",
        }
    }
}

/// A policy of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// Labels of phases, and reasons.
    StatusProcess(StatusProcess),
    /// Stages of opportunities.
    StagePlan(StagePlan),
    /// Sources, channels and what counts as direct.
    SourceCatalogue(SourceCatalogue),
    /// When and how leads convert.
    Conversion(ConversionPolicy),
    /// How long sales has to accept.
    AcceptanceSla(AcceptanceSla),
    /// Defaults of attribution.
    Attribution(AttributionPolicy),
}

impl Document {
    /// What the policy rules.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::StatusProcess(_) => Kind::StatusProcess,
            Self::StagePlan(_) => Kind::StagePlan,
            Self::SourceCatalogue(_) => Kind::SourceCatalogue,
            Self::Conversion(_) => Kind::Conversion,
            Self::AcceptanceSla(_) => Kind::AcceptanceSla,
            Self::Attribution(_) => Kind::Attribution,
        }
    }
}

/// The company's labels for the fixed phases, the edges it uses, and the reasons it accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusProcess {
    /// The label of each phase, in the order of [`Phase::ALL`].
    pub labels: Vec<(Phase, String)>,
    /// Whether the MQL and SAL steps are in use; else `MarkMQL` is refused with `step_disabled`.
    pub hand_off: bool,
    /// Accepted reasons for rejecting, disqualifying and recycling; empty accepts any.
    pub reasons: Vec<String>,
    /// Whether such a step needs a reason.
    pub reason_required: bool,
}

/// One stage of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedStage {
    /// Its name.
    pub name: String,
    /// Its odds.
    pub probability: ProbabilityBp,
    /// Left out of the main pipeline, as an early stage.
    pub excluded: bool,
}

/// The stages of opportunities, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagePlan {
    /// The open stages, first to last.
    pub stages: Vec<PlannedStage>,
    /// The stage in which an opportunity starts.
    pub default_stage: String,
    /// Whether a step back is allowed.
    pub backward: bool,
    /// Whether stages may be skipped.
    pub skip: bool,
    /// Whether a stage that the plan does not know is registered (without odds) or refused.
    pub unlisted: Unlisted,
    /// Whether a lost opportunity needs a reason.
    pub lost_reason_required: bool,
}

/// What happens to a name that a catalogue does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// It is registered at first sight.
    Register,
    /// It is refused.
    Refuse,
}

/// Sources and channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceCatalogue {
    /// The listed sources.
    pub sources: Vec<String>,
    /// What happens to others.
    pub unlisted: Unlisted,
    /// Whether a live capture needs a source.
    pub source_required: bool,
    /// Whether a live capture needs a name or a company.
    pub name_required: bool,
    /// Channels whose name starts with one of these, in any case, are direct.
    pub direct_prefixes: Vec<String>,
}

impl SourceCatalogue {
    /// Whether `channel` is direct: a visit that no marketing can claim.
    pub fn is_direct(&self, channel: &str) -> bool {
        self.direct_prefixes.iter().any(|prefix| {
            channel.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        })
    }
}

/// When and how leads convert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversionPolicy {
    /// The phases from which a lead may convert.
    pub convert_from: Vec<Phase>,
    /// Whether a conversion without an opportunity needs a reason.
    pub no_opportunity_reason_required: bool,
    /// Whether a conversion must have an opportunity.
    pub opportunity_required: bool,
    /// The currency of amounts that name none.
    pub currency: Currency,
}

/// How long sales has to accept or reject an MQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptanceSla {
    /// Whether the clock is in use.
    pub active: bool,
    /// The target, in working seconds.
    pub target_seconds: u32,
    /// Rungs below the breach, in percent of the target, ascending.
    pub reminders: Vec<u16>,
    /// The working time that counts.
    pub calendar: Arc<Calendar>,
}

/// Defaults of attribution; each can be overridden in a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributionPolicy {
    /// How far before a conversion a touch may lie, in days; `None` is without limit.
    pub window_days: Option<u32>,
    /// Half-life of the time-decay model, in seconds.
    pub half_life_seconds: u32,
    /// Whether a path begins after the lead's last conversion, or with its first touch.
    pub since_last: bool,
}

/// A policy in force, with the version to cite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce<P> {
    /// The version.
    pub reference: PolicyRef,
    /// The policy.
    pub policy: Arc<P>,
}

/// The policies in force at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies {
    /// Labels and reasons.
    pub process: InForce<StatusProcess>,
    /// Stages.
    pub stages: InForce<StagePlan>,
    /// Sources.
    pub sources: InForce<SourceCatalogue>,
    /// Conversion.
    pub conversion: InForce<ConversionPolicy>,
    /// Acceptance.
    pub acceptance: InForce<AcceptanceSla>,
    /// Attribution.
    pub attribution: InForce<AttributionPolicy>,
}
