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

/// A stretch of time, the end not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its start.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

impl Period {
    /// Whether an instant is in it.
    pub fn covers(self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

/// Of the leads captured in a period, how many had taken each step by `as_of`. Shares of these numbers are conversion
/// rates; those of a young cohort are still growing.
pub fn cohort<'a>(
    journeys: impl Iterator<Item = &'a Journey>,
    captured: Period,
    as_of: Timestamp,
) -> BTreeMap<Step, u64> {
    let of_cohort = journeys
        .filter(|journey| journey.get(&Step::Captured).is_some_and(|at| captured.covers(*at)));
    count(of_cohort, |at| at <= as_of)
}

/// How many leads took each step within a period, whenever they were captured. These are different leads at each step:
/// their ratios may exceed 1, and are no conversion rates.
pub fn period<'a>(
    journeys: impl Iterator<Item = &'a Journey>,
    within: Period,
) -> BTreeMap<Step, u64> {
    count(journeys, |at| within.covers(at))
}

fn count<'a>(
    journeys: impl Iterator<Item = &'a Journey>,
    counts: impl Fn(Timestamp) -> bool,
) -> BTreeMap<Step, u64> {
    let mut numbers: BTreeMap<Step, u64> = Step::ALL.iter().map(|step| (*step, 0)).collect();
    for (step, at) in journeys.flatten() {
        if let Some(number) = numbers.get_mut(step).filter(|_| counts(*at)) {
            *number = number.saturating_add(1);
        }
    }
    numbers
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
        let month = Period { from: at(0), to: at(31) };
        let numbers = |counts: BTreeMap<Step, u64>| counts.into_values().collect::<Vec<_>>();
        assert_eq!(numbers(cohort(journeys.iter(), month, at(99))), [2, 2, 1, 0, 0, 0]);
        assert_eq!(numbers(cohort(journeys.iter(), month, at(35))), [2, 2, 0, 0, 0, 0]);
        let next = Period { from: at(31), to: at(62) };
        assert_eq!(numbers(period(journeys.iter(), next)), [1, 2, 2, 1, 1, 1]);
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
