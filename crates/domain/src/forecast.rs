//! What a pipeline is worth: forecast categories, win rates, velocity, and how it moved between two instants.

use num_rational::BigRational;
use num_traits::Zero;

/// How sure a stage of the pipeline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// Open.
    Pipeline,
    /// Open, and possible.
    BestCase,
    /// Open, and likely.
    MostLikely,
    /// Open, and promised.
    Commit,
    /// Won.
    Closed,
    /// Counted nowhere: lost.
    Omitted,
}

/// Amounts by category, in minor units of one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forecast {
    /// Of [`Category::Pipeline`].
    pub pipeline: i64,
    /// Of [`Category::BestCase`].
    pub best_case: i64,
    /// Of [`Category::MostLikely`].
    pub most_likely: i64,
    /// Of [`Category::Commit`].
    pub commit: i64,
    /// Of [`Category::Closed`].
    pub closed: i64,
    /// Of [`Category::Omitted`].
    pub omitted: i64,
}

impl Forecast {
    /// Adds an opportunity's amount.
    pub fn add(&mut self, category: Category, minor: i64) {
        let sum = match category {
            Category::Pipeline => &mut self.pipeline,
            Category::BestCase => &mut self.best_case,
            Category::MostLikely => &mut self.most_likely,
            Category::Commit => &mut self.commit,
            Category::Closed => &mut self.closed,
            Category::Omitted => &mut self.omitted,
        };
        *sum = sum.saturating_add(minor);
    }

    /// Everything open.
    pub const fn open_pipeline(&self) -> i64 {
        self.likely().saturating_add(self.best_case).saturating_add(self.pipeline)
    }

    /// What is closed if all goes well.
    pub const fn best_case_forecast(&self) -> i64 {
        self.most_likely_forecast().saturating_add(self.best_case)
    }

    /// What is closed if all goes as is likely.
    pub const fn most_likely_forecast(&self) -> i64 {
        self.likely().saturating_add(self.closed)
    }

    /// What is closed or promised.
    pub const fn commit_forecast(&self) -> i64 {
        self.commit.saturating_add(self.closed)
    }

    const fn likely(&self) -> i64 {
        self.commit.saturating_add(self.most_likely)
    }
}

/// How an opportunity stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Open.
    Open,
    /// Won.
    Won,
    /// Lost.
    Lost,
}

/// How opportunities ended. One that was lost, reopened and won counts once, as won.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WinRate {
    /// How many are won.
    pub won: u64,
    /// How many are lost.
    pub lost: u64,
    /// How many are open.
    pub open: u64,
    /// What the won ones brought, in minor units.
    pub won_minor: i64,
    /// What the lost ones would have brought.
    pub lost_minor: i64,
}

impl WinRate {
    /// Adds an opportunity.
    pub fn add(&mut self, outcome: Outcome, minor: i64) {
        let (count, sum) = match outcome {
            Outcome::Won => (&mut self.won, Some(&mut self.won_minor)),
            Outcome::Lost => (&mut self.lost, Some(&mut self.lost_minor)),
            Outcome::Open => (&mut self.open, None),
        };
        *count = count.saturating_add(1);
        if let Some(sum) = sum {
            *sum = sum.saturating_add(minor);
        }
    }

    /// Won, of those that are closed.
    pub const fn by_count(&self) -> (u64, u64) {
        (self.won, self.won.saturating_add(self.lost))
    }

    /// The amount won, of the amount that is closed.
    pub const fn by_value(&self) -> (i64, i64) {
        (self.won_minor, self.won_minor.saturating_add(self.lost_minor))
    }

    /// Won, of all, the open ones included.
    pub const fn of_created(&self) -> (u64, u64) {
        (self.won, self.won.saturating_add(self.lost).saturating_add(self.open))
    }
}

/// What a pipeline brings in a day: open opportunities times what a won one brings on average times the win rate,
/// over the days from opening to winning. Exact; `None` if nothing was won or no time passed.
pub fn velocity(
    open: u64,
    average_won: &BigRational,
    win_rate: &BigRational,
    cycle_days: &BigRational,
) -> Option<BigRational> {
    if average_won.is_zero() || win_rate.is_zero() || cycle_days.is_zero() {
        return None;
    }
    Some(BigRational::from_integer(open.into()) * average_won * win_rate / cycle_days)
}

/// An opportunity at one instant, as far as the pipeline of a period goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its amount, in minor units.
    pub minor: i64,
    /// How it stands.
    pub outcome: Outcome,
    /// Whether it is expected to close in the period.
    pub in_period: bool,
}

impl Snapshot {
    /// Whether it is part of the period's open pipeline.
    pub fn counts(self) -> bool {
        self.outcome == Outcome::Open && self.in_period
    }
}

/// Why the open pipeline of a period changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Movement {
    /// The opportunity did not exist before.
    Created,
    /// It was expected to close in another period.
    PulledIn,
    /// It was closed.
    Reopened,
    /// Its amount rose.
    Increased,
    /// Its amount fell.
    Decreased,
    /// It is expected to close in another period.
    PushedOut,
    /// It was won.
    Won,
    /// It was lost.
    Lost,
}

impl Movement {
    /// Every movement, in the order of a report.
    pub const ALL: [Self; 8] = [
        Self::Created,
        Self::PulledIn,
        Self::Reopened,
        Self::Increased,
        Self::Decreased,
        Self::PushedOut,
        Self::Won,
        Self::Lost,
    ];

    /// The movement's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::PulledIn => "pulled_in",
            Self::Reopened => "reopened",
            Self::Increased => "increased",
            Self::Decreased => "decreased",
            Self::PushedOut => "pushed_out",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }

    /// What an opportunity did to the open pipeline between two instants, and by how much; `None` if it did nothing.
    /// The pipeline at the start and all movements add up to the pipeline at the end, exactly.
    pub fn between(before: Option<Snapshot>, after: Snapshot) -> Option<(Self, i64)> {
        let leaves = |movement, from: Snapshot| Some((movement, from.minor.saturating_neg()));
        match (before.filter(|before| before.counts()), after.outcome) {
            (Some(from), Outcome::Won) => leaves(Self::Won, from),
            (Some(from), Outcome::Lost) => leaves(Self::Lost, from),
            (Some(from), Outcome::Open) if !after.in_period => leaves(Self::PushedOut, from),
            (Some(from), Outcome::Open) => {
                let change = after.minor.saturating_sub(from.minor);
                match change.signum() {
                    1 => Some((Self::Increased, change)),
                    -1 => Some((Self::Decreased, change)),
                    _ => None,
                }
            }
            (None, _) if !after.counts() => None,
            (None, _) => {
                let movement = match before.map(|before| before.outcome) {
                    None => Self::Created,
                    Some(Outcome::Open) => Self::PulledIn,
                    Some(Outcome::Won | Outcome::Lost) => Self::Reopened,
                };
                Some((movement, after.minor))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forecasts_add_up_from_the_surest_category() {
        let mut forecast = Forecast::default();
        let all = [
            Category::Pipeline,
            Category::BestCase,
            Category::MostLikely,
            Category::Commit,
            Category::Closed,
            Category::Omitted,
        ];
        for (category, minor) in all.into_iter().zip([1, 20, 300, 4_000, 50_000, 600_000]) {
            forecast.add(category, minor);
        }
        assert_eq!(forecast.open_pipeline(), 4_321);
        assert_eq!(forecast.best_case_forecast(), 54_320);
        assert_eq!(forecast.most_likely_forecast(), 54_300);
        assert_eq!(forecast.commit_forecast(), 54_000);
        assert_eq!(forecast.omitted, 600_000);
    }

    #[test]
    fn win_rates_are_counted_valued_and_taken_of_all() {
        let mut rate = WinRate::default();
        for (outcome, minor) in
            [(Outcome::Won, 300), (Outcome::Lost, 100), (Outcome::Open, 7), (Outcome::Won, 1)]
        {
            rate.add(outcome, minor);
        }
        assert_eq!(rate.by_count(), (2, 3));
        assert_eq!(rate.by_value(), (301, 401));
        assert_eq!(rate.of_created(), (2, 4));
    }

    #[test]
    fn a_pipeline_without_wins_or_time_has_no_velocity() {
        let number = |number: i64| BigRational::from_integer(number.into());
        let rate = BigRational::new(1.into(), 4.into());
        let nothing = number(0);
        let velocity = |won, rate: &_, days| velocity(100, &number(won), rate, &number(days));
        assert_eq!(velocity(6_000, &rate, 60), Some(number(2_500)));
        assert_eq!(velocity(0, &rate, 60), None);
        assert_eq!(velocity(6_000, &nothing, 60), None);
        assert_eq!(velocity(6_000, &rate, 0), None);
    }

    fn snapshot() -> impl Strategy<Value = Snapshot> {
        let outcome = prop::sample::select(vec![Outcome::Open, Outcome::Won, Outcome::Lost]);
        (0..10_000_i64, outcome, any::<bool>()).prop_map(|(minor, outcome, in_period)| Snapshot {
            minor,
            outcome,
            in_period,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

        #[test]
        fn start_and_movements_make_the_end(before in prop::option::of(snapshot()), after in snapshot()) {
            let worth = |snapshot: Snapshot| if snapshot.counts() { snapshot.minor } else { 0 };
            let moved = Movement::between(before, after).map_or(0, |(_, change)| change);
            prop_assert_eq!(before.map_or(0, worth) + moved, worth(after));
        }
    }
}
