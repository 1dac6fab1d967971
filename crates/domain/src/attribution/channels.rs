//! Attribution from data: what each channel adds, learned from all paths of a period, those that led to nothing
//! included. Exact rational numbers throughout.

mod markov;
mod shapley;

pub use markov::{RemovalEffects, removal_effects};
pub use shapley::{contributions, rate_contributions};

use super::apportion::{hand_out, signed};
use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive, Zero};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// Channels of a Shapley model: beyond, the coalitions are too many.
pub const MAX_SHAPLEY_CHANNELS: usize = 12;
/// Channels of a Markov model: beyond, exact fractions grow too long.
pub const MAX_MARKOV_CHANNELS: usize = 24;

/// Why a model cannot be computed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// There are too many channels.
    #[error("the paths have {count} channels; this model takes at most {most}")]
    TooManyChannels {
        /// How many there are.
        count: usize,
        /// How many the model takes.
        most: usize,
    },
}

/// Paths through the same channels in the same order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelPath {
    /// The channels, first to last.
    pub channels: Vec<String>,
    /// How many such paths led to a conversion.
    pub conversions: u64,
    /// How many did not.
    pub non_conversions: u64,
}

/// A number for each channel.
pub type PerChannel = BTreeMap<String, BigRational>;

/// Splits `amount` in proportion to what the channels have, by the largest remainder; ties to the channel whose name
/// comes first. What is negative counts as nothing. Where nothing is positive, all parts are 0.
pub fn apportion_channels(amount: i64, shares: &PerChannel) -> BTreeMap<String, i64> {
    let denominator =
        shares.values().fold(BigInt::from(1), |common, share| common.lcm(share.denom()));
    let weights: Vec<BigInt> = shares
        .values()
        .map(|share| {
            let weight = share.numer() * (&denominator / share.denom());
            if weight.is_negative() { BigInt::zero() } else { weight }
        })
        .collect();
    let sum: BigInt = weights.iter().sum();
    if sum.is_zero() {
        return shares.keys().map(|channel| (channel.clone(), 0)).collect();
    }
    let whole = amount.unsigned_abs();
    let (parts, rests): (Vec<u128>, Vec<BigInt>) = weights
        .iter()
        .map(|weight| {
            let (part, rest) = (weight * whole).div_rem(&sum);
            (part.to_u128().unwrap_or_default(), rest)
        })
        .unzip();
    let parts = hand_out(parts, &rests, u128::from(whole));
    let parts = parts.into_iter().map(|part| signed(part, amount < 0));
    shares.keys().cloned().zip(parts).collect()
}

/// All channels of `paths`, by name.
///
/// # Errors
/// There are more than `most`.
fn channels_of(paths: &[ChannelPath], most: usize) -> Result<Vec<&str>, Error> {
    let names: BTreeSet<&str> =
        paths.iter().flat_map(|path| path.channels.iter().map(String::as_str)).collect();
    let count = names.len();
    if count > most {
        Err(Error::TooManyChannels { count, most })
    } else {
        Ok(names.into_iter().collect())
    }
}

/// `numerator / denominator`; 0 where the denominator is 0.
fn ratio(numerator: u64, denominator: u64) -> BigRational {
    if denominator == 0 {
        return BigRational::zero();
    }
    BigRational::new(numerator.into(), denominator.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(of: &[(&str, u64, u64)]) -> Vec<ChannelPath> {
        of.iter()
            .map(|(channels, conversions, non_conversions)| ChannelPath {
                channels: channels.split_terminator('>').map(str::to_owned).collect(),
                conversions: *conversions,
                non_conversions: *non_conversions,
            })
            .collect()
    }

    fn texts(shares: &PerChannel) -> Vec<String> {
        shares.iter().map(|(channel, share)| format!("{channel} {share}")).collect()
    }

    #[test]
    fn contributions_are_equal_among_the_channels_of_a_path() {
        let shares = contributions(&paths(&[("a>b>a", 3, 0), ("b>a", 3, 9), ("c", 1, 0)]));
        assert_eq!(texts(&shares), ["a 3", "b 3", "c 1"]);
        assert_eq!(
            apportion_channels(-70, &shares).into_values().collect::<Vec<_>>(),
            [-30, -30, -10]
        );
    }

    #[test]
    fn rate_contributions_add_up_to_the_rate_of_all_channels_together() {
        let shares =
            rate_contributions(&paths(&[("a", 1, 3), ("b", 0, 4), ("a>b", 1, 1)])).unwrap();
        // a alone 1/4, b alone 0, together 1/2: a has (1/4 + 1/2) / 2, b (1/4 + 0) / 2.
        assert_eq!(texts(&shares), ["a 3/8", "b 1/8"]);
    }

    #[test]
    fn the_published_removal_effects_are_met() {
        // Four of five paths convert; without a, one in five does; without b, two.
        let chain =
            removal_effects(&paths(&[("a", 2, 0), ("a>b", 1, 0), ("b", 1, 0), ("b>a", 0, 1)]));
        let chain = chain.unwrap();
        assert_eq!(chain.conversion_probability.to_string(), "4/5");
        let repeated = removal_effects(&paths(&[("a>a>b", 2, 1), ("a", 1, 2)])).unwrap();
        let once = removal_effects(&paths(&[("a>b", 2, 1), ("a", 1, 2)])).unwrap();
        assert_eq!(texts(&repeated.effects), ["a 1", "b 2/3"]);
        assert_eq!(repeated.effects, once.effects);
    }

    #[test]
    fn nothing_is_learned_from_nothing() {
        for paths in [paths(&[]), paths(&[("a", 0, 0)]), paths(&[("a", 0, 4)])] {
            let chain = removal_effects(&paths).unwrap();
            assert!(chain.conversion_probability.is_zero());
            assert!(apportion_channels(100, &chain.effects).values().all(|part| *part == 0));
            assert!(
                apportion_channels(100, &contributions(&paths)).values().all(|part| *part == 0)
            );
            assert!(rate_contributions(&paths).unwrap().values().all(Zero::is_zero));
        }
    }

    #[test]
    fn too_many_channels_are_refused() {
        let names: Vec<String> = (0..25).map(|number| number.to_string()).collect();
        let all = [ChannelPath { channels: names, conversions: 1, non_conversions: 0 }];
        assert_eq!(
            rate_contributions(&all),
            Err(Error::TooManyChannels { count: 25, most: MAX_SHAPLEY_CHANNELS })
        );
        assert_eq!(
            removal_effects(&all).map(|chain| chain.effects),
            Err(Error::TooManyChannels { count: 25, most: MAX_MARKOV_CHANNELS })
        );
    }
}
