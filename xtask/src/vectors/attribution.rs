//! Cases of attribution.

use super::Mismatch;
use super::json::{compare, list, number, optional_time, small, text, time};
use leadline_domain::attribution::channels::{
    ChannelPath, PerChannel, apportion_channels, contributions, rate_contributions, removal_effects,
};
use leadline_domain::attribution::{
    Claim, Conversion, MiddleScope, MilestoneShares, Model, Touch, apportion, eligible, share_ppm,
};
use leadline_domain::id::TouchId;
use num_rational::Ratio;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

const DAY: i64 = 86_400_000;

/// Runs one case.
pub(super) fn judge(case: &Value) -> Result<(), Mismatch> {
    let input = &case["input"];
    if input["paths"].is_array() {
        return compare(&case["expected"], &learned(input)?);
    }
    let ids: Vec<&str> = list(&input["touches"])
        .iter()
        .map(|touch| text(&touch["id"], "touch id"))
        .collect::<Result<_, _>>()?;
    let ids = Ids::new(&ids);
    let path = path(input, &ids)?;
    let claim = claim(input, &path)?;
    if !input["amount_minor_v1"].is_null() {
        return compare(&case["expected"], &restated(input, &claim)?);
    }
    let amount = number(&input["conversion"]["amount_minor"], "amount")?;
    let found = credited(&path, &claim, amount, &ids);
    let mut expected = case["expected"].clone();
    // Weights before they are put in proportion are shown where a case asks for them.
    let rows = expected.get_mut("touch_credit").and_then(Value::as_array_mut);
    let rows = rows.map(Vec::as_mut_slice).unwrap_or_default();
    for (row, weight) in rows.iter_mut().zip(weights(&claim)) {
        let raw = row.as_object_mut().and_then(|row| row.remove("raw_weight_e12"));
        if raw.as_ref().is_some_and(|raw| *raw != json!(weight)) {
            return Err(format!("a weight is {weight} instead of {raw:?}"));
        }
    }
    let with_weight = rows.iter().any(|row| !row["weight"].is_null());
    compare(&expected, &shown(found, with_weight))?;
    lost(&case["measures"], &path, &claim, &ids)
}

/// Identities in the order of their names.
struct Ids<'a>(BTreeMap<&'a str, TouchId>);

impl<'a> Ids<'a> {
    fn new(names: &[&'a str]) -> Self {
        let sorted: std::collections::BTreeSet<&str> = names.iter().copied().collect();
        Self((1..).zip(sorted).map(|(rank, name)| (name, TouchId(Uuid::from_u128(rank)))).collect())
    }

    fn name(&self, id: TouchId) -> &'a str {
        self.0.iter().find(|(_, known)| **known == id).map(|(name, _)| *name).unwrap_or_default()
    }
}

/// The eligible touches.
fn path<'a>(input: &'a Value, ids: &Ids<'_>) -> Result<Vec<Touch<'a>>, Mismatch> {
    let touches: Vec<Touch<'a>> = list(&input["touches"])
        .iter()
        .map(|touch| {
            Ok(Touch {
                id: ids.0.get(text(&touch["id"], "touch id")?).copied().ok_or("no such touch")?,
                at: time(&touch["at"], "touch")?,
                channel: touch["channel"].as_str(),
                campaign: touch["campaign"].as_str(),
            })
        })
        .collect::<Result<_, Mismatch>>()?;
    let until = match optional_time(&input["conversion"]["at"], "conversion")? {
        Some(at) => at,
        None => touches.iter().map(|touch| touch.at).max().ok_or("there is no touch")?,
    };
    let since = match optional_time(&input["lookback_anchor"], "lookback_anchor")? {
        Some(anchor) => {
            let days = number(&input["lookback_days"], "lookback_days")?;
            Some(anchor.plus_millis(days.saturating_mul(DAY).saturating_neg()))
        }
        None => None,
    };
    Ok(eligible(&touches, since, until))
}

fn claim<'a>(input: &'a Value, path: &[Touch<'_>]) -> Result<Claim<'a>, Mismatch> {
    let given = &input["conversion"];
    let at = match (optional_time(&given["at"], "conversion")?, path.last()) {
        (Some(at), _) => at,
        (None, Some(last)) => last.at,
        (None, None) => return Err("the conversion has no time".to_owned()),
    };
    let conversion = Conversion {
        at,
        lead_created_at: optional_time(&given["lead_created_at"], "lead_created_at")?,
        opportunity_created_at: optional_time(
            &given["opportunity_created_at"],
            "opportunity_created_at",
        )?,
        won_at: Some(at),
        primary_campaign: input["primary_campaign"].as_str(),
    };
    let direct = |channel: &str| channel.to_ascii_lowercase().starts_with("direct");
    Ok(model(input)?.claim(path, &conversion, &direct))
}

fn model(input: &Value) -> Result<Model, Mismatch> {
    let (name, params) = (text(&input["model"], "model")?, &input["params"]);
    let scope = match params["middle_scope"].as_str() {
        Some("all_other") => MiddleScope::AllOther,
        _ => MiddleScope::Between,
    };
    if name == "custom" {
        let share = |value: &Value| {
            let percent: u32 = if value.is_null() { 0 } else { small(value, "share")? };
            Ok::<_, Mismatch>(percent.saturating_mul(10))
        };
        let milestones = &params["milestones"];
        return Model::custom(MilestoneShares {
            first: share(&milestones["first"])?,
            lead_creation: share(&milestones["lead_creation"])?,
            opportunity_creation: share(&milestones["opportunity_creation"])?,
            closed_won: share(&milestones["closed_won"])?,
            middle: share(&params["middle"])?,
            scope,
        })
        .map_err(|error| error.to_string());
    }
    let days: u32 = match &params["half_life_days"] {
        Value::Null => 7,
        days => small(days, "half_life_days")?,
    };
    let model = Model::parse(name, days.saturating_mul(86_400)).map_err(|error| error.to_string());
    Ok(match model? {
        Model::Milestones(shares) => Model::Milestones(MilestoneShares { scope, ..shares }),
        other => other,
    })
}

fn weights<'a>(claim: &'a Claim<'_>) -> &'a [u64] {
    match claim {
        Claim::Touches(weights) => weights,
        Claim::Campaign(_) | Claim::Nobody => &[],
    }
}

fn credited(path: &[Touch<'_>], claim: &Claim<'_>, amount: i64, ids: &Ids<'_>) -> Value {
    let weights = weights(claim);
    let (credit, shares) = (apportion(amount, weights), share_ppm(weights));
    let sum: u64 = weights.iter().sum();
    let rows = path.iter().zip(weights.iter().zip(shares.iter().zip(&credit)));
    let touches: Vec<Value> = rows
        .map(|(touch, (weight, (share, credit)))| {
            let weight = Ratio::new(*weight, sum);
            json!({
                "touch": ids.name(touch.id),
                "weight": format!("{}/{}", weight.numer(), weight.denom()),
                "share_ppm": share,
                "credit_minor": credit,
            })
        })
        .collect();
    let (campaigns, credited) = match claim {
        Claim::Campaign(campaign) => (json!({ *campaign: amount }), amount),
        Claim::Touches(_) | Claim::Nobody => (by_campaign(path, &credit), credit.iter().sum()),
    };
    json!({
        "touch_credit": touches,
        "campaign_credit": campaigns,
        "unattributed_minor": amount.saturating_sub(credited),
    })
}

fn by_campaign(path: &[Touch<'_>], credit: &[i64]) -> Value {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for (touch, credit) in path.iter().zip(credit) {
        let sum = sums.entry(touch.campaign.unwrap_or_default()).or_default();
        *sum = sum.saturating_add(*credit);
    }
    json!(sums)
}

/// Without the fractions where a case does not write them: those of decay are long.
fn shown(mut found: Value, with_weight: bool) -> Value {
    let rows = found.get_mut("touch_credit").and_then(Value::as_array_mut);
    let rows = rows.map(Vec::as_mut_slice).unwrap_or_default();
    for row in rows.iter_mut().filter(|_| !with_weight).filter_map(Value::as_object_mut) {
        row.remove("weight");
    }
    found
}

/// What a lost sale would have brought, by the same weights; nothing if the case does not ask.
fn lost(
    measures: &Value,
    path: &[Touch<'_>],
    claim: &Claim<'_>,
    ids: &Ids<'_>,
) -> Result<(), Mismatch> {
    let Some(expected) = measures["lost_pipeline_minor"].as_object() else { return Ok(()) };
    let amount = expected.values().filter_map(Value::as_i64).sum();
    let found = credited(path, claim, amount, ids);
    compare(&measures["lost_pipeline_minor"], &found["campaign_credit"])
}

/// An amount that changed after the close: what is posted for each version, and the difference.
fn restated(input: &Value, claim: &Claim<'_>) -> Result<Value, Mismatch> {
    let before = apportion(number(&input["amount_minor_v1"], "amount")?, weights(claim));
    let after = apportion(number(&input["amount_minor_v2"], "amount")?, weights(claim));
    let delta: Vec<i64> =
        after.iter().zip(&before).map(|(after, before)| after.saturating_sub(*before)).collect();
    let sum: i64 = delta.iter().sum();
    Ok(json!({ "v1": before, "v2": after, "delta": delta, "delta_sum": sum }))
}

/// The models that learn from all paths.
fn learned(input: &Value) -> Result<Value, Mismatch> {
    let paths: Vec<ChannelPath> = list(&input["paths"])
        .iter()
        .map(|path| {
            Ok(ChannelPath {
                channels: list(&path["path"])
                    .iter()
                    .map(|channel| text(channel, "channel").map(str::to_owned))
                    .collect::<Result<_, _>>()?,
                conversions: small(&path["conversions"], "conversions")?,
                non_conversions: small(&path["non_conversions"], "non_conversions")?,
            })
        })
        .collect::<Result<_, Mismatch>>()?;
    let conversions: u64 = paths.iter().map(|path| path.conversions).sum();
    let millionths = i64::try_from(conversions).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    match text(&input["model"], "model")? {
        "shapley_sum" => {
            let values = contributions(&paths);
            let whole = values.values().sum::<num_rational::BigRational>()
                == num_rational::BigRational::from_integer(conversions.into());
            Ok(json!({
                "shapley": fractions(&values),
                "efficiency_check": if whole { "True" } else { "False" },
                "identity": "equals linear over the distinct channels of each converting path",
                "conversions_ppm": apportion_channels(millionths, &values),
            }))
        }
        "shapley_rate" => {
            let values = rate_contributions(&paths).map_err(|error| error.to_string())?;
            Ok(json!({
                "shapley": fractions(&values),
                "efficiency_check": if together(&paths, &values) { "True" } else { "False" },
                "normalised_conversions_ppm": apportion_channels(millionths, &values),
            }))
        }
        "markov_order1" => {
            let chain = removal_effects(&paths).map_err(|error| error.to_string())?;
            let total = input["total_minor"].as_i64().unwrap_or_default();
            Ok(json!({
                "conversion_probability": fraction(&chain.conversion_probability),
                "removal_effect": fractions(&chain.effects),
                "conversions_ppm": apportion_channels(millionths, &chain.effects),
                "credit_minor": apportion_channels(total, &chain.effects),
            }))
        }
        other => Err(format!("`{other}` is no model that learns from paths")),
    }
}

/// Whether the values add up to the rate of the paths through all channels.
fn together(paths: &[ChannelPath], values: &PerChannel) -> bool {
    let all = |path: &&ChannelPath| values.keys().all(|channel| path.channels.contains(channel));
    let (mut conversions, mut count) = (0_u64, 0_u64);
    for path in paths.iter().filter(all) {
        conversions = conversions.saturating_add(path.conversions);
        count = count.saturating_add(path.conversions).saturating_add(path.non_conversions);
    }
    let rate = num_rational::BigRational::new(conversions.into(), count.max(1).into());
    values.values().sum::<num_rational::BigRational>() == rate
}

fn fraction(value: &num_rational::BigRational) -> String {
    format!("{}/{}", value.numer(), value.denom())
}

fn fractions(values: &PerChannel) -> Map<String, Value> {
    values.iter().map(|(channel, value)| (channel.clone(), json!(fraction(value)))).collect()
}
