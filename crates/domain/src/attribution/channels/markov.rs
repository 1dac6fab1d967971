//! First-order Markov chains: how much less would convert if a channel led nowhere.

use super::{ChannelPath, Error, MAX_MARKOV_CHANNELS, PerChannel, channels_of, ratio};
use num_rational::BigRational;
use num_traits::{One, Zero};

/// What a chain of channels says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovalEffects {
    /// The chance that a path converts.
    pub conversion_probability: BigRational,
    /// The part of it that is lost if everything that would go to a channel led nowhere. 0 where nothing converts.
    pub effects: PerChannel,
}

/// Removal effects of the chain whose steps from channel to channel are as frequent as in `paths`.
///
/// # Errors
/// There are more than [`MAX_MARKOV_CHANNELS`] channels.
pub fn removal_effects(paths: &[ChannelPath]) -> Result<RemovalEffects, Error> {
    let names = channels_of(paths, MAX_MARKOV_CHANNELS)?;
    let chain = Chain::count(paths, &names);
    let conversion_probability = chain.conversion_probability(None);
    let effect = |index| {
        if conversion_probability.is_zero() {
            return BigRational::zero();
        }
        BigRational::one() - chain.conversion_probability(Some(index)) / &conversion_probability
    };
    let effects =
        names.iter().enumerate().map(|(index, name)| ((*name).to_owned(), effect(index))).collect();
    Ok(RemovalEffects { conversion_probability, effects })
}

/// How often each step was taken.
struct Chain {
    /// From the start to each channel.
    starts: Vec<u64>,
    /// From each channel to each channel.
    steps: Vec<Vec<u64>>,
    /// From each channel to a conversion.
    conversions: Vec<u64>,
    /// From each channel to anywhere.
    departures: Vec<u64>,
}

impl Chain {
    fn count(paths: &[ChannelPath], names: &[&str]) -> Self {
        let count = names.len();
        let mut chain = Self {
            starts: vec![0; count],
            steps: vec![vec![0; count]; count],
            conversions: vec![0; count],
            departures: vec![0; count],
        };
        for path in paths {
            let times = path.conversions.saturating_add(path.non_conversions);
            let visits: Vec<usize> = path
                .channels
                .iter()
                .filter_map(|channel| names.binary_search(&channel.as_str()).ok())
                .collect();
            add(chain.starts.get_mut(visits.first().copied().unwrap_or(count)), times);
            for visit in &visits {
                add(chain.departures.get_mut(*visit), times);
            }
            for (from, to) in visits.iter().zip(visits.iter().skip(1)) {
                add(chain.steps.get_mut(*from).and_then(|row| row.get_mut(*to)), times);
            }
            let last = visits.last().copied().unwrap_or(count);
            add(chain.conversions.get_mut(last), path.conversions);
        }
        chain
    }

    /// The chance to convert from the start, where `removed` leads nowhere.
    fn conversion_probability(&self, removed: Option<usize>) -> BigRational {
        // For each channel: (departures) x - (sum of steps to x') = (conversions), and x = 0 for the removed.
        let mut equations: Vec<Vec<BigRational>> = Vec::with_capacity(self.departures.len());
        for (from, row) in self.steps.iter().enumerate() {
            let departures = self.departures.get(from).copied().unwrap_or_default();
            let stays = Some(from) == removed || departures == 0;
            let mut equation: Vec<BigRational> = row
                .iter()
                .map(|times| if stays { BigRational::zero() } else { -ratio(*times, departures) })
                .collect();
            if let Some(own) = equation.get_mut(from) {
                *own += BigRational::one();
            }
            let conversions = self.conversions.get(from).copied().unwrap_or_default();
            equation.push(if stays { BigRational::zero() } else { ratio(conversions, departures) });
            equations.push(equation);
        }
        let chances = solve(equations);
        let all: u64 = self.starts.iter().sum();
        let from_starts = self.starts.iter().zip(&chances);
        from_starts.map(|(times, chance)| ratio(*times, all) * chance).sum()
    }
}

fn add(count: Option<&mut u64>, times: u64) {
    if let Some(count) = count {
        *count = count.saturating_add(times);
    }
}

/// Solves linear equations, each a row of coefficients and its right-hand side, by elimination. From every channel a
/// path ends some time, so the equations have one solution.
fn solve(mut rows: Vec<Vec<BigRational>>) -> Vec<BigRational> {
    for column in 0..rows.len() {
        let pivot = (column..rows.len()).find(|row| {
            rows.get(*row).and_then(|row| row.get(column)).is_some_and(|c| !c.is_zero())
        });
        let Some(pivot) = pivot else { continue };
        rows.swap(column, pivot);
        let Some(mut lead) = rows.get(column).cloned() else { continue };
        let Some(scale) = lead.get(column).cloned() else { continue };
        for coefficient in &mut lead {
            *coefficient /= &scale;
        }
        for (_, row) in rows.iter_mut().enumerate().filter(|(index, _)| *index != column) {
            let Some(factor) = row.get(column).cloned().filter(|factor| !factor.is_zero()) else {
                continue;
            };
            for (coefficient, lead) in row.iter_mut().zip(&lead) {
                *coefficient -= &factor * lead;
            }
        }
        if let Some(row) = rows.get_mut(column) {
            *row = lead;
        }
    }
    rows.into_iter().map(|mut row| row.pop().unwrap_or_else(BigRational::zero)).collect()
}
