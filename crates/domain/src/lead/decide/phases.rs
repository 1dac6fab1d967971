//! The phase machine: which step is open from which phase, and the steps that are no hand-over.

use super::{Case, handoff};
use crate::Refusal;
use crate::decide::draft::{Why, said, text};
use crate::lead::{Event, Phase, State};
use crate::policy::Policies;

/// A command that changes the phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    MarkMql,
    RevokeMql,
    AcceptSal,
    RejectSal,
    Qualify,
    Disqualify,
    Reopen,
    Recycle,
    Convert,
}

impl Step {
    const ALL: [Self; 9] = [
        Self::MarkMql,
        Self::RevokeMql,
        Self::AcceptSal,
        Self::RejectSal,
        Self::Qualify,
        Self::Disqualify,
        Self::Reopen,
        Self::Recycle,
        Self::Convert,
    ];

    /// The command's name.
    const fn name(self) -> &'static str {
        match self {
            Self::MarkMql => "MarkMQL",
            Self::RevokeMql => "RevokeMQL",
            Self::AcceptSal => "AcceptSAL",
            Self::RejectSal => "RejectSAL",
            Self::Qualify => "QualifyLead",
            Self::Disqualify => "Disqualify",
            Self::Reopen => "ReopenLead",
            Self::Recycle => "Recycle",
            Self::Convert => "ConvertLead",
        }
    }

    fn is_open(self, from: Phase, policies: &Policies) -> bool {
        use Phase::{Converted, Mql, New, Nurturing, Qualified, Sal, Unqualified, Working};
        match self {
            Self::MarkMql => {
                policies.process.policy.hand_off
                    && matches!(from, New | Working | Nurturing | Unqualified)
            }
            Self::RevokeMql | Self::AcceptSal | Self::RejectSal => from == Mql,
            Self::Qualify => matches!(from, Working | Nurturing | Sal),
            Self::Disqualify | Self::Recycle => {
                matches!(from, New | Working | Mql | Sal | Qualified)
            }
            Self::Reopen => from == Unqualified,
            Self::Convert => {
                from != Converted && policies.conversion.policy.convert_from.contains(&from)
            }
        }
    }

    /// Why the step is closed from where the lead stands.
    fn closed(self, state: &State, policies: &Policies) -> Refusal {
        let phase = state.phase;
        match (self, phase) {
            (Self::MarkMql, _) if !policies.process.policy.hand_off => {
                Refusal::StepDisabled { step: self.name() }
            }
            (Self::MarkMql, Phase::Mql) => Refusal::AlreadyMql,
            (Self::RevokeMql | Self::AcceptSal | Self::RejectSal, Phase::Sal) => {
                Refusal::AlreadyAccepted { owner: state.owner_person().map(str::to_owned) }
            }
            (Self::RevokeMql | Self::AcceptSal | Self::RejectSal, _) => Refusal::NotMql { phase },
            (Self::Qualify, Phase::Qualified) => Refusal::AlreadyQualified,
            (Self::Disqualify, Phase::Unqualified) => Refusal::AlreadyUnqualified,
            (Self::Recycle, Phase::Nurturing) => Refusal::AlreadyNurturing,
            (Self::Convert, _) => not_convertible(state, policies),
            _ => Refusal::TransitionNotAllowed { phase, allowed: open_steps(phase, policies) },
        }
    }
}

fn not_convertible(state: &State, policies: &Policies) -> Refusal {
    match &state.conversion {
        Some(made) => Refusal::AlreadyConverted {
            account: made.account,
            contact: made.contact,
            opportunity: made.opportunity,
        },
        None => Refusal::NotQualified {
            phase: state.phase,
            convert_from: policies.conversion.policy.convert_from.clone(),
        },
    }
}

/// The names of the commands that lead on from `phase` under `policies`.
pub fn open_steps(phase: Phase, policies: &Policies) -> Vec<&'static str> {
    Step::ALL.into_iter().filter(|step| step.is_open(phase, policies)).map(Step::name).collect()
}

impl Case<'_, '_> {
    /// Refuses a step that is closed from where the lead stands, or dated before the last decision.
    pub(super) fn open(&self, step: Step) -> Result<(), Refusal> {
        let policies = self.draft.policies();
        if !step.is_open(self.state.phase, policies) {
            return Err(step.closed(self.state, policies));
        }
        self.monotone()
    }

    /// The explanation of a phase change, by this rule of the status process.
    pub(super) fn by_process(&self, rule: &'static str) -> Why {
        Why::rule(rule)
            .with("phase", text(self.state.phase.name()))
            .under(&self.draft.policies().process.reference)
    }

    /// The reason for leaving, checked against the process.
    fn leaving_reason(&mut self, reason: Option<&String>) -> Result<Option<String>, Refusal> {
        match said(reason) {
            Some(reason) => {
                self.draft.reason(reason)?;
                Ok(Some(reason.to_owned()))
            }
            None if self.draft.context.enforces()
                && self.draft.policies().process.policy.reason_required =>
            {
                Err(Refusal::ReasonRequired)
            }
            None => Ok(None),
        }
    }
}

/// Need and means are confirmed.
pub(super) fn qualify(case: &mut Case<'_, '_>) -> Result<(), Refusal> {
    case.open(Step::Qualify)?;
    let why = case.by_process("phase.qualify");
    case.propose(Event::Qualified { from: case.state.phase }, why);
    Ok(())
}

/// No business to be had.
pub(super) fn disqualify(case: &mut Case<'_, '_>, reason: Option<&String>) -> Result<(), Refusal> {
    case.open(Step::Disqualify)?;
    let reason = case.leaving_reason(reason)?;
    let why = case.by_process("phase.disqualify");
    case.propose(Event::Disqualified { from: case.state.phase, reason }, why);
    handoff::meet_clock(case);
    Ok(())
}

/// Off to Nurturing.
pub(super) fn recycle(case: &mut Case<'_, '_>, reason: Option<&String>) -> Result<(), Refusal> {
    case.open(Step::Recycle)?;
    let reason = case.leaving_reason(reason)?;
    let why = case.by_process("phase.recycle");
    case.propose(Event::Recycled { from: case.state.phase, reason }, why);
    handoff::meet_clock(case);
    Ok(())
}

/// Back from Unqualified.
pub(super) fn reopen(
    case: &mut Case<'_, '_>,
    to: Option<Phase>,
    reason: Option<&String>,
) -> Result<(), Refusal> {
    case.open(Step::Reopen)?;
    let to = to.unwrap_or(Phase::Working);
    if !matches!(to, Phase::New | Phase::Working | Phase::Nurturing) {
        let phase = case.state.phase;
        let allowed = open_steps(phase, case.draft.policies());
        return Err(Refusal::TransitionNotAllowed { phase, allowed });
    }
    let cycle = case.state.cycle.saturating_add(1);
    let why = case.by_process("phase.reopen");
    let reason = said(reason).map(str::to_owned);
    case.propose(Event::Reopened { to, cycle, reason }, why);
    Ok(())
}
