//! Shapley values: a channel's average contribution over all orders in which the channels could have joined.

use super::{ChannelPath, Error, MAX_SHAPLEY_CHANNELS, PerChannel, channels_of, ratio};
use num_rational::BigRational;
use num_traits::Zero;
use std::collections::BTreeSet;

/// The Shapley values of the game in which a coalition is worth the conversions of all paths that it covers. They are
/// what an equal split among the distinct channels of each converting path gives, and are computed so. They add up
/// to the conversions of all paths that have a channel.
pub fn contributions(paths: &[ChannelPath]) -> PerChannel {
    let mut shares = PerChannel::new();
    for path in paths {
        let distinct: BTreeSet<&String> = path.channels.iter().collect();
        let share = ratio(path.conversions, u64::try_from(distinct.len()).unwrap_or(u64::MAX));
        for channel in distinct {
            *shares.entry(channel.clone()).or_insert_with(BigRational::zero) += &share;
        }
    }
    shares
}

/// The Shapley values of the game in which a coalition is worth the conversion rate of the paths with exactly its
/// channels (0 where there is no such path). They add up to the rate of all channels together; a channel that
/// lowers the rate has a negative value.
///
/// # Errors
/// There are more than [`MAX_SHAPLEY_CHANNELS`].
pub fn rate_contributions(paths: &[ChannelPath]) -> Result<PerChannel, Error> {
    let names = channels_of(paths, MAX_SHAPLEY_CHANNELS)?;
    let mut counts = vec![(0_u64, 0_u64); 1 << names.len()];
    for path in paths {
        let members = names.iter().enumerate().fold(0_usize, |members, (index, name)| {
            members | usize::from(path.channels.iter().any(|channel| channel == name)) << index
        });
        if let Some((conversions, all)) = counts.get_mut(members) {
            *conversions = conversions.saturating_add(path.conversions);
            *all = all.saturating_add(path.conversions).saturating_add(path.non_conversions);
        }
    }
    let mut worth: Vec<BigRational> =
        counts.iter().map(|(conversions, all)| ratio(*conversions, *all)).collect();
    // Nobody together achieve nothing, even if paths without a channel converted.
    if let Some(nobody) = worth.first_mut() {
        *nobody = BigRational::zero();
    }
    let values = names
        .iter()
        .enumerate()
        .map(|(index, name)| ((*name).to_owned(), value_of(1 << index, names.len(), &worth)));
    Ok(values.collect())
}

/// The Shapley value of the channel whose bit is `member`, among `count` channels.
fn value_of(member: usize, count: usize, worth: &[BigRational]) -> BigRational {
    let factorial = |number: usize| (1..).take(number).product::<u64>();
    let mut sum = BigRational::zero();
    for (coalition, alone) in worth.iter().enumerate().filter(|(set, _)| set & member == 0) {
        let Some(joined) = worth.get(coalition | member) else { continue };
        let before = usize::try_from(coalition.count_ones()).unwrap_or(usize::MAX);
        let after = count.saturating_sub(before).saturating_sub(1);
        let orders = factorial(before).saturating_mul(factorial(after));
        sum += (joined - alone) * ratio(orders, factorial(count));
    }
    sum
}
