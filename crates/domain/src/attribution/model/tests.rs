//! Every model on one path, and what it does where something is missing.

use super::*;
use crate::attribution::decay::FULL_WEIGHT;
use crate::id::TouchId;
use uuid::Uuid;

const DAY: i64 = 86_400_000;

/// One touch a day, on days 0, 1, 2, …, through these channels.
fn path(channels: &[&'static str]) -> Vec<Touch<'static>> {
    let touch = |(day, channel): (i64, &&'static str)| Touch {
        id: TouchId(Uuid::from_u128(u128::try_from(day).unwrap())),
        at: Timestamp::from_millis(day * DAY),
        channel: Some(channel),
        campaign: None,
    };
    (0..).zip(channels).map(touch).collect()
}

/// Lead made on day 2, opportunity on day 3, won on day 4.
const CONVERSION: Conversion<'static> = Conversion {
    at: Timestamp::from_millis(4 * DAY),
    lead_created_at: Some(Timestamp::from_millis(2 * DAY)),
    opportunity_created_at: Some(Timestamp::from_millis(3 * DAY + 1)),
    won_at: Some(Timestamp::from_millis(4 * DAY)),
    primary_campaign: Some("spring"),
};

const FIVE: [&str; 5] = ["ads", "mail", "fair", "Direct", "direct_brand"];

fn claim(
    name: &str,
    channels: &[&'static str],
    conversion: &Conversion<'static>,
) -> Claim<'static> {
    let is_direct = |channel: &str| channel.to_lowercase().starts_with("direct");
    Model::parse(name, 86_400).unwrap().claim(&path(channels), conversion, &is_direct)
}

#[test]
fn every_model_weighs_a_path_of_five() {
    for (name, weights) in [
        ("first_touch", vec![1, 0, 0, 0, 0]),
        ("last_touch", vec![0, 0, 0, 0, 1]),
        ("last_non_direct", vec![0, 0, 1, 0, 0]),
        ("lead_creation_touch", vec![0, 0, 1, 0, 0]),
        ("opportunity_creation_touch", vec![0, 0, 0, 1, 0]),
        ("linear", vec![1, 1, 1, 1, 1]),
        ("time_decay", (0..5).map(|day| FULL_WEIGHT >> (4 - day)).collect()),
        ("position_based", vec![1200, 200, 200, 200, 1200]),
        ("j_curve", vec![600, 200, 200, 200, 1800]),
        ("inverse_j", vec![1800, 200, 200, 200, 600]),
        ("u_shaped", vec![400, 200, 400, 0, 0]),
        ("w_shaped", vec![300, 100, 300, 300, 0]),
        ("full_path", vec![225, 100, 225, 225, 225]),
    ] {
        assert_eq!(claim(name, &FIVE, &CONVERSION), Claim::Touches(weights), "{name}");
    }
    assert_eq!(claim("primary_campaign", &FIVE, &CONVERSION), Claim::Campaign("spring"));
}

#[test]
fn every_model_leaves_an_empty_path_unattributed() {
    let conversion = Conversion { primary_campaign: None, ..CONVERSION };
    for name in MODELS {
        assert_eq!(claim(name, &[], &conversion), Claim::Nobody, "{name}");
    }
}

#[test]
fn short_paths_are_shared_by_their_ends() {
    for (name, one, two) in [
        ("position_based", vec![1], vec![400, 400]),
        ("j_curve", vec![1], vec![200, 600]),
        ("inverse_j", vec![1], vec![600, 200]),
    ] {
        assert_eq!(claim(name, &["a"], &CONVERSION), Claim::Touches(one), "{name}");
        assert_eq!(claim(name, &["a", "b"], &CONVERSION), Claim::Touches(two), "{name}");
    }
    let direct = ["direct", "Direct mail"];
    assert_eq!(claim("last_non_direct", &direct, &CONVERSION), Claim::Touches(vec![0, 1]));
}

#[test]
fn milestones_without_a_touch_are_dropped_and_several_on_one_add_up() {
    let day = |day: i64| Some(Timestamp::from_millis(day * DAY));
    let never = Conversion { lead_created_at: None, won_at: None, ..CONVERSION };
    assert_eq!(claim("w_shaped", &FIVE, &never), Claim::Touches(vec![600, 100, 100, 600, 0]));
    assert_eq!(claim("lead_creation_touch", &FIVE, &never), Claim::Nobody);
    let before = Conversion { lead_created_at: day(-1), ..CONVERSION };
    assert_eq!(claim("u_shaped", &FIVE, &before), Claim::Touches(vec![400, 0, 0, 0, 0]));
    let at_once = Conversion { opportunity_created_at: day(2), ..CONVERSION };
    assert_eq!(claim("w_shaped", &FIVE, &at_once), Claim::Touches(vec![300, 100, 600, 0, 0]));
}

#[test]
fn custom_shares_make_a_whole_and_may_reach_every_other_touch() {
    let shares = MilestoneShares {
        first: 400,
        lead_creation: 400,
        opportunity_creation: 0,
        closed_won: 0,
        middle: 200,
        scope: MiddleScope::AllOther,
    };
    let claimed = Model::custom(shares).unwrap().claim(&path(&FIVE), &CONVERSION, &|_| false);
    assert_eq!(claimed, Claim::Touches(vec![1200, 200, 1200, 200, 200]));
    let short = MilestoneShares { middle: 199, ..shares };
    assert_eq!(Model::custom(short), Err(Error::NotWhole { sum: 999 }));
}

#[test]
fn touches_that_have_all_decayed_keep_their_proportions() {
    let late = Conversion { at: Timestamp::from_millis(600 * DAY), ..CONVERSION };
    let weights = vec![FULL_WEIGHT / 4, FULL_WEIGHT / 2, FULL_WEIGHT];
    assert_eq!(claim("time_decay", &["a", "b", "c"], &late), Claim::Touches(weights));
}

#[test]
fn unknown_models_and_no_half_life_are_refused() {
    assert_eq!(Model::parse("magic", 1), Err(Error::Unknown { name: "magic".to_owned() }));
    assert_eq!(Model::parse("custom", 1), Err(Error::Unknown { name: "custom".to_owned() }));
    assert_eq!(Model::parse("time_decay", 0), Err(Error::NoHalfLife));
    for (short, long) in [("first", 0), ("last", 1), ("decay", 7), ("position", 8)] {
        assert_eq!(Model::parse(short, 60), Model::parse(MODELS[long], 60));
    }
}
