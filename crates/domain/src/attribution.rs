//! Attribution: which touches a conversion is credited to, in exact integer arithmetic.
//!
//! A model turns a path of touches into integer weights; [`apportion`] splits an amount by them so that the parts
//! add up to the whole. No part is ever rounded on its own. What no touch can claim stays unattributed:
//! `sum of credit + unattributed = amount` for every conversion and model.

mod apportion;
pub mod channels;
mod decay;
mod model;

pub use apportion::{ONE_CONVERSION, apportion, share_ppm};
pub use decay::{FULL_WEIGHT, decayed};
pub use model::{EndShares, Error, MODELS, MiddleScope, MilestoneShares, Model};

use crate::id::TouchId;
use crate::time::Timestamp;
use std::collections::BTreeSet;

/// A touch, as far as credit depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch<'a> {
    /// Its identity: the same touch counts once, however often it is given.
    pub id: TouchId,
    /// When it happened.
    pub at: Timestamp,
    /// Its channel.
    pub channel: Option<&'a str>,
    /// Its campaign.
    pub campaign: Option<&'a str>,
}

/// What the touches led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversion<'a> {
    /// When; for an open opportunity, the instant as of which it is seen.
    pub at: Timestamp,
    /// When the lead was captured, if there was one.
    pub lead_created_at: Option<Timestamp>,
    /// When the opportunity was opened, if it has been.
    pub opportunity_created_at: Option<Timestamp>,
    /// When the sale was won, if it has been.
    pub won_at: Option<Timestamp>,
    /// The campaign named on the opportunity.
    pub primary_campaign: Option<&'a str>,
}

/// Who has a claim to a conversion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim<'a> {
    /// The touches of the path, by these weights, one each in its order. All zero: nobody.
    Touches(Vec<u64>),
    /// One campaign alone, whether a touch tells of it or not.
    Campaign(&'a str),
    /// Nobody: the amount is unattributed.
    Nobody,
}

/// The touches that may claim a conversion at `until`: not later than it, not earlier than `since` (both
/// inclusive), each once, in order of time and then id.
pub fn eligible<'a>(
    touches: &[Touch<'a>],
    since: Option<Timestamp>,
    until: Timestamp,
) -> Vec<Touch<'a>> {
    let mut path: Vec<Touch<'a>> = touches
        .iter()
        .filter(|touch| touch.at <= until && since.is_none_or(|since| touch.at >= since))
        .copied()
        .collect();
    path.sort_by_key(|touch| (touch.at, touch.id));
    let mut seen = BTreeSet::new();
    path.retain(|touch| seen.insert(touch.id));
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn touch(id: u128, seconds: i64) -> Touch<'static> {
        Touch {
            id: TouchId(Uuid::from_u128(id)),
            at: Timestamp::from_millis(seconds * 1000),
            channel: None,
            campaign: None,
        }
    }

    #[test]
    fn a_path_is_within_its_bounds_in_order_and_without_repeats() {
        let touches = [touch(3, 50), touch(2, 50), touch(1, 9), touch(4, 10), touch(3, 50)];
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let ids = |since, until| -> Vec<u128> {
            eligible(&touches, since, until).iter().map(|touch| touch.id.0.as_u128()).collect()
        };
        assert_eq!(ids(Some(at(10)), at(50)), [4, 2, 3]);
        assert_eq!(ids(None, at(50)), [1, 4, 2, 3]);
        assert_eq!(ids(None, at(49)), [1, 4]);
        assert_eq!(ids(Some(at(51)), at(60)), [0_u128; 0]);
    }
}
