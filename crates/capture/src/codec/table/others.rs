//! Commands of opportunities, accounts, contacts, campaigns, policies and subjects.

use super::{
    ACCOUNT_ID, ACCOUNT_KEY, AMOUNT, AMOUNT_CENTS, ATTRIBUTES, CAMPAIGN, CHANNEL, CLOSE_DATE,
    CURRENCY, EXTERNAL_KEY, PERSON, PRODUCT, REASON, SOURCE, STAGE, key, text,
};
use crate::codec::spec::{Aggregate, CommandSpec, Extras, FieldSpec, Kind, Place};
use crate::codec::{FIELD_BYTES_MAX, ParseError, Values};
use leadline_domain::id::AccountId;
use leadline_domain::opportunity::Open;
use leadline_domain::sealed::{Field, FieldSet};
use leadline_domain::{account, campaign, config, contact, opportunity};
use leadline_engine::submission::{Body, Through};

/// What most commands of an opportunity are like.
const OPPORTUNITY: CommandSpec = CommandSpec {
    name: "",
    path: "",
    aggregate: Aggregate::Opportunity,
    opens: false,
    about: "",
    fields: &[],
    extras: Extras::Refused,
    example: "{}",
    build: |_| Ok(Body::Opportunity(opportunity::Command::Reopen)),
};
const ACCOUNT: CommandSpec = CommandSpec { aggregate: Aggregate::Account, ..OPPORTUNITY };
const CONTACT: CommandSpec = CommandSpec { aggregate: Aggregate::Contact, ..OPPORTUNITY };
const CAMPAIGNS: CommandSpec = CommandSpec { aggregate: Aggregate::Campaign, ..OPPORTUNITY };

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "OpenOpportunity",
        path: "open",
        opens: true,
        about: "Open an opportunity directly.",
        fields: &[
            &[ACCOUNT_KEY, ACCOUNT_ID, text("owner", "Who has it; the actor where absent."), STAGE],
            AMOUNT,
            &[CLOSE_DATE, PRODUCT, CAMPAIGN, SOURCE, ATTRIBUTES, UNDATED, EXTERNAL_KEY],
        ],
        extras: Extras::Attributes,
        example: r#"{"account":"engines-ltd","owner":"sam","stage":"Prospecting","amount_cents":250000,"currency":"USD","close_date":"2026-06-30T00:00:00Z","product":"Mill","campaign":"spring","source":"Web","attributes":{"region":"North"},"undated":false,"external_key":"opp-1"}"#,
        build: |values| Ok(Body::Opportunity(opportunity::Command::Open(Box::new(open(values)?)))),
        ..OPPORTUNITY
    },
    CommandSpec {
        name: "AdvanceStage",
        path: "advance-stage",
        about: "Move to a stage: forward, or back where the plan allows it.",
        fields: &[&[STAGE.required(), REASON]],
        example: r#"{"stage":"Proposal"}"#,
        build: |values| {
            Ok(Body::Opportunity(opportunity::Command::AdvanceStage {
                to: values.need("stage")?,
                reason: values.text("reason"),
            }))
        },
        ..OPPORTUNITY
    },
    CommandSpec {
        name: "ChangeAmount",
        path: "change-amount",
        about: "Change the value.",
        fields: &[&[AMOUNT_CENTS.required(), CURRENCY]],
        example: r#"{"amount_cents":300000}"#,
        build: |values| {
            let amount = values.need_amount()?;
            Ok(Body::Opportunity(opportunity::Command::ChangeAmount { amount }))
        },
        ..OPPORTUNITY
    },
    CommandSpec {
        name: "ChangeCloseDate",
        path: "change-close-date",
        about: "Move the expected close.",
        fields: &[&[CLOSE_DATE.required()]],
        example: r#"{"close_date":"2026-07-31"}"#,
        build: |values| {
            let to = values.time("close_date").ok_or_else(|| ParseError::missing("close_date"))?;
            Ok(Body::Opportunity(opportunity::Command::ChangeCloseDate { to }))
        },
        ..OPPORTUNITY
    },
    CommandSpec {
        name: "CloseWon",
        path: "close-won",
        about: "Won.",
        fields: &[AMOUNT],
        example: r#"{"amount_cents":240000}"#,
        build: |values| {
            Ok(Body::Opportunity(opportunity::Command::CloseWon { amount: values.amount() }))
        },
        ..OPPORTUNITY
    },
    CommandSpec {
        name: "CloseLost",
        path: "close-lost",
        about: "Lost.",
        fields: &[&[REASON, text("competitor", "To whom.")], AMOUNT],
        example: r#"{"reason":"price","competitor":"Looms Inc"}"#,
        build: |values| {
            Ok(Body::Opportunity(opportunity::Command::CloseLost {
                reason: values.text("reason"),
                competitor: values.text("competitor"),
                amount: values.amount(),
            }))
        },
        ..OPPORTUNITY
    },
    CommandSpec { name: "ReopenOpportunity", path: "reopen", about: "Open again.", ..OPPORTUNITY },
    CommandSpec {
        name: "OpenAccount",
        path: "open",
        opens: true,
        about: "Open an account.",
        fields: &[&[ACCOUNT_NAME, text("owner", "Who has it; the actor where absent.")]],
        example: r#"{"name":"Engines Ltd","owner":"sam"}"#,
        build: |values| {
            let owner = values.text("owner");
            Ok(Body::Account(account::Command::Open { details: None, owner }))
        },
        ..ACCOUNT
    },
    CommandSpec {
        name: "RenameAccount",
        path: "rename",
        about: "Change the name.",
        fields: &[&[ACCOUNT_NAME]],
        example: r#"{"name":"Engines and Sons Ltd"}"#,
        build: |_| Ok(Body::Account(account::Command::Rename { details: None })),
        ..ACCOUNT
    },
    CommandSpec {
        name: "OpenContact",
        path: "open",
        opens: true,
        about: "Open a contact at an account.",
        fields: &[&[ACCOUNT_ID.required()], PERSON],
        example: r#"{"account_id":"01890a5d-ac96-774b-bcce-b302099a8057","first_name":"Ada"}"#,
        build: |values| {
            let id = values.id("account_id").ok_or_else(|| ParseError::missing("account_id"))?;
            Ok(Body::Contact(contact::Command::Open {
                account: AccountId(id),
                subject: None,
                person: None,
                fields: FieldSet::default(),
            }))
        },
        ..CONTACT
    },
    CommandSpec {
        name: "UpdateContact",
        path: "update",
        about: "Change personal fields.",
        fields: &[PERSON],
        example: r#"{"email":"ada@example.org"}"#,
        build: |_| {
            let fields = FieldSet::default();
            Ok(Body::Contact(contact::Command::Update { person: None, fields }))
        },
        ..CONTACT
    },
    CommandSpec {
        name: "PlanCampaign",
        path: "plan",
        opens: true,
        about: "Plan a campaign.",
        fields: &[&[CAMPAIGN_KEY, text("title", "Title for people."), CHANNEL]],
        example: r#"{"key":"spring","title":"Spring fair","channel":"event"}"#,
        build: |values| {
            Ok(Body::Campaign(campaign::Command::Plan {
                title: values.text("title"),
                channel: values.text("channel"),
            }))
        },
        ..CAMPAIGNS
    },
    CommandSpec {
        name: "StartCampaign",
        path: "start",
        about: "Begin.",
        build: |_| Ok(Body::Campaign(campaign::Command::Start)),
        ..CAMPAIGNS
    },
    CommandSpec {
        name: "RecordCost",
        path: "record-cost",
        about: "Record a cost.",
        fields: &[&[AMOUNT_CENTS.required(), CURRENCY]],
        example: r#"{"amount_cents":120000}"#,
        build: |values| {
            Ok(Body::Campaign(campaign::Command::RecordCost { amount: values.need_amount()? }))
        },
        ..CAMPAIGNS
    },
    CommandSpec {
        name: "CloseCampaign",
        path: "close",
        about: "End.",
        build: |_| Ok(Body::Campaign(campaign::Command::Close)),
        ..CAMPAIGNS
    },
    CommandSpec {
        name: "ActivatePolicy",
        path: "activate",
        aggregate: Aggregate::Policy,
        about: "Put a published policy version in force.",
        fields: &[&[POLICY, EFFECTIVE_FROM]],
        example: r#"{"policy":"two-step@1","effective_from":"2026-07-01T00:00:00Z"}"#,
        build: |values| {
            Ok(Body::Config(config::Command::Activate {
                policy: values.need("policy")?,
                effective_from: values.time("effective_from"),
            }))
        },
        ..OPPORTUNITY
    },
    CommandSpec {
        name: "EraseSubject",
        path: "erase",
        aggregate: Aggregate::Subject,
        about: "Destroy the keys that open a person's data, for ever.",
        fields: &[&[THROUGH]],
        example: r#"{"through":"contact"}"#,
        build: |values| {
            Ok(Body::EraseSubject(match values.text("through").as_deref() {
                Some("contact") => Through::Contact,
                _ => Through::Lead,
            }))
        },
        ..OPPORTUNITY
    },
];

const THROUGH: FieldSpec = FieldSpec::new(
    "through",
    Kind::OneOf(&["lead", "contact"]),
    "Through what the person is named: a lead where absent, or a contact.",
);
const UNDATED: FieldSpec = FieldSpec::new(
    "undated",
    Kind::Flag,
    "The given time is the source system's export date, not the day it was opened.",
);
const ACCOUNT_NAME: FieldSpec =
    FieldSpec::new("name", Kind::Text(FIELD_BYTES_MAX), "The name: sealed.")
        .at(Place::Person(Field::Company))
        .required();
const CAMPAIGN_KEY: FieldSpec =
    key("key", "The campaign's key: a business name, unique.").at(Place::Key);
const POLICY: FieldSpec = key("policy", "The version, as `name@version`.").required();
const EFFECTIVE_FROM: FieldSpec =
    FieldSpec::new("effective_from", Kind::Time, "From when; now where absent.");

fn open(values: &mut Values<'_>) -> Result<Open, ParseError> {
    let account = values.id("account_id").map(AccountId);
    if account.is_some() && values.has_account_key() {
        return Err(ParseError::invalid("account_id", "give `account` or `account_id`, not both"));
    }
    Ok(Open {
        account,
        owner: values.text("owner"),
        stage: values.text("stage"),
        amount: values.amount(),
        close_date: values.time("close_date"),
        product: values.text("product"),
        campaign: values.text("campaign"),
        source: values.text("source"),
        attributes: values.attributes(),
        undated: values.flag("undated"),
    })
}
