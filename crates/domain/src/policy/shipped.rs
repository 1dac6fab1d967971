//! The policies that leadline ships: the first events of every log, until a company publishes its own.

use super::{
    AcceptanceSla, AttributionPolicy, ConversionPolicy, Document, InForce, PlannedStage, Policies,
    PolicyRef, SourceCatalogue, StagePlan, StatusProcess, Unlisted,
};
use crate::calendar::Calendar;
use crate::lead::Phase;
use crate::money::{Currency, ProbabilityBp};
use std::sync::{Arc, LazyLock};

/// The version of every shipped policy.
pub const VERSION: u32 = 1;

const HOUR: u32 = 3_600;
const DAY: u32 = 24 * HOUR;

/// The shipped policies and their names, one of each kind, all of [`VERSION`].
pub fn shipped() -> Vec<(&'static str, Document)> {
    vec![
        ("mql-sal", Document::StatusProcess(process())),
        ("default-stages", Document::StagePlan(stages())),
        ("default-sources", Document::SourceCatalogue(sources())),
        ("default-conversion", Document::Conversion(conversion())),
        ("acceptance-24wh", Document::AcceptanceSla(acceptance())),
        ("default-attribution", Document::Attribution(attribution())),
    ]
}

/// The shipped policies as they rule where nothing has been published: their references have no hash.
pub fn policies() -> Arc<Policies> {
    static POLICIES: LazyLock<Arc<Policies>> = LazyLock::new(|| {
        Arc::new(Policies {
            process: unpublished("mql-sal", process()),
            stages: unpublished("default-stages", stages()),
            sources: unpublished("default-sources", sources()),
            conversion: unpublished("default-conversion", conversion()),
            acceptance: unpublished("acceptance-24wh", acceptance()),
            attribution: unpublished("default-attribution", attribution()),
        })
    });
    Arc::clone(&POLICIES)
}

fn unpublished<P>(name: &str, policy: P) -> InForce<P> {
    let reference = PolicyRef(format!("{name}@{VERSION}").into());
    InForce { reference, policy: Arc::new(policy) }
}

fn process() -> StatusProcess {
    let labels = [
        (Phase::New, "New enquiry"),
        (Phase::Working, "Contacted"),
        (Phase::Nurturing, "Nurturing"),
        (Phase::Mql, "MQL"),
        (Phase::Sal, "SAL"),
        (Phase::Qualified, "Qualified"),
        (Phase::Converted, "Converted"),
        (Phase::Unqualified, "Closed"),
    ];
    StatusProcess {
        labels: labels.map(|(phase, label)| (phase, label.to_owned())).to_vec(),
        hand_off: true,
        reasons: Vec::new(),
        reason_required: true,
    }
}

fn stages() -> StagePlan {
    let stages = [
        ("Prospecting", 1_000, true),
        ("Qualification", 2_000, false),
        ("Decision Maker Contacted", 4_000, false),
        ("Proposal", 6_000, false),
        ("Negotiation", 8_000, false),
    ];
    let planned = |(name, basis_points, excluded): (&str, u16, bool)| {
        let probability = ProbabilityBp::new(basis_points)?;
        Some(PlannedStage { name: name.to_owned(), probability, excluded })
    };
    StagePlan {
        stages: stages.into_iter().filter_map(planned).collect(),
        default_stage: "Prospecting".to_owned(),
        backward: true,
        skip: true,
        unlisted: Unlisted::Register,
        lost_reason_required: true,
    }
}

fn sources() -> SourceCatalogue {
    let sources = [
        "Advertisement",
        "Customer Event",
        "Employee Referral",
        "Purchased List",
        "Trade Show",
        "Webinar",
        "Website",
        "Other",
    ];
    SourceCatalogue {
        sources: sources.map(str::to_owned).to_vec(),
        unlisted: Unlisted::Register,
        source_required: false,
        name_required: false,
        direct_prefixes: vec!["direct".to_owned()],
    }
}

fn conversion() -> ConversionPolicy {
    ConversionPolicy {
        convert_from: vec![Phase::Sal, Phase::Qualified],
        no_opportunity_reason_required: true,
        opportunity_required: false,
        currency: Currency::EUR,
    }
}

fn acceptance() -> AcceptanceSla {
    AcceptanceSla {
        active: true,
        target_seconds: 24 * HOUR,
        reminders: vec![50, 75],
        calendar: Arc::new(Calendar::weekdays(chrono_tz::Tz::UTC)),
    }
}

fn attribution() -> AttributionPolicy {
    AttributionPolicy { window_days: Some(180), half_life_seconds: 7 * DAY, since_last: true }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Kind;

    #[test]
    fn one_policy_of_each_kind_is_shipped() {
        let kinds: Vec<Kind> = shipped().iter().map(|(_, document)| document.kind()).collect();
        assert_eq!(kinds, Kind::ALL);
    }

    #[test]
    fn the_default_plan_has_five_stages_and_hides_prospecting() {
        let plan = stages();
        let odds: Vec<u16> =
            plan.stages.iter().map(|stage| stage.probability.basis_points()).collect();
        assert_eq!(odds, [1_000, 2_000, 4_000, 6_000, 8_000]);
        let excluded: Vec<&str> =
            plan.stages.iter().filter(|stage| stage.excluded).map(|stage| &*stage.name).collect();
        assert_eq!(excluded, [plan.default_stage.as_str()]);
    }

    #[test]
    fn every_phase_has_a_label() {
        let phases: Vec<Phase> = process().labels.iter().map(|(phase, _)| *phase).collect();
        assert_eq!(phases, Phase::ALL);
    }
}
