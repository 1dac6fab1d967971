//! What can be asked of an opportunity, and what it leads to.

use super::{Command, Event, Open, Opened, Origin, State};
use crate::config::Catalogue;
use crate::decide::draft::{Draft, Why, said, text};
use crate::decision::Event as AnyEvent;
use crate::id::OpportunityId;
use crate::lead::decide::not_negative;
use crate::money::{Money, ProbabilityBp};
use crate::policy::StagePlan;
use crate::{Refusal, StreamId, Timestamp};

/// Decides one command on the opportunity `id`.
pub(crate) fn decide(
    draft: &mut Draft<'_>,
    id: OpportunityId,
    command: &Command,
) -> Result<(), Refusal> {
    if let Command::Open(open) = command {
        return self::open(draft, id, open);
    }
    let state = draft.opportunity(id).ok_or(Refusal::OpportunityUnknown)?;
    if let Some(captured_at) = state.opened_at.filter(|opened_at| draft.at() < *opened_at) {
        return Err(Refusal::OccurredBeforeCapture { captured_at });
    }
    draft.not_before(state.attached_at.unwrap_or(Timestamp::BEGINNING))?;
    let case = &mut Case { draft, id, state };
    if matches!(command, Command::Reopen) {
        return reopen(case);
    }
    if let Some(outcome) = state.outcome {
        return Err(Refusal::AlreadyClosed { outcome: outcome.name() });
    }
    match command {
        Command::Open(_) | Command::Reopen => Ok(()),
        Command::AdvanceStage { to, reason } => advance(case, to, said(reason.as_ref())),
        Command::ChangeAmount { amount } => change_amount(case, *amount),
        Command::ChangeCloseDate { to } => {
            change_close_date(case, *to);
            Ok(())
        }
        Command::CloseWon { amount } => won(case, *amount),
        Command::CloseLost { reason, competitor, amount } => {
            lost(case, said(reason.as_ref()), said(competitor.as_ref()), *amount)
        }
    }
}

/// One command on an opportunity that has been opened.
struct Case<'d, 'a> {
    draft: &'d mut Draft<'a>,
    id: OpportunityId,
    state: &'a State,
}

impl Case<'_, '_> {
    fn propose(&mut self, event: Event, why: Why) {
        self.draft.propose(StreamId::Opportunity(self.id), AnyEvent::Opportunity(event), why);
    }

    fn monotone(&self) -> Result<(), Refusal> {
        self.draft.not_before(self.state.decided_at)
    }

    /// The explanation of a step, by this rule of the stage plan.
    fn by_plan(&self, rule: &'static str) -> Why {
        Why::rule(rule)
            .with("stage", text(self.state.stage.as_str()))
            .under(&self.draft.policies().stages.reference)
    }
}

fn place(plan: &StagePlan, stage: &str) -> Option<usize> {
    plan.stages.iter().position(|planned| planned.name == stage)
}

fn odds(plan: &StagePlan, stage: &str) -> Option<ProbabilityBp> {
    plan.stages.iter().find(|planned| planned.name == stage).map(|planned| planned.probability)
}

/// Completes an opening: its stage (the plan's default where absent) with its odds, and its names.
pub(crate) fn named(
    draft: &mut Draft<'_>,
    opened: Opened,
    stage: Option<&str>,
) -> Result<Opened, Refusal> {
    let plan = &draft.policies().stages.policy;
    let stage = stage.unwrap_or(&plan.default_stage).to_owned();
    draft.stage(&stage)?;
    if let Some(product) = &opened.product {
        draft.name(Catalogue::Product, product)?;
    }
    if let Some(owner) = &opened.owner {
        draft.name(Catalogue::Person, owner)?;
    }
    Ok(Opened { probability: odds(plan, &stage), stage, ..opened })
}

fn open(draft: &mut Draft<'_>, id: OpportunityId, open: &Open) -> Result<(), Refusal> {
    if draft.opportunity(id).is_some() {
        return Err(Refusal::AlreadyExists { what: "opportunity" });
    }
    not_negative(open.amount)?;
    match open.account {
        None if draft.context.enforces() => return Err(Refusal::AccountRequired),
        Some(account) if draft.account(account).is_none() => {
            return Err(Refusal::AccountUnknown);
        }
        _ => {}
    }
    let (source, campaign) = (said(open.source.as_ref()), said(open.campaign.as_ref()));
    if let Some(source) = source {
        draft.source(source)?;
    }
    if let Some(campaign) = campaign {
        draft.campaign_named(campaign)?;
    }
    let opened = Opened {
        origin: Origin::Direct,
        account: open.account,
        contact: None,
        owner: open.owner.clone().or_else(|| draft.person()),
        stage: String::new(),
        probability: None,
        amount: open.amount,
        close_date: open.close_date,
        product: said(open.product.as_ref()).map(str::to_owned),
        campaign: campaign.map(str::to_owned),
        source: source.map(str::to_owned),
        attributes: open.attributes.clone(),
        undated: open.undated,
    };
    let opened = named(draft, opened, said(open.stage.as_ref()))?;
    let why = Why::rule("opportunity.opened").under(&draft.policies().stages.reference);
    let event = Event::Opened(Box::new(opened));
    draft.propose(StreamId::Opportunity(id), AnyEvent::Opportunity(event), why);
    Ok(())
}

fn advance(case: &mut Case<'_, '_>, to: &str, reason: Option<&str>) -> Result<(), Refusal> {
    if case.state.stage == to {
        return Ok(());
    }
    case.monotone()?;
    case.draft.stage(to)?;
    let plan = &case.draft.policies().stages.policy;
    let enforces = case.draft.context.enforces();
    let (from, to, probability) = (case.state.stage.clone(), to.to_owned(), odds(plan, to));
    // Of a stage that the plan does not know, nobody can say whether it lies before or after.
    if let (Some(before), Some(after)) = (place(plan, &from), place(plan, &to)) {
        if after < before {
            if enforces && !plan.backward {
                return Err(Refusal::BackwardNotAllowed);
            }
            let why = case.by_plan("stage.regress");
            let reason = reason.map(str::to_owned);
            case.propose(Event::StageRegressed { from, to, probability, reason }, why);
            return Ok(());
        }
        if enforces
            && !plan.skip
            && after > before + 1
            && let Some(next) = plan.stages.get(before + 1)
        {
            return Err(Refusal::StageSkipNotAllowed { next: next.name.clone() });
        }
    }
    let why = case.by_plan("stage.advance");
    case.propose(Event::StageAdvanced { from, to, probability }, why);
    Ok(())
}

fn change_amount(case: &mut Case<'_, '_>, amount: Money) -> Result<(), Refusal> {
    not_negative(Some(amount))?;
    let from = case.state.amount.get().copied();
    if let Some(present) = from.filter(|present| present.currency != amount.currency) {
        let expected = present.currency.code().to_owned();
        return Err(Refusal::CurrencyMismatch { expected });
    }
    if from != Some(amount) {
        case.propose(Event::AmountChanged { from, to: amount }, Why::rule(""));
    }
    Ok(())
}

fn change_close_date(case: &mut Case<'_, '_>, to: Timestamp) {
    let from = case.state.close_date.get().copied();
    if from != Some(to) {
        let slipped = from.is_some_and(|from| to > from);
        let slips = case.state.slips.saturating_add(u32::from(slipped));
        case.propose(Event::CloseDateMoved { from, to, slips }, Why::rule(""));
    }
}

fn won(case: &mut Case<'_, '_>, amount: Option<Money>) -> Result<(), Refusal> {
    case.monotone()?;
    if let Some(amount) = amount {
        change_amount(case, amount)?;
    }
    let amount = amount.or_else(|| case.state.amount.get().copied());
    let why = case.by_plan("opportunity.won");
    case.propose(Event::Won { amount, from: case.state.stage.clone() }, why);
    Ok(())
}

fn lost(
    case: &mut Case<'_, '_>,
    reason: Option<&str>,
    competitor: Option<&str>,
    amount: Option<Money>,
) -> Result<(), Refusal> {
    case.monotone()?;
    match reason {
        // Reasons for losing are a list of their own making: the process's are for leads.
        Some(reason) => case.draft.name(Catalogue::Reason, reason)?,
        None if case.draft.context.enforces()
            && case.draft.policies().stages.policy.lost_reason_required =>
        {
            return Err(Refusal::LostReasonRequired);
        }
        None => {}
    }
    if let Some(amount) = amount {
        change_amount(case, amount)?;
    }
    let (reason, competitor) = (reason.map(str::to_owned), competitor.map(str::to_owned));
    let (from, amount) = (case.state.stage.clone(), case.state.amount.get().copied());
    let why = case.by_plan("opportunity.lost");
    case.propose(Event::Lost { reason, competitor, amount, from }, why);
    Ok(())
}

fn reopen(case: &mut Case<'_, '_>) -> Result<(), Refusal> {
    if case.state.outcome.is_none() {
        return Err(Refusal::NotClosed);
    }
    case.monotone()?;
    let stage = case.state.stage.clone();
    let probability = odds(&case.draft.policies().stages.policy, &stage);
    let why = case.by_plan("opportunity.reopened");
    case.propose(Event::Reopened { stage, probability }, why);
    Ok(())
}
