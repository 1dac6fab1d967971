//! The rules of each kind as they are written, and what makes them valid.

use super::calendar::CalendarForm;
use super::short;
use crate::stored::value::Name;
use leadline_domain::lead::Phase;
use leadline_domain::money::{Currency, ProbabilityBp};
use leadline_domain::policy::{
    AcceptanceSla, AttributionPolicy, ConversionPolicy, Document, Kind, PlannedStage,
    SourceCatalogue, StagePlan, StatusProcess, Unlisted,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most names of one list.
const LIST_MAX: usize = 1000;
/// Longest name in a list, in bytes.
const NAME_BYTES_MAX: usize = 200;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusProcessForm {
    labels: BTreeMap<String, String>,
    #[serde(default = "yes")]
    hand_off: bool,
    #[serde(default)]
    reasons: Vec<String>,
    #[serde(default = "yes")]
    reason_required: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StagePlanForm {
    stages: Vec<StageForm>,
    default_stage: String,
    #[serde(default)]
    backward: bool,
    #[serde(default = "yes")]
    skip: bool,
    #[serde(default)]
    unlisted: UnlistedForm,
    #[serde(default = "yes")]
    lost_reason_required: bool,
}

/// The odds in whole percent, or in basis points where that is too coarse.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StageForm {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability_bp: Option<u16>,
    #[serde(default, skip_serializing_if = "is_no")]
    excluded: bool,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum UnlistedForm {
    #[default]
    Register,
    Refuse,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceCatalogueForm {
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    unlisted: UnlistedForm,
    #[serde(default)]
    source_required: bool,
    #[serde(default)]
    name_required: bool,
    #[serde(default)]
    direct_prefixes: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConversionForm {
    convert_from: Vec<Name<Phase>>,
    #[serde(default = "yes")]
    no_opportunity_reason_required: bool,
    #[serde(default)]
    opportunity_required: bool,
    currency: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptanceSlaForm {
    #[serde(default = "yes")]
    active: bool,
    target_seconds: u32,
    #[serde(default)]
    reminders: Vec<u16>,
    calendar: CalendarForm,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributionForm {
    #[serde(default)]
    window_days: Option<u32>,
    half_life_seconds: u32,
    #[serde(default = "yes")]
    since_last: bool,
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field by reference")]
const fn is_no(flag: &bool) -> bool {
    !*flag
}

/// Reads the rules of `kind`, and notes in `errors` what is wrong with them.
pub(super) fn read(
    kind: Kind,
    rules: Map<String, Value>,
    errors: &mut Vec<String>,
) -> Option<Document> {
    let rules = Value::Object(rules);
    match kind {
        Kind::StatusProcess => {
            fields(rules, errors).map(|form| Document::StatusProcess(status_process(form, errors)))
        }
        Kind::StagePlan => {
            fields(rules, errors).map(|form| Document::StagePlan(stage_plan(form, errors)))
        }
        Kind::SourceCatalogue => fields(rules, errors)
            .map(|form| Document::SourceCatalogue(source_catalogue(form, errors))),
        Kind::Conversion => fields(rules, errors)
            .and_then(|form| conversion(&form, errors))
            .map(Document::Conversion),
        Kind::AcceptanceSla => fields(rules, errors)
            .and_then(|form| acceptance_sla(form, errors))
            .map(Document::AcceptanceSla),
        Kind::Attribution => {
            fields(rules, errors).map(|form| Document::Attribution(attribution(&form, errors)))
        }
    }
}

/// The rules as they are written. What is missing, unknown or of another type is noted with its place; it is the only
/// such thing that is found.
fn fields<F: DeserializeOwned>(rules: Value, errors: &mut Vec<String>) -> Option<F> {
    let form = serde_path_to_error::deserialize(rules);
    // The path of the document itself is a full stop, which says nothing.
    let told = |error: serde_path_to_error::Error<serde_json::Error>| match error.path().to_string()
    {
        path if path == "." => error.inner().to_string(),
        path => format!("{path}: {}", error.inner()),
    };
    form.map_err(|error| errors.push(told(error))).ok()
}

/// Notes what is wrong with a list of names that must be there, short enough and all different.
fn check_names<'a>(place: &str, names: impl Iterator<Item = &'a str>, errors: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        if index >= LIST_MAX {
            errors.push(format!("{place}: at most {LIST_MAX} names are accepted"));
            return;
        }
        check_name(&format!("{place}[{index}]"), name, errors);
        if !seen.insert(name) {
            errors.push(format!("{place}[{index}]: `{name}` is listed twice"));
        }
    }
}

fn check_name(place: &str, name: &str, errors: &mut Vec<String>) {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.trim() != name {
        errors.push(format!(
            "{place}: 1 to {NAME_BYTES_MAX} bytes without surrounding white space are needed, not `{}`",
            short(name)
        ));
    }
}

fn status_process(form: StatusProcessForm, errors: &mut Vec<String>) -> StatusProcess {
    let mut labels = Vec::with_capacity(Phase::ALL.len());
    for phase in Phase::ALL {
        match form.labels.get(phase.name()) {
            Some(label) => {
                check_name(&format!("labels.{}", phase.name()), label, errors);
                labels.push((phase, label.clone()));
            }
            None => errors.push(format!("labels.{}: a label is needed", phase.name())),
        }
    }
    for name in form.labels.keys().filter(|name| Phase::named(name).is_none()) {
        errors.push(format!("labels.{name}: there is no such phase"));
    }
    check_names("reasons", form.reasons.iter().map(String::as_str), errors);
    StatusProcess {
        labels,
        hand_off: form.hand_off,
        reasons: form.reasons,
        reason_required: form.reason_required,
    }
}

fn stage_plan(form: StagePlanForm, errors: &mut Vec<String>) -> StagePlan {
    if form.stages.is_empty() {
        errors.push("stages: at least one is needed".to_owned());
    }
    check_names("stages", form.stages.iter().map(|stage| stage.name.as_str()), errors);
    if !form.stages.iter().any(|stage| stage.name == form.default_stage) {
        errors.push(format!("default_stage: `{}` is not among the stages", form.default_stage));
    }
    let mut stages = Vec::with_capacity(form.stages.len());
    for (index, StageForm { name, probability, probability_bp, excluded }) in
        form.stages.into_iter().enumerate()
    {
        let basis_points = match (probability, probability_bp) {
            (Some(percent), None) => percent.checked_mul(100),
            (None, basis_points) => basis_points,
            (Some(_), Some(_)) => None,
        };
        match basis_points.and_then(ProbabilityBp::new) {
            Some(probability) => stages.push(PlannedStage { name, probability, excluded }),
            None => errors.push(format!(
                "stages[{index}]: either `probability`, 0 to 100 percent, or `probability_bp`, 0 to 10000, is needed"
            )),
        }
    }
    StagePlan {
        stages,
        default_stage: form.default_stage,
        backward: form.backward,
        skip: form.skip,
        unlisted: form.unlisted.into(),
        lost_reason_required: form.lost_reason_required,
    }
}

fn source_catalogue(form: SourceCatalogueForm, errors: &mut Vec<String>) -> SourceCatalogue {
    check_names("sources", form.sources.iter().map(String::as_str), errors);
    check_names("direct_prefixes", form.direct_prefixes.iter().map(String::as_str), errors);
    SourceCatalogue {
        sources: form.sources,
        unlisted: form.unlisted.into(),
        source_required: form.source_required,
        name_required: form.name_required,
        direct_prefixes: form.direct_prefixes,
    }
}

fn conversion(form: &ConversionForm, errors: &mut Vec<String>) -> Option<ConversionPolicy> {
    let convert_from: Vec<Phase> = form.convert_from.iter().map(|Name(phase)| *phase).collect();
    if convert_from.is_empty() {
        errors.push("convert_from: at least one phase is needed".to_owned());
    }
    check_names("convert_from", convert_from.iter().map(|phase| phase.name()), errors);
    for phase in [Phase::Converted, Phase::Unqualified] {
        if convert_from.contains(&phase) {
            errors.push(format!("convert_from: a lead cannot convert from `{}`", phase.name()));
        }
    }
    let currency = Currency::parse(&form.currency);
    if currency.is_none() {
        let found = short(&form.currency);
        errors.push(format!("currency: three capital letters are needed, not `{found}`"));
    }
    Some(ConversionPolicy {
        convert_from,
        no_opportunity_reason_required: form.no_opportunity_reason_required,
        opportunity_required: form.opportunity_required,
        currency: currency?,
    })
}

fn acceptance_sla(form: AcceptanceSlaForm, errors: &mut Vec<String>) -> Option<AcceptanceSla> {
    if form.target_seconds == 0 {
        errors.push("target_seconds: at least 1 is needed".to_owned());
    }
    if let Some(percent) = form.reminders.iter().find(|percent| !(1..100).contains(*percent)) {
        errors.push(format!("reminders: each must be from 1 to 99 percent, not {percent}"));
    }
    if !form.reminders.is_sorted_by(|one, next| one < next) {
        errors.push("reminders: they must ascend".to_owned());
    }
    let calendar = form.calendar.read(errors)?;
    Some(AcceptanceSla {
        active: form.active,
        target_seconds: form.target_seconds,
        reminders: form.reminders,
        calendar: Arc::new(calendar),
    })
}

fn attribution(form: &AttributionForm, errors: &mut Vec<String>) -> AttributionPolicy {
    if form.window_days == Some(0) {
        errors.push("window_days: at least 1, or null for no limit, is needed".to_owned());
    }
    if form.half_life_seconds == 0 {
        errors.push("half_life_seconds: at least 1 is needed".to_owned());
    }
    AttributionPolicy {
        window_days: form.window_days,
        half_life_seconds: form.half_life_seconds,
        since_last: form.since_last,
    }
}

/// Every rule of a policy, spelt out.
pub(super) fn write(document: &Document) -> Map<String, Value> {
    let rules = match document {
        Document::StatusProcess(policy) => serde_json::to_value(StatusProcessForm {
            labels: policy
                .labels
                .iter()
                .map(|(phase, label)| (phase.name().to_owned(), label.clone()))
                .collect(),
            hand_off: policy.hand_off,
            reasons: policy.reasons.clone(),
            reason_required: policy.reason_required,
        }),
        Document::StagePlan(policy) => serde_json::to_value(StagePlanForm {
            stages: policy.stages.iter().map(stage_form).collect(),
            default_stage: policy.default_stage.clone(),
            backward: policy.backward,
            skip: policy.skip,
            unlisted: policy.unlisted.into(),
            lost_reason_required: policy.lost_reason_required,
        }),
        Document::SourceCatalogue(policy) => serde_json::to_value(SourceCatalogueForm {
            sources: policy.sources.clone(),
            unlisted: policy.unlisted.into(),
            source_required: policy.source_required,
            name_required: policy.name_required,
            direct_prefixes: policy.direct_prefixes.clone(),
        }),
        Document::Conversion(policy) => serde_json::to_value(ConversionForm {
            convert_from: policy.convert_from.iter().copied().map(Name).collect(),
            no_opportunity_reason_required: policy.no_opportunity_reason_required,
            opportunity_required: policy.opportunity_required,
            currency: policy.currency.code().to_owned(),
        }),
        Document::AcceptanceSla(policy) => serde_json::to_value(AcceptanceSlaForm {
            active: policy.active,
            target_seconds: policy.target_seconds,
            reminders: policy.reminders.clone(),
            calendar: CalendarForm::of(&policy.calendar),
        }),
        Document::Attribution(policy) => serde_json::to_value(AttributionForm {
            window_days: policy.window_days,
            half_life_seconds: policy.half_life_seconds,
            since_last: policy.since_last,
        }),
    };
    match rules {
        Ok(Value::Object(rules)) => rules,
        // Every form is a struct under text keys, which always becomes an object.
        Ok(_) | Err(_) => Map::new(),
    }
}

fn stage_form(stage: &PlannedStage) -> StageForm {
    let basis_points = stage.probability.basis_points();
    let whole = basis_points.is_multiple_of(100);
    StageForm {
        name: stage.name.clone(),
        probability: whole.then_some(basis_points / 100),
        probability_bp: (!whole).then_some(basis_points),
        excluded: stage.excluded,
    }
}

impl From<UnlistedForm> for Unlisted {
    fn from(form: UnlistedForm) -> Self {
        match form {
            UnlistedForm::Register => Self::Register,
            UnlistedForm::Refuse => Self::Refuse,
        }
    }
}

impl From<Unlisted> for UnlistedForm {
    fn from(unlisted: Unlisted) -> Self {
        match unlisted {
            Unlisted::Register => Self::Register,
            Unlisted::Refuse => Self::Refuse,
        }
    }
}
