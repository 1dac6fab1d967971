//! How far leads and opportunities came, and how long they stayed.

use crate::time::Timestamp;
use std::collections::BTreeMap;

/// The steps of a lead's life that a funnel counts, first to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// It was captured.
    Captured,
    /// Marketing qualified it.
    Mql,
    /// Sales accepted it.
    Sal,
    /// It was converted.
    Converted,
    /// It became an opportunity.
    Opportunity,
    /// The opportunity was won.
    Won,
}

impl Step {
    /// Every step.
    pub const ALL: [Self; 6] =
        [Self::Captured, Self::Mql, Self::Sal, Self::Converted, Self::Opportunity, Self::Won];

    /// The step's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Captured => "captured",
            Self::Mql => "mql",
            Self::Sal => "sal",
            Self::Converted => "converted",
            Self::Opportunity => "opportunity",
            Self::Won => "won",
        }
    }
}

/// When one lead took which step first.
pub type Journey = BTreeMap<Step, Timestamp>;

/// How many leads took each step.
pub type Counts = BTreeMap<Step, u64>;

/// Per period of capture, how many of the leads captured in it took each step. Shares of these numbers are conversion
/// rates; those of a young cohort are still growing. Leads that were never captured belong to no cohort.
pub fn cohorts<'a, P: Ord>(
    journeys: impl Iterator<Item = &'a Journey>,
    period: impl Fn(Timestamp) -> P,
) -> BTreeMap<P, Counts> {
    let mut cohorts = BTreeMap::new();
    for journey in journeys {
        let Some(captured) = journey.get(&Step::Captured) else { continue };
        let cohort: &mut Counts = cohorts
            .entry(period(*captured))
            .or_insert_with(|| Step::ALL.iter().map(|step| (*step, 0)).collect());
        for step in journey.keys() {
            count(cohort, *step);
        }
    }
    cohorts
}

/// Per period, how many events of each kind are dated in it. These are events of different leads: their ratios may
/// exceed 1, and are no conversion rates.
pub fn periods<P: Ord, K: Ord>(
    events: impl Iterator<Item = (K, Timestamp)>,
    period: impl Fn(Timestamp) -> P,
) -> BTreeMap<P, BTreeMap<K, u64>> {
    let mut periods = BTreeMap::new();
    for (kind, at) in events {
        count(periods.entry(period(at)).or_default(), kind);
    }
    periods
}

fn count<K: Ord>(numbers: &mut BTreeMap<K, u64>, kind: K) {
    let number = numbers.entry(kind).or_default();
    *number = number.saturating_add(1);
}

/// An entry of an opportunity into a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit<'a> {
    /// The stage.
    pub stage: &'a str,
    /// When it was entered.
    pub at: Timestamp,
    /// Whether the opportunity was closed with it.
    pub closed: bool,
}

/// The time an opportunity spent in a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stay {
    /// In milliseconds, all visits together.
    pub millis: i64,
    /// How many visits.
    pub visits: u32,
}

/// How long an opportunity stayed in each stage by `as_of`, from its visits in order of time. The present stage is
/// still counting, unless it is closed; a closed stage that was left again is a stay like any other.
pub fn stays<'a>(visits: &[Visit<'a>], as_of: Timestamp) -> BTreeMap<&'a str, Stay> {
    let mut stays: BTreeMap<&'a str, Stay> = BTreeMap::new();
    for (index, visit) in visits.iter().enumerate().filter(|(_, visit)| visit.at <= as_of) {
        let next = visits.get(index.saturating_add(1)).filter(|next| next.at <= as_of);
        let end = match next {
            Some(next) => next.at,
            None if visit.closed => continue,
            None => as_of,
        };
        let stay = stays.entry(visit.stage).or_default();
        stay.millis = stay.millis.saturating_add(end.millis_since(visit.at));
        stay.visits = stay.visits.saturating_add(1);
    }
    stays
}

/// How many opportunities came to a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Were in it or in a later one.
    pub or_passed: u64,
    /// Were in it.
    pub strictly: u64,
}

/// For each stage of `order`, how many opportunities came to it. `visited` are the stages that each was ever in.
pub fn reached<'a>(order: &[&str], visited: impl Iterator<Item = &'a [&'a str]>) -> Vec<Reached> {
    let mut numbers = vec![Reached::default(); order.len()];
    for stages in visited {
        let furthest = order.iter().rposition(|stage| stages.contains(stage));
        for (index, (stage, number)) in order.iter().zip(&mut numbers).enumerate() {
            let passed = furthest.is_some_and(|furthest| index <= furthest);
            number.or_passed = number.or_passed.saturating_add(u64::from(passed));
            number.strictly = number.strictly.saturating_add(u64::from(stages.contains(stage)));
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(day * 86_400_000)
    }

    fn journey(days: &[i64]) -> Journey {
        Step::ALL.into_iter().zip(days.iter().map(|day| at(*day))).collect()
    }

    #[test]
    fn cohorts_follow_the_leads_and_periods_the_events() {
        let journeys =
            [journey(&[1, 2, 40]), journey(&[5, 35]), journey(&[31, 32, 33, 34, 34, 50])];
        let month = |at: Timestamp| at.millis() / (31 * 86_400_000);
        let numbers = |counts: &Counts| counts.values().copied().collect::<Vec<_>>();
        let cohorts = cohorts(journeys.iter().chain([&Journey::new()]), month);
        assert_eq!(cohorts.keys().copied().collect::<Vec<_>>(), [0, 1]);
        assert_eq!(numbers(&cohorts[&0]), [2, 2, 1, 0, 0, 0]);
        assert_eq!(numbers(&cohorts[&1]), [1, 1, 1, 1, 1, 1]);
        let events = journeys.iter().flatten().map(|(step, at)| (*step, *at));
        let periods = periods(events, month);
        assert_eq!(numbers(&periods[&0]), [2, 1]);
        assert_eq!(numbers(&periods[&1]), [1, 2, 2, 1, 1, 1]);
    }

    #[test]
    fn stays_add_up_and_end_with_the_close() {
        let visit = |stage, day, closed| Visit { stage, at: at(day), closed };
        let visits = [
            visit("a", 0, false),
            visit("b", 10, false),
            visit("a", 15, false),
            visit("lost", 20, true),
            visit("b", 22, false),
            visit("won", 30, true),
        ];
        let days = |as_of| -> Vec<(&str, i64, u32)> {
            let stays = stays(&visits, at(as_of)).into_iter();
            stays.map(|(stage, stay)| (stage, stay.millis / 86_400_000, stay.visits)).collect()
        };
        assert_eq!(days(99), [("a", 15, 2), ("b", 13, 2), ("lost", 2, 1)]);
        assert_eq!(days(21), [("a", 15, 2), ("b", 5, 1)]);
        assert_eq!(days(12), [("a", 10, 1), ("b", 2, 1)]);
        assert_eq!(days(-1), []);
    }

    #[test]
    fn a_stage_is_reached_by_what_was_in_it_or_passed_it() {
        let visited: [&[&str]; 4] = [&["a"], &["c"], &["b", "a"], &["elsewhere"]];
        let numbers = reached(&["a", "b", "c"], visited.into_iter());
        let pairs: Vec<_> = numbers.iter().map(|one| (one.or_passed, one.strictly)).collect();
        assert_eq!(pairs, [(3, 2), (2, 1), (1, 1)]);
    }
}
