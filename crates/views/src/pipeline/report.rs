//! The pipeline's document: groups of opportunities by whatever they can be told apart by.

use super::{DAYS, Lead, Opportunity};
use crate::conversion::{BLANK, or_blank};
use crate::query::{Context, Error};
use crate::table::{
    Column, Document, Span, Table, basis_points, column, distribution, period, quotient,
};
use leadline_domain::forecast::{Outcome, WinRate};
use leadline_domain::lead;
use leadline_domain::money::ProbabilityBp;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What the view can be asked.
pub const PARAMETERS: &[(&str, &str)] = &[
    (
        "by",
        "What `rows` group by, up to three with commas: stage (default), owner, product, \
         close_quarter, reason, source, campaign, account, state, or attribute:NAME.",
    ),
    ("owner", "Only this owner."),
    ("currency", "Only this currency."),
    ("dated", "`true` leaves out opportunities whose day of opening is unknown."),
    ("tz", "Time zone of quarters; UTC."),
];

/// The tables of the document.
pub const TABLES: &[Table] = &[
    Table { name: "rows", doc: "Opportunities per group as asked for by `by`.", columns: COLUMNS },
    Table { name: "leads", doc: "Leads per phase and currency.", columns: LEADS },
    Table { name: "owners", doc: "Opportunities per owner.", columns: COLUMNS },
    Table { name: "products", doc: "Opportunities per product.", columns: COLUMNS },
    Table { name: "quarters", doc: "Closed opportunities per quarter of close.", columns: COLUMNS },
    Table { name: "reasons", doc: "Lost opportunities per reason.", columns: COLUMNS },
    Table { name: "cycles", doc: "Days from opening to close, whole days.", columns: CYCLES },
];

const LEADS: &[Column] = &[
    column("phase", "Phase."),
    column("currency", "Currency of the values; rows do not mix currencies."),
    column("leads", "How many leads are in it."),
    column("amount_minor", "Their expected value, minor units."),
];

const CYCLES: &[Column] = &[
    column("outcome", "`won` or `lost`."),
    column("days_p10", "Whole days from opening to close, nearest rank."),
    column("days_p25", "Likewise."),
    column("days_p50", "Likewise."),
    column("days_p75", "Likewise."),
    column("days_p90", "Likewise."),
    column("days_p95", "Likewise."),
    column("days_p99", "Likewise."),
    column("days_n", "How many were closed so."),
    column("days_min", "Shortest."),
    column("days_max", "Longest."),
    column("days_sum", "Sum."),
    column("days_mean", "Mean, six decimals."),
];

const COLUMNS: &[Column] = &[
    column("group", "The group; several names are joined by ` / `."),
    column("currency", "Currency of the amounts; groups do not mix currencies."),
    column("count", "Opportunities, open and closed."),
    column("open", "Open ones."),
    column("undated", "Of the open ones, those whose day of opening is unknown."),
    column("amount_minor", "Value of the open ones, minor units."),
    column("weighted_minor", "Value of the open ones by their stage's odds, half to even each."),
    column("won", "Won."),
    column("won_minor", "What was won, minor units."),
    column("lost", "Lost."),
    column("lost_minor", "What was lost, minor units."),
    column("win_rate_num", "Won."),
    column("win_rate_den", "Won and lost."),
    column("win_rate_bps", "Won of won and lost, basis points."),
    column("avg_won_minor", "Mean of what was won, six decimals."),
    column("won_days", "Whole days from opening to won, summed."),
    column("avg_won_days", "Their mean, six decimals."),
    column("lost_days", "Whole days from opening to lost, summed."),
    column("avg_lost_days", "Their mean, six decimals."),
    column("oldest_open_days", "Whole days since the oldest dated open one was opened."),
];

#[derive(Default)]
struct Group {
    rate: WinRate,
    undated: i64,
    amount: i64,
    weighted: i64,
    won_days: Vec<i64>,
    lost_days: Vec<i64>,
    oldest: Option<i64>,
}

impl Group {
    fn add(&mut self, one: &Opportunity, now: i64) {
        let amount = one.amount_minor.unwrap_or(0);
        match one.state.as_str() {
            "won" => {
                self.rate.add(Outcome::Won, amount);
                self.won_days.extend(one.days());
            }
            "lost" => {
                self.rate.add(Outcome::Lost, one.lost_minor.unwrap_or(amount));
                self.lost_days.extend(one.days());
            }
            _ => {
                self.rate.add(Outcome::Open, amount);
                self.undated += i64::from(one.undated);
                self.amount = self.amount.saturating_add(amount);
                let odds = one.probability_bps.and_then(ProbabilityBp::new);
                let weighted = odds.map_or(0, |odds| odds.weigh(amount));
                self.weighted = self.weighted.saturating_add(weighted);
                if !one.undated {
                    let days = (now - one.opened_at).div_euclid(DAYS);
                    self.oldest = self.oldest.max(Some(days));
                }
            }
        }
    }

    fn into_row(self) -> Map<String, Value> {
        let rate = &self.rate;
        let ((won, closed), (_, count)) = (rate.by_count(), rate.of_created());
        let total =
            |days: &[i64]| (days.iter().sum::<i64>(), i64::try_from(days.len()).unwrap_or(0));
        let mean = |(sum, count): (i64, i64)| quotient(sum.into(), count.into());
        let (won_days, lost_days) = (total(&self.won_days), total(&self.lost_days));
        let row = [
            ("count", json!(count)),
            ("open", json!(rate.open)),
            ("undated", json!(self.undated)),
            ("amount_minor", json!(self.amount)),
            ("weighted_minor", json!(self.weighted)),
            ("won", json!(won)),
            ("won_minor", json!(rate.won_minor)),
            ("lost", json!(rate.lost)),
            ("lost_minor", json!(rate.lost_minor)),
            ("win_rate_num", json!(won)),
            ("win_rate_den", json!(closed)),
            ("win_rate_bps", basis_points(won, closed)),
            ("avg_won_minor", quotient(rate.won_minor.into(), won.into())),
            ("won_days", json!(won_days.0)),
            ("avg_won_days", mean(won_days)),
            ("lost_days", json!(lost_days.0)),
            ("avg_lost_days", mean(lost_days)),
            ("oldest_open_days", json!(self.oldest)),
        ];
        row.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

fn dimension(one: &Opportunity, by: &str, context: &Context<'_>) -> Result<String, Error> {
    let account = || one.account.map(|account| account.to_string());
    Ok(match by {
        "stage" => one.stage.clone(),
        "state" => one.state.clone(),
        "owner" => or_blank(one.owner.as_deref()),
        "product" => or_blank(one.product.as_deref()),
        "reason" => or_blank(one.reason.as_deref()),
        "source" => or_blank(one.source.as_deref()),
        "campaign" => or_blank(one.campaign.as_deref()),
        "account" => or_blank(account().as_deref()),
        "close_quarter" => {
            let zone = context.zone()?;
            one.closed_at.map_or_else(|| BLANK.to_owned(), |at| period(at, Span::Quarter, zone))
        }
        other => {
            if let Some(name) = other.strip_prefix("attribute:") {
                or_blank(one.attributes.get(name).map(String::as_str))
            } else {
                let names = "stage, state, owner, product, close_quarter, reason, source, campaign, \
                             account or attribute:NAME";
                let expected = format!("must be up to three of {names}");
                return Err(Error::Parameter { name: "by", expected });
            }
        }
    })
}

/// Adds a table of groups, one row per currency: amounts of different currencies are never added.
fn groups<'a>(
    document: &mut Document,
    table: &str,
    by: &[&str],
    opportunities: impl Iterator<Item = &'a Opportunity>,
    context: &Context<'_>,
) -> Result<(), Error> {
    let mut groups = BTreeMap::<(Vec<String>, Option<&str>), Group>::new();
    for one in opportunities {
        let names = by.iter().map(|by| dimension(one, by, context)).collect::<Result<_, _>>()?;
        groups.entry((names, one.currency.as_deref())).or_default().add(one, context.now);
    }
    for ((names, currency), group) in groups {
        let mut row = group.into_row();
        row.insert("group".to_owned(), names.join(" / ").into());
        row.insert("currency".to_owned(), json!(currency));
        for (by, name) in by.iter().zip(names) {
            row.insert((*by).to_owned(), name.into());
        }
        document.push(table, row.into());
    }
    Ok(())
}

fn read(context: &Context<'_>) -> Result<(Vec<Lead>, Vec<Opportunity>), Error> {
    let (mut leads, mut opportunities) = (Vec::new(), Vec::new());
    for (_, ordinal, row) in context.rows::<Value>()? {
        if ordinal == 0 {
            leads.push(serde_json::from_value(row).map_err(Error::Row)?);
        } else {
            opportunities.push(serde_json::from_value(row).map_err(Error::Row)?);
        }
    }
    let is = |name: &str, value: Option<&str>| {
        context.text(name).is_none_or(|wanted| value == Some(wanted))
    };
    leads.retain(|one: &Lead| {
        is("owner", one.owner.as_deref()) && is("currency", one.currency.as_deref())
    });
    context.zone()?;
    let dated = match context.text("dated") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            return Err(Error::Parameter {
                name: "dated",
                expected: "must be true or false".to_owned(),
            });
        }
    };
    opportunities.retain(|one: &Opportunity| {
        is("owner", one.owner.as_deref())
            && is("currency", one.currency.as_deref())
            && !(dated && one.undated)
    });
    assume_the_only(leads.iter_mut().map(|one| &mut one.currency).collect());
    assume_the_only(opportunities.iter_mut().map(|one| &mut one.currency).collect());
    Ok((leads, opportunities))
}

/// What has no value belongs to the one currency that there is.
fn assume_the_only(currencies: Vec<&mut Option<String>>) {
    let known: BTreeSet<String> = currencies.iter().filter_map(|one| (**one).clone()).collect();
    if known.len() == 1 {
        for one in currencies {
            *one = known.first().cloned();
        }
    }
}

pub(crate) fn document(context: &Context<'_>) -> Result<Document, Error> {
    let by: Vec<&str> = context.text("by").unwrap_or("stage").split(',').map(str::trim).collect();
    if by.len() > 3 {
        let expected = "must be at most three names".to_owned();
        return Err(Error::Parameter { name: "by", expected });
    }
    let (leads, opportunities) = read(context)?;
    let mut document = Document::default();
    let all = &opportunities;
    groups(&mut document, "rows", &by, all.iter(), context)?;
    groups(&mut document, "owners", &["owner"], all.iter(), context)?;
    groups(&mut document, "products", &["product"], all.iter(), context)?;
    let closed = all.iter().filter(|one| one.closed_at.is_some());
    groups(&mut document, "quarters", &["close_quarter"], closed, context)?;
    let lost = all.iter().filter(|one| one.state == "lost");
    groups(&mut document, "reasons", &["reason"], lost, context)?;
    lead_table(&mut document, &leads);
    totals(&mut document, &opportunities, context);
    document.total("leads", leads.len());
    Ok(document)
}

fn lead_table(document: &mut Document, leads: &[Lead]) {
    for phase in lead::Phase::ALL {
        let mut currencies = BTreeMap::<Option<&str>, (i64, i64)>::new();
        for one in leads.iter().filter(|one| one.phase == phase.name()) {
            let (count, sum) = currencies.entry(one.currency.as_deref()).or_default();
            *count += 1;
            *sum = sum.saturating_add(one.amount_minor.unwrap_or(0));
        }
        for (currency, (count, sum)) in currencies {
            let row = json!({
                "phase": phase.name(), "currency": currency, "leads": count, "amount_minor": sum,
            });
            document.push("leads", row);
        }
    }
}

fn totals(document: &mut Document, opportunities: &[Opportunity], context: &Context<'_>) {
    let mut all = Group::default();
    let mut currencies = BTreeSet::new();
    for one in opportunities {
        all.add(one, context.now);
        currencies.extend(one.currency.as_deref());
    }
    let no_account =
        opportunities.iter().filter(|one| one.account.is_none() && one.state == "open").count();
    for (outcome, days) in [("won", &all.won_days), ("lost", &all.lost_days)] {
        let mut row = Map::new();
        row.insert("outcome".to_owned(), outcome.into());
        distribution(&mut row, "days_", days.clone());
        document.push("cycles", row.into());
    }
    let mut totals = all.into_row();
    if currencies.len() > 1 {
        // Amounts of different currencies have no sum.
        for (name, value) in &mut totals {
            if name.ends_with("_minor") {
                *value = Value::Null;
            }
        }
    }
    document.totals = totals;
    document.total("currencies", json!(currencies));
    document.total("open_without_account", no_account);
}
