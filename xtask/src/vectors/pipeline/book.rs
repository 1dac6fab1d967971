//! The opportunities of a file of cases, as of an instant.

use super::super::Mismatch;
use super::super::json::{list, number, small, text, time};
use leadline_domain::Timestamp;
use leadline_domain::forecast::{Category, Outcome};
use leadline_domain::funnel::Visit;
use leadline_domain::money::ProbabilityBp;
use serde_json::Value;
use std::collections::BTreeMap;

/// A stage of the plan.
#[derive(Clone, Copy)]
pub(super) struct Stage<'a> {
    pub(super) name: &'a str,
    pub(super) probability: ProbabilityBp,
    pub(super) category: Category,
}

impl<'a> Stage<'a> {
    /// The plan.
    pub(super) fn read(stages: &'a Value) -> Result<Vec<Self>, Mismatch> {
        list(stages).iter().map(Self::read_one).collect()
    }

    fn read_one(stage: &'a Value) -> Result<Self, Mismatch> {
        let category = match text(&stage["category"], "category")? {
            "pipeline" => Category::Pipeline,
            "best_case" => Category::BestCase,
            "most_likely" => Category::MostLikely,
            "commit" => Category::Commit,
            "closed" => Category::Closed,
            "omitted" => Category::Omitted,
            other => return Err(format!("`{other}` is no forecast category")),
        };
        let probability = ProbabilityBp::new(small(&stage["probability_bps"], "probability_bps")?);
        Ok(Self {
            name: text(&stage["name"], "stage")?,
            probability: probability.ok_or("a probability above 1")?,
            category,
        })
    }

    pub(super) fn is_lost(&self) -> bool {
        self.category == Category::Omitted
    }

    fn outcome(&self) -> Outcome {
        match self.category {
            Category::Closed => Outcome::Won,
            Category::Omitted => Outcome::Lost,
            _ => Outcome::Open,
        }
    }
}

/// One opportunity.
pub(super) struct Deal<'a> {
    pub(super) origin: &'a str,
    pub(super) minor: i64,
    pub(super) close_date: &'a str,
    pub(super) created_at: Timestamp,
    /// When it came to the stage that it is closed in.
    pub(super) closed_at: Option<Timestamp>,
    pub(super) visits: Vec<Visit<'a>>,
    stage: Stage<'a>,
}

impl<'a> Deal<'a> {
    pub(super) fn stage(&self) -> Stage<'a> {
        self.stage
    }

    pub(super) fn outcome(&self) -> Outcome {
        self.stage.outcome()
    }

    fn enter(&mut self, stage: Stage<'a>, at: Timestamp) {
        let closed = stage.outcome() != Outcome::Open;
        self.stage = stage;
        self.closed_at = closed.then_some(at);
        self.visits.push(Visit { stage: stage.name, at, closed });
    }
}

/// All opportunities.
pub(super) struct Book<'a> {
    pub(super) deals: BTreeMap<&'a str, Deal<'a>>,
}

impl<'a> Book<'a> {
    /// What `events` up to and including `as_of` make.
    pub(super) fn at(
        stages: &[Stage<'a>],
        events: &'a [Value],
        as_of: Timestamp,
    ) -> Result<Self, Mismatch> {
        let mut book = Self { deals: BTreeMap::new() };
        for event in events {
            let at = time(&event["at"], "event")?;
            if at <= as_of {
                book.apply(stages, event, at)?;
            }
        }
        Ok(book)
    }

    fn apply(
        &mut self,
        stages: &[Stage<'a>],
        event: &'a Value,
        at: Timestamp,
    ) -> Result<(), Mismatch> {
        let id = text(&event["opp"], "opp")?;
        let stage = event["stage"].as_str().map(|name| {
            let planned = stages.iter().find(|stage| stage.name == name);
            planned.copied().ok_or_else(|| format!("`{name}` is no stage"))
        });
        let stage = stage.transpose()?;
        if event["type"] == "OpportunityCreated" {
            let stage = stage.ok_or("an opportunity without a stage")?;
            let mut deal = Deal {
                origin: text(&event["origin"], "origin")?,
                minor: number(&event["amount_minor"], "amount")?,
                close_date: text(&event["close_date"], "close_date")?,
                created_at: at,
                closed_at: None,
                visits: Vec::new(),
                stage,
            };
            deal.enter(stage, at);
            self.deals.insert(id, deal);
            return Ok(());
        }
        let deal = self.deals.get_mut(id).ok_or("an event before its opportunity")?;
        if let Some(stage) = stage {
            deal.enter(stage, at);
        }
        if !event["amount_minor"].is_null() {
            deal.minor = number(&event["amount_minor"], "amount")?;
        }
        if let Some(date) = event["close_date"].as_str() {
            deal.close_date = date;
        }
        Ok(())
    }
}
