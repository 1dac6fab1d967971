//! What is known of a lead: the fold of its events, as far as decisions need it.

use super::event::ClockStep;
use super::{Event, Milestone, Owner, Phase};
use crate::id::{AccountId, ContactId, OpportunityId, SubjectId};
use crate::money::Money;
use crate::policy::PolicyRef;
use crate::register::Register;
use crate::sealed::{FieldSet, Sealed};
use crate::time::Timestamp;

/// Personal fields as one capture or change gave them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// When they were given.
    pub at: Timestamp,
    /// The fields.
    pub sealed: Sealed,
    /// Which fields `sealed` holds.
    pub fields: FieldSet,
}

/// How a clock stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockState {
    /// It runs, perhaps past its deadline.
    Running,
    /// What it waited for was done.
    Met,
    /// There was nothing to wait for any more.
    Cancelled,
}

/// The latest running of a service-level clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Which clock.
    pub milestone: Milestone,
    /// Which running of it.
    pub cycle: u32,
    /// When it began to run.
    pub started_at: Timestamp,
    /// The policy version that it runs under.
    pub policy: PolicyRef,
    /// The target, in working seconds.
    pub target_seconds: u32,
    /// Its deadline.
    pub due_at: Timestamp,
    /// The steps that have not fired, in order of time; none once it has stopped.
    pub steps: Vec<ClockStep>,
    /// How it stands.
    pub state: ClockState,
    /// Whether the deadline passed while it ran.
    pub breached: bool,
}

/// What became of a converted lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// Its account.
    pub account: AccountId,
    /// Its contact.
    pub contact: ContactId,
    /// Its opportunity.
    pub opportunity: Option<OpportunityId>,
}

/// An open task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The queue it belongs to.
    pub queue: String,
    /// Whether somebody has taken it; else it waits.
    pub claimed: bool,
}

/// What is known of a lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// When it was captured; `None` where it was not.
    pub captured_at: Option<Timestamp>,
    /// The subjects under whose keys its personal data is sealed, oldest first.
    pub subjects: Vec<SubjectId>,
    /// Its phase.
    pub phase: Phase,
    /// Who has it.
    pub owner: Option<Owner>,
    /// Lead source.
    pub source: Register<String>,
    /// Key of the campaign.
    pub campaign: Register<String>,
    /// Expected value.
    pub amount: Register<Money>,
    /// The envelopes that hold the latest value of some personal field, oldest first; later ones replace earlier ones.
    pub person: Vec<Envelope>,
    /// Which personal fields are known.
    pub fields: FieldSet,
    /// Which match keys it holds.
    pub reserved: FieldSet,
    /// How often it has begun: 1 once captured.
    pub cycle: u32,
    /// How often it has been MQL.
    pub mql_cycle: u32,
    /// When the last decision by a person or policy took effect: none may be dated earlier. Reminders and
    /// breaches do not count.
    pub decided_at: Timestamp,
    /// Whether the prospect has been answered since the capture, hand-over or reopening.
    pub responded: bool,
    /// The acceptance clock's latest running.
    pub acceptance: Option<Clock>,
    /// What it became.
    pub conversion: Option<Conversion>,
    /// Its open tasks.
    pub tasks: Vec<Task>,
    /// Whether its subjects' keys were ordered destroyed.
    pub erased: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            captured_at: None,
            subjects: Vec::new(),
            phase: Phase::New,
            owner: None,
            source: Register::default(),
            campaign: Register::default(),
            amount: Register::default(),
            person: Vec::new(),
            fields: FieldSet::default(),
            reserved: FieldSet::default(),
            cycle: 0,
            mql_cycle: 0,
            decided_at: Timestamp::BEGINNING,
            responded: false,
            acceptance: None,
            conversion: None,
            tasks: Vec::new(),
            erased: false,
        }
    }
}

impl State {
    /// The acceptance clock, while it runs.
    pub fn running_clock(&self) -> Option<&Clock> {
        self.acceptance.as_ref().filter(|clock| clock.state == ClockState::Running)
    }

    /// When the next reminder or breach falls due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.running_clock().and_then(|clock| clock.steps.first()).map(|step| step.at)
    }

    /// When the running clock's breach falls due, which alone fires in history that is imported.
    pub fn breach_due(&self) -> Option<Timestamp> {
        self.running_clock().filter(|clock| !clock.breached).map(|clock| clock.due_at)
    }

    /// The person who has it; `None` where nobody or a queue does.
    pub fn owner_person(&self) -> Option<&str> {
        match &self.owner {
            Some(Owner::Person(person)) => Some(person),
            Some(Owner::Queue(_)) | None => None,
        }
    }

    /// Folds `event`, effective `at`. Total: an event that makes no sense here changes what it names, no more.
    pub fn evolve(&mut self, event: &Event, at: Timestamp) {
        if event.moves_decided_at() {
            self.decided_at = self.decided_at.max(at);
        }
        match event {
            Event::Captured { .. }
            | Event::Reengaged { .. }
            | Event::DetailsChanged { .. }
            | Event::SourceSet { .. }
            | Event::CampaignLinked { .. }
            | Event::NoteAdded { .. }
            | Event::SubjectErased { .. } => self.evolve_details(event, at),
            Event::ClockStarted { .. }
            | Event::ReminderDue { .. }
            | Event::Breached { .. }
            | Event::ClockMet { .. }
            | Event::ClockCancelled { .. } => self.evolve_clock(event, at),
            Event::TaskEnqueued { queue } => self.set_task(queue, Some(false)),
            Event::TaskClaimed { queue, .. } => self.set_task(queue, Some(true)),
            Event::TaskCompleted { queue, .. } | Event::TaskCancelled { queue } => {
                self.set_task(queue, None);
            }
            Event::TouchRecorded(_) | Event::ConversionRecorded { .. } => {}
            Event::Assigned { to, .. } => self.owner = Some(to.clone()),
            _ => self.evolve_phase(event),
        }
    }

    fn evolve_details(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::Captured { subject, source, campaign, person, fields, reserved, amount } => {
                self.captured_at = Some(at);
                self.cycle = 1;
                self.add_subject(*subject);
                self.add_person(person.as_ref(), *fields, at);
                self.reserved = self.reserved.union(*reserved);
                set(&mut self.source, source.as_ref(), at);
                set(&mut self.campaign, campaign.as_ref(), at);
                set(&mut self.amount, amount.as_ref(), at);
            }
            Event::Reengaged { subject, person, fields, reserved, .. } => {
                self.add_subject(*subject);
                self.add_person(person.as_ref(), *fields, at);
                self.reserved = self.reserved.union(*reserved);
            }
            Event::DetailsChanged { person, fields, reserved, amount } => {
                self.add_person(person.as_ref(), *fields, at);
                self.reserved = self.reserved.union(*reserved);
                set(&mut self.amount, amount.as_ref(), at);
            }
            Event::SourceSet { source } => set(&mut self.source, Some(source), at),
            Event::CampaignLinked { campaign } => set(&mut self.campaign, Some(campaign), at),
            Event::NoteAdded { note } => self.add_subject(note.subject),
            Event::SubjectErased { .. } => {
                self.erased = true;
                self.reserved = FieldSet::default();
            }
            _ => {}
        }
    }

    fn evolve_clock(&mut self, event: &Event, at: Timestamp) {
        if let Event::ClockStarted { milestone, cycle, policy, target_seconds, due_at, steps } =
            event
        {
            self.acceptance = Some(Clock {
                milestone: *milestone,
                cycle: *cycle,
                started_at: at,
                policy: policy.clone(),
                target_seconds: *target_seconds,
                due_at: *due_at,
                steps: steps.clone(),
                state: ClockState::Running,
                breached: false,
            });
            return;
        }
        let Some(clock) = &mut self.acceptance else { return };
        match event {
            Event::ReminderDue { cycle, percent, .. } if *cycle == clock.cycle => {
                clock.steps.retain(|step| step.percent > *percent);
            }
            Event::Breached { cycle, .. } if *cycle == clock.cycle => {
                clock.breached = true;
                clock.steps.clear();
            }
            Event::ClockMet { cycle, .. } if *cycle == clock.cycle => {
                clock.state = ClockState::Met;
                clock.steps.clear();
            }
            Event::ClockCancelled { cycle, .. } if *cycle == clock.cycle => {
                clock.state = ClockState::Cancelled;
                clock.steps.clear();
            }
            _ => {}
        }
    }

    fn evolve_phase(&mut self, event: &Event) {
        match event {
            Event::ContactAttempted { from, to, .. } if from != to => self.phase = *to,
            Event::ResponseLogged { from, to, .. } => {
                self.responded = true;
                if from != to {
                    self.phase = *to;
                }
            }
            Event::MarkedMql { cycle, .. } => {
                self.phase = Phase::Mql;
                self.mql_cycle = *cycle;
                self.responded = false;
            }
            Event::MqlRevoked { .. } => self.phase = Phase::Working,
            Event::AcceptedBySales { owner, .. } => {
                self.phase = Phase::Sal;
                if let Some(person) = owner {
                    self.owner = Some(Owner::Person(person.clone()));
                }
            }
            Event::RejectedBySales { outcome, .. } => self.phase = outcome.phase(),
            Event::Qualified { .. } => self.phase = Phase::Qualified,
            Event::Disqualified { .. } => self.phase = Phase::Unqualified,
            Event::Recycled { .. } => self.phase = Phase::Nurturing,
            Event::Reopened { to, cycle, .. } => {
                self.phase = *to;
                self.cycle = *cycle;
                self.responded = false;
            }
            Event::Converted { account, contact, opportunity, .. } => {
                self.phase = Phase::Converted;
                self.conversion = Some(Conversion {
                    account: *account,
                    contact: *contact,
                    opportunity: *opportunity,
                });
            }
            _ => {}
        }
    }

    fn add_subject(&mut self, subject: SubjectId) {
        if !self.subjects.contains(&subject) {
            self.subjects.push(subject);
        }
    }

    fn add_person(&mut self, person: Option<&Sealed>, fields: FieldSet, at: Timestamp) {
        let Some(sealed) = person else { return };
        self.add_subject(sealed.subject);
        self.fields = self.fields.union(fields);
        let place = self.person.partition_point(|envelope| envelope.at <= at);
        self.person.insert(place, Envelope { at, sealed: sealed.clone(), fields });
        let mut later = FieldSet::default();
        let mut latest: Vec<bool> = Vec::with_capacity(self.person.len());
        for envelope in self.person.iter().rev() {
            let known = later;
            later = later.union(envelope.fields);
            latest.push(later != known);
        }
        self.person.retain(|_| latest.pop().unwrap_or(true));
    }

    fn set_task(&mut self, queue: &str, claimed: Option<bool>) {
        let place = self.tasks.iter().position(|task| task.queue == queue);
        match (place, claimed) {
            (Some(place), Some(claimed)) => {
                if let Some(task) = self.tasks.get_mut(place) {
                    task.claimed = claimed;
                }
            }
            (Some(place), None) => drop(self.tasks.remove(place)),
            (None, Some(claimed)) => self.tasks.push(Task { queue: queue.to_owned(), claimed }),
            (None, None) => {}
        }
    }
}

fn set<T: Clone>(register: &mut Register<T>, value: Option<&T>, at: Timestamp) {
    if let Some(value) = value {
        register.set(value.clone(), at);
    }
}
