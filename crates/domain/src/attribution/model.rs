//! The rule models, as data: each turns a path into weights.

use super::decay::decayed;
use super::{Claim, Conversion, Touch};
use crate::time::Timestamp;
use thiserror::Error;

/// The names of the models, as [`Model::parse`] reads them.
pub const MODELS: [&str; 14] = [
    "first_touch",
    "last_touch",
    "last_non_direct",
    "lead_creation_touch",
    "opportunity_creation_touch",
    "primary_campaign",
    "linear",
    "time_decay",
    "position_based",
    "j_curve",
    "inverse_j",
    "u_shaped",
    "w_shaped",
    "full_path",
];

/// Why a model is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// There is no model of this name.
    #[error("`{name}` is no attribution model; there are {}", MODELS.join(", "))]
    Unknown {
        /// What was given.
        name: String,
    },
    /// The half-life is 0.
    #[error("the half-life of time decay must be at least one second")]
    NoHalfLife,
    /// Shares do not make a whole.
    #[error("the shares add up to {sum} thousandths; they must add up to 1000")]
    NotWhole {
        /// Their sum.
        sum: u32,
    },
}

/// How the credit for a conversion is spread over its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// The first touch has it all.
    FirstTouch,
    /// The last touch has it all.
    LastTouch,
    /// The last touch that is not direct has it all; where all are direct, the last.
    LastNonDirect,
    /// The last touch at or before the lead's creation has it all.
    LeadCreationTouch,
    /// The last touch at or before the opportunity's creation has it all.
    OpportunityCreationTouch,
    /// The campaign named on the opportunity has it all.
    PrimaryCampaign,
    /// All touches have the same.
    Linear,
    /// A touch loses half its weight with every half-life between it and the conversion.
    TimeDecay {
        /// The half-life, in seconds; at least 1.
        half_life_seconds: u32,
    },
    /// Fixed shares for the path's ends, the rest equally for what lies between.
    Ends(EndShares),
    /// Fixed shares for milestones, the rest equally for what lies between.
    Milestones(MilestoneShares),
}

/// Shares in thousandths that add up to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndShares {
    /// Of the first touch.
    pub first: u32,
    /// Of all touches between.
    pub middle: u32,
    /// Of the last touch.
    pub last: u32,
}

/// Shares in thousandths that add up to 1000. A share of 0 is no milestone of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MilestoneShares {
    /// Of the first touch.
    pub first: u32,
    /// Of the touch that made the lead.
    pub lead_creation: u32,
    /// Of the touch that made the opportunity.
    pub opportunity_creation: u32,
    /// Of the touch that closed the sale.
    pub closed_won: u32,
    /// Of all touches between, as far as `scope` goes.
    pub middle: u32,
    /// Which touches lie between.
    pub scope: MiddleScope,
}

/// Which touches without a milestone have the middle share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MiddleScope {
    /// Those before the last touch that holds a milestone.
    Between,
    /// All.
    AllOther,
}

impl Model {
    /// The model of this name, with the shares that marketing people know it by. `half_life_seconds` is for
    /// `time_decay`. `first`, `last`, `position` and `decay` are short for the names that begin or end so.
    ///
    /// # Errors
    /// There is no such model, or the half-life is 0. `custom` has no shares of its own: see [`Self::custom`].
    pub fn parse(name: &str, half_life_seconds: u32) -> Result<Self, Error> {
        let ends = |first, middle, last| Self::Ends(EndShares { first, middle, last });
        let milestones = |first, lead_creation, opportunity_creation, closed_won, middle| {
            let scope = MiddleScope::Between;
            Self::Milestones(MilestoneShares {
                first,
                lead_creation,
                opportunity_creation,
                closed_won,
                middle,
                scope,
            })
        };
        Ok(match name {
            "first_touch" | "first" => Self::FirstTouch,
            "last_touch" | "last" => Self::LastTouch,
            "last_non_direct" => Self::LastNonDirect,
            "lead_creation_touch" => Self::LeadCreationTouch,
            "opportunity_creation_touch" => Self::OpportunityCreationTouch,
            "primary_campaign" => Self::PrimaryCampaign,
            "linear" => Self::Linear,
            "time_decay" | "decay" if half_life_seconds == 0 => return Err(Error::NoHalfLife),
            "time_decay" | "decay" => Self::TimeDecay { half_life_seconds },
            "position_based" | "position" => ends(400, 200, 400),
            "j_curve" => ends(200, 200, 600),
            "inverse_j" => ends(600, 200, 200),
            "u_shaped" => milestones(400, 400, 0, 0, 200),
            "w_shaped" => milestones(300, 300, 300, 0, 100),
            "full_path" => milestones(225, 225, 225, 225, 100),
            _ => return Err(Error::Unknown { name: name.chars().take(64).collect() }),
        })
    }

    /// A milestone model of one's own.
    ///
    /// # Errors
    /// The shares do not add up to 1000.
    pub fn custom(shares: MilestoneShares) -> Result<Self, Error> {
        let MilestoneShares {
            first, lead_creation, opportunity_creation, closed_won, middle, ..
        } = shares;
        let sum = [first, lead_creation, opportunity_creation, closed_won, middle]
            .into_iter()
            .fold(0_u32, u32::saturating_add);
        if sum == 1000 { Ok(Self::Milestones(shares)) } else { Err(Error::NotWhole { sum }) }
    }

    /// Who has a claim to `conversion`. `path` is what [`super::eligible`] gives; `is_direct` says whether a
    /// channel is direct.
    pub fn claim<'a>(
        &self,
        path: &[Touch<'_>],
        conversion: &Conversion<'a>,
        is_direct: &dyn Fn(&str) -> bool,
    ) -> Claim<'a> {
        let last = path.len().checked_sub(1);
        let not_direct = |touch: &Touch<'_>| !touch.channel.is_some_and(is_direct);
        let weights = match *self {
            Self::PrimaryCampaign => {
                return conversion.primary_campaign.map_or(Claim::Nobody, Claim::Campaign);
            }
            Self::FirstTouch => only(path, last.map(|_| 0)),
            Self::LastTouch => only(path, last),
            Self::LastNonDirect => only(path, path.iter().rposition(not_direct).or(last)),
            Self::LeadCreationTouch => only(path, holder(path, conversion.lead_created_at)),
            Self::OpportunityCreationTouch => {
                only(path, holder(path, conversion.opportunity_created_at))
            }
            Self::Linear => vec![1; path.len()],
            Self::TimeDecay { half_life_seconds } => {
                time_decay(path, conversion.at, u64::from(half_life_seconds).saturating_mul(1000))
            }
            Self::Ends(shares) => shares.weights(path.len()),
            Self::Milestones(shares) => shares.weights(path, conversion),
        };
        if weights.iter().any(|weight| *weight > 0) {
            Claim::Touches(weights)
        } else {
            Claim::Nobody
        }
    }
}

/// All for the touch at `index`.
fn only(path: &[Touch<'_>], index: Option<usize>) -> Vec<u64> {
    (0..path.len()).map(|position| u64::from(Some(position) == index)).collect()
}

/// Each touch's weight by its age at `at`. Where all are so old that nothing is left of them, ages are counted from
/// the last touch: the shares are the same, and somebody has them.
fn time_decay(path: &[Touch<'_>], at: Timestamp, half_life: u64) -> Vec<u64> {
    let weights = |at: Timestamp| -> Vec<u64> {
        let age = |touch: &Touch<'_>| at.millis_since(touch.at).max(0).unsigned_abs();
        path.iter().map(|touch| decayed(age(touch), half_life)).collect()
    };
    let weighed = weights(at);
    match path.last() {
        Some(last) if weighed.iter().all(|weight| *weight == 0) => weights(last.at),
        _ => weighed,
    }
}

/// The last touch at or before a milestone's instant.
fn holder(path: &[Touch<'_>], milestone: Option<Timestamp>) -> Option<usize> {
    let milestone = milestone?;
    path.iter().rposition(|touch| touch.at <= milestone)
}

/// Weights of fixed shares, where the middle share is for `others` equally (dropped where there are none).
fn spread(fixed: &[u32], middle: u32, others: &[bool]) -> Vec<u64> {
    let count = others.iter().filter(|other| **other).count();
    // Everything times the number of those who share the middle, so that each has a whole number.
    let factor = u64::try_from(count).unwrap_or(u64::MAX).max(1);
    let weight = |(fixed, other): (&u32, &bool)| {
        u64::from(*fixed).saturating_mul(factor) + if *other { u64::from(middle) } else { 0 }
    };
    fixed.iter().zip(others).map(weight).collect()
}

impl EndShares {
    /// One touch has all; of two, each its own share; both shares at the right ends of longer paths.
    fn weights(&self, length: usize) -> Vec<u64> {
        if length == 1 {
            return vec![1];
        }
        let share = |position: usize| match position {
            0 => self.first,
            _ if position + 1 == length => self.last,
            _ => 0,
        };
        let fixed: Vec<u32> = (0..length).map(share).collect();
        let others: Vec<bool> = (0..length).map(|at| at > 0 && at + 1 < length).collect();
        spread(&fixed, self.middle, &others)
    }
}

impl MilestoneShares {
    fn weights(&self, path: &[Touch<'_>], conversion: &Conversion<'_>) -> Vec<u64> {
        let first = (!path.is_empty()).then_some(0);
        let held = [
            (self.first, first),
            (self.lead_creation, holder(path, conversion.lead_created_at)),
            (self.opportunity_creation, holder(path, conversion.opportunity_created_at)),
            (self.closed_won, holder(path, conversion.won_at)),
        ];
        let mut fixed = vec![0_u32; path.len()];
        let mut last = 0;
        for (share, index) in held {
            if let Some(index) = index.filter(|_| share > 0)
                && let Some(weight) = fixed.get_mut(index)
            {
                *weight = weight.saturating_add(share);
                last = last.max(index);
            }
        }
        let others: Vec<bool> = fixed
            .iter()
            .enumerate()
            .map(|(at, share)| *share == 0 && (self.scope == MiddleScope::AllOther || at < last))
            .collect();
        spread(&fixed, self.middle, &others)
    }
}

#[cfg(test)]
mod tests;
