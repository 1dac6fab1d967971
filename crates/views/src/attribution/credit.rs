//! Credit: who gets how much of each conversion, by the model that is asked for.

use super::{Count, Kind, Path, Step};
use crate::conversion::or_blank;
use crate::query::{Context, Error};
use crate::table::{Column, Document, Table, column, decimal, number};
use leadline_domain::Timestamp;
use leadline_domain::attribution::{
    Claim, Conversion, MODELS, Model, ONE_CONVERSION, Touch, apportion, eligible,
};
use leadline_domain::id::TouchId;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// What the view can be asked.
pub const PARAMETERS: &[(&str, &str)] = &[
    ("model", "The model; linear. Short: first, last, position, decay."),
    ("window_days", "Only touches so many days before the conversion, inclusive, or `none`; 180."),
    ("scope", "`since_last` (only touches after the lead's conversion before) or `all`."),
    ("half_life_days", "Half-life of time_decay; 7."),
    ("half_life_seconds", "The same in seconds; goes before the days."),
    (
        "direct",
        "What the names of direct channels start with, in any case, separated by commas; direct.",
    ),
    ("currency", "Only conversions in this currency."),
];

/// The tables of the document.
pub const TABLES: &[Table] = &[
    Table { name: "rows", doc: "Credit per channel.", columns: COLUMNS },
    Table { name: "campaigns", doc: "Credit per campaign.", columns: COLUMNS },
    Table { name: "sources", doc: "Credit per source of the touch.", columns: COLUMNS },
    Table { name: "path_lengths", doc: "Conversions per length of path.", columns: LENGTHS },
];

const COLUMNS: &[Column] = &[
    column("group", "Channel, campaign or source; `(blank)` where a touch has none."),
    column("credit_conversions", "Credit in conversions, 12 decimals."),
    column("credit_conversions_exact", "The same as a fraction; null where it grows too long."),
    column("credit_revenue_minor", "Credit in minor units, by largest remainder per conversion."),
    column("credit_revenue_minor_exact", "Credit in minor units before rounding, six decimals."),
    column("lost_minor", "The same shares of what was lost, minor units."),
    column("path_touches", "Touches on paths of conversions."),
    column("touches", "All touches."),
];

const LENGTHS: &[Column] = &[
    column(
        "length",
        "Touches on the path; 0 is unattributed. Of more than 500 a path keeps the first and the last 250.",
    ),
    column("conversions", "How many conversions have such a path."),
];

const DAY: i64 = 86_400_000;
const EXACT: i64 = 1_000_000;

/// What is asked for.
struct Ask {
    model: Model,
    window: Option<i64>,
    since_last: bool,
    direct: Vec<String>,
}

fn ask(context: &Context<'_>) -> Result<Ask, Error> {
    let wrong = |name, expected: String| Error::Parameter { name, expected };
    let half_life = context.number("half_life_days", 7)?;
    let seconds = u32::try_from(half_life).ok().and_then(|days| days.checked_mul(86_400));
    let seconds = match context.text("half_life_seconds") {
        Some(_) => u32::try_from(context.number("half_life_seconds", 0)?).ok(),
        None => seconds,
    };
    let seconds = seconds
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| wrong("half_life_days", "must be 1 to 49,710".to_owned()))?;
    let name = context.text("model").unwrap_or("linear");
    let model = Model::parse(name, seconds)
        .map_err(|_| wrong("model", format!("must be one of {}", MODELS.join(", "))))?;
    let window = match context.text("window_days") {
        Some("none") => None,
        _ => Some(context.number("window_days", 180)?),
    };
    let window = window.and_then(|days| i64::try_from(days).ok()?.checked_mul(DAY));
    let since_last = match context.text("scope") {
        None | Some("since_last") => true,
        Some("all") => false,
        Some(_) => return Err(wrong("scope", "must be since_last or all".to_owned())),
    };
    let direct = context.text("direct").unwrap_or("direct");
    let direct =
        direct.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect();
    Ok(Ask { model, window, since_last, direct })
}

/// A sum of fractions, as long as it fits.
#[derive(Clone, Copy)]
struct Fraction(i128, i128);

impl Fraction {
    fn plus(self, numerator: u64, denominator: u128) -> Option<Self> {
        let denominator = i128::try_from(denominator).ok()?;
        let left = self.0.checked_mul(denominator)?;
        let top = left.checked_add(i128::from(numerator).checked_mul(self.1)?)?;
        let bottom = self.1.checked_mul(denominator)?;
        let (mut a, mut b) = (top, bottom);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        Some(Self(top / a.max(1), bottom / a.max(1)))
    }

    /// In units of 10^-12, rounded to the nearest; `None` where that does not fit.
    fn units(self) -> Option<i128> {
        let twice = self.0.checked_mul(2 * 1_000_000_000_000)?.checked_add(self.1)?;
        twice.checked_div(self.1.checked_mul(2)?)
    }
}

struct Credit {
    conversions: i128,
    exact: Option<Fraction>,
    minor: i64,
    minor_exact: Option<i128>,
    lost_minor: i64,
    path_touches: i64,
    touches: i64,
}

impl Default for Credit {
    fn default() -> Self {
        Self {
            conversions: 0,
            exact: Some(Fraction(0, 1)),
            minor: 0,
            minor_exact: Some(0),
            lost_minor: 0,
            path_touches: 0,
            touches: 0,
        }
    }
}

/// What one touch, or one campaign, gets of one conversion.
#[derive(Clone, Copy)]
struct Share {
    weight: u64,
    sum: u128,
    conversions: i64,
    minor: i64,
    minor_exact: Option<i64>,
}

impl Credit {
    fn add(&mut self, kind: Kind, share: &Share) {
        if kind == Kind::Lost {
            self.lost_minor = self.lost_minor.saturating_add(share.minor);
            return;
        }
        self.conversions += i128::from(share.conversions);
        self.exact = self.exact.and_then(|sum| sum.plus(share.weight, share.sum));
        self.minor = self.minor.saturating_add(share.minor);
        self.minor_exact =
            self.minor_exact.zip(share.minor_exact).map(|(sum, part)| sum + i128::from(part));
    }

    fn into_row(self, group: &str, one_currency: bool) -> Value {
        let money = |value: Value| if one_currency { value } else { Value::Null };
        // Of the exact sum where it fits: sums of rounded parts would show 20.499999999999 for 41/2.
        let conversions = self.exact.and_then(Fraction::units).unwrap_or(self.conversions);
        let exact = self.exact.map(|sum| format!("{}/{}", sum.0, sum.1));
        let minor_exact = self.minor_exact.map_or(Value::Null, |sum| number(&decimal(sum, 6)));
        json!({
            "group": group,
            "credit_conversions": number(&decimal(conversions, 12)),
            "credit_conversions_exact": exact,
            "credit_revenue_minor": money(self.minor.into()),
            "credit_revenue_minor_exact": money(minor_exact),
            "lost_minor": money(self.lost_minor.into()),
            "path_touches": self.path_touches,
            "touches": self.touches,
        })
    }
}

/// Credit by channel, by campaign and by source.
#[derive(Default)]
struct Ledger {
    tables: [BTreeMap<String, Credit>; 3],
    unattributed: Credit,
    lengths: BTreeMap<usize, i64>,
}

impl Ledger {
    fn each(&mut self, names: [Option<&str>; 3], mut change: impl FnMut(&mut Credit)) {
        for (table, name) in self.tables.iter_mut().zip(names) {
            change(table.entry(or_blank(name)).or_default());
        }
    }

    fn add(&mut self, path: &Path, ask: &Ask) {
        let instant = Timestamp::from_millis;
        let goal = &path.goal;
        let after = path.previous_at.filter(|_| ask.since_last).map(|at| at + 1);
        let since = after.max(ask.window.map(|window| goal.at - window));
        let touches: Vec<Touch<'_>> = path.steps.iter().map(touch).collect();
        let eligible = eligible(&touches, since.map(instant), instant(goal.at));
        let won_at = (goal.kind != Kind::Lost).then_some(instant(goal.at));
        let conversion = Conversion {
            at: instant(goal.at),
            lead_created_at: path.lead_created_at.map(instant),
            opportunity_created_at: goal.opportunity_created_at.map(instant),
            won_at,
            primary_campaign: goal.campaign.as_deref(),
        };
        let is_direct = |channel: &str| {
            let starts = |prefix: &String| {
                channel.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
            };
            ask.direct.iter().any(starts)
        };
        if goal.kind != Kind::Lost {
            *self.lengths.entry(eligible.len()).or_default() += 1;
        }
        match ask.model.claim(&eligible, &conversion, &is_direct) {
            Claim::Touches(weights) if weights.iter().any(|weight| *weight > 0) => {
                let shares = shares(goal.amount_minor.unwrap_or(0), &weights);
                let sources: BTreeMap<Uuid, Option<&str>> =
                    path.steps.iter().rev().map(|step| (step.id, step.source.as_deref())).collect();
                for (touch, share) in eligible.iter().zip(shares) {
                    let source = sources.get(&touch.id.0).copied().flatten();
                    self.each([touch.channel, touch.campaign, source], |credit| {
                        credit.add(goal.kind, &share);
                        credit.path_touches += i64::from(goal.kind != Kind::Lost);
                    });
                }
            }
            Claim::Campaign(campaign) => {
                for share in shares(goal.amount_minor.unwrap_or(0), &[1]) {
                    let names = [None, Some(campaign), None];
                    self.each(names, |credit| credit.add(goal.kind, &share));
                }
            }
            Claim::Touches(_) | Claim::Nobody => {
                for share in shares(goal.amount_minor.unwrap_or(0), &[1]) {
                    self.unattributed.add(goal.kind, &share);
                }
            }
        }
    }
}

fn touch(step: &Step) -> Touch<'_> {
    Touch {
        id: TouchId(step.id),
        at: Timestamp::from_millis(step.at),
        channel: step.channel.as_deref(),
        campaign: step.campaign.as_deref(),
    }
}

fn shares(amount: i64, weights: &[u64]) -> Vec<Share> {
    let sum = weights.iter().copied().map(u128::from).sum();
    let exact = amount.checked_mul(EXACT).map(|amount| apportion(amount, weights));
    let parts = apportion(ONE_CONVERSION, weights).into_iter().zip(apportion(amount, weights));
    let share = |(index, (weight, (conversions, minor))): (usize, (&u64, (i64, i64)))| {
        let minor_exact = exact.as_ref().and_then(|parts| parts.get(index).copied());
        Share { weight: *weight, sum, conversions, minor, minor_exact }
    };
    weights.iter().zip(parts).enumerate().map(share).collect()
}

pub(crate) fn document(context: &Context<'_>) -> Result<Document, Error> {
    let ask = ask(context)?;
    let mut ledger = Ledger::default();
    let mut document = Document::default();
    let (mut touches, mut leads, mut single, mut longest) = (0, 0, 0, 0);
    let (mut paths, mut currencies) = (Vec::<(Uuid, Path)>::new(), BTreeSet::new());
    for (key, ordinal, row) in context.rows::<Value>()? {
        if ordinal == 0 {
            let counts: Vec<Count> = serde_json::from_value(row).map_err(Error::Row)?;
            let of_lead: i64 = counts.iter().map(|count| count.touches).sum();
            for count in &counts {
                let names = [&count.channel, &count.campaign, &count.source];
                ledger.each(names.map(|name| name.as_deref()), |credit| {
                    credit.touches += count.touches;
                });
            }
            touches += of_lead;
            leads += 1;
            single += i64::from(of_lead == 1);
            longest = longest.max(of_lead);
        } else {
            let path: Path = serde_json::from_value(row).map_err(Error::Row)?;
            let wanted = context.text("currency");
            if wanted.is_none_or(|wanted| path.goal.currency.as_deref() == Some(wanted)) {
                currencies.extend(path.goal.currency.clone());
                paths.push((key, path));
            }
        }
    }
    for (_, path) in &paths {
        ledger.add(path, &ask);
    }
    document.total("touches", touches);
    document.total("leads_with_touches", leads);
    document.total("leads_with_1_touch", single);
    document.total("longest_journey", longest);
    document.total("currencies", json!(currencies));
    totals(&mut document, &paths);
    write(&mut document, ledger, currencies.len() <= 1);
    Ok(document)
}

fn totals(document: &mut Document, paths: &[(Uuid, Path)]) {
    let won = || paths.iter().filter(|(_, path)| path.goal.kind != Kind::Lost);
    let mut converting = BTreeMap::<Uuid, i64>::new();
    for (key, _) in won() {
        *converting.entry(*key).or_default() += 1;
    }
    let revenue = won().filter_map(|(_, path)| path.goal.amount_minor).fold(0, i64::saturating_add);
    let cut = won().filter(|(_, path)| {
        path.goal.touches > i64::try_from(path.steps.len()).unwrap_or(i64::MAX)
    });
    document.total("conversions_with_cut_path", cut.count());
    let several = converting.values().filter(|count| **count > 1).count();
    document.total("conversions", won().count());
    document.total("converting_leads", converting.len());
    document.total("leads_with_2plus_conversions", several);
    document.total("revenue_minor", revenue);
}

fn write(document: &mut Document, ledger: Ledger, one_currency: bool) {
    let unattributed = ledger.unattributed;
    let conversions = number(&decimal(unattributed.conversions, 12));
    document.total("unattributed_conversions", conversions);
    document.total("unattributed_minor", unattributed.minor);
    document.total("unattributed_lost_minor", unattributed.lost_minor);
    if !one_currency {
        for name in ["revenue_minor", "unattributed_minor", "unattributed_lost_minor"] {
            document.total(name, Value::Null);
        }
    }
    for (name, table) in ["rows", "campaigns", "sources"].into_iter().zip(ledger.tables) {
        for (group, credit) in table {
            document.push(name, credit.into_row(&group, one_currency));
        }
    }
    for (length, conversions) in ledger.lengths {
        document.push("path_lengths", json!({ "length": length, "conversions": conversions }));
    }
}
