//! Questions: views, single leads and their histories, at any time or position.

use crate::claims;
use crate::engine::Engine;
use crate::error::Error;
use crate::moment::Moment;
use crate::prepare::lead_key;
use crate::projection::{Projections, unknown_view};
use crate::submission::{Caller, Target};
use leadline_domain::id::LeadId;
use leadline_domain::{StreamId, Timestamp};
use leadline_events::{StoredMeta, stream_key, stream_of};
use leadline_log::types::{Direction, Read, Scope};
use leadline_log::{Position, Recorded, StreamKey};
use leadline_views::{Request, query};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The view whose defaults are policies.
const ATTRIBUTION: &str = "attribution";

/// Most events of one page of a history or of the log.
pub const PAGE_EVENTS_MAX: usize = 500;

fn log_failed(error: leadline_log::Error) -> Error {
    Error::failed("event log", error)
}

fn query_failed(error: query::Error) -> Error {
    match error {
        query::Error::UnknownView { name } => unknown_view(&name),
        query::Error::UnknownParameter { .. } | query::Error::Parameter { .. } => {
            Error::Invalid { code: "parameter_invalid", detail: error.to_string() }
        }
        query::Error::Store(_) | query::Error::Row(_) => Error::failed("store of views", error),
    }
}

fn check_reads(caller: &Caller, what: &str) -> Result<(), Error> {
    if caller.role.reads() {
        return Ok(());
    }
    Err(Error::Forbidden { role: caller.role.name(), what: what.to_owned() })
}

/// Refuses a page that is longer than any: the document would tell another limit than that it goes by.
fn check_limit(parameters: &BTreeMap<String, String>) -> Result<(), Error> {
    let fits = |text: &String| {
        text.parse::<usize>().is_ok_and(|limit| (1..=PAGE_EVENTS_MAX).contains(&limit))
    };
    if parameters.get("limit").is_none_or(fits) {
        return Ok(());
    }
    let detail =
        format!("the parameter `limit` must be a whole number from 1 to {PAGE_EVENTS_MAX}");
    Err(Error::Invalid { code: "parameter_invalid", detail })
}

impl Engine {
    /// The id of a lead by id or by the key of its source system.
    ///
    /// # Errors
    /// No lead has this key, or the log failed.
    pub async fn lead_id(&self, target: &Target) -> Result<LeadId, Error> {
        let missing = || Error::NotFound { what: "lead with this id or key".to_owned() };
        match target {
            Target::Id(id) => Ok(LeadId(*id)),
            Target::Key(key) => {
                let claim = lead_key(self.hash_key(), key);
                let held = self.log.claims(&[claim]).await.map_err(log_failed)?;
                let holder = held.into_iter().next().flatten().ok_or_else(missing)?;
                Ok(LeadId(holder.holder.id))
            }
            Target::New => Err(missing()),
        }
    }

    /// The lineage that an external key leads to: that of a lead, else of an opportunity.
    pub(crate) async fn root_of(&self, target: &Target) -> Result<Uuid, Error> {
        match self.lead_id(target).await {
            Err(Error::NotFound { .. }) => {
                let Target::Key(key) = target else {
                    return Err(Error::NotFound { what: "lead with this id or key".to_owned() });
                };
                let claim = leadline_log::ClaimKey {
                    space: claims::OPPORTUNITY_KEYS,
                    ..lead_key(self.hash_key(), key)
                };
                let held = self.log.claims(&[claim]).await.map_err(log_failed)?;
                let missing = || Error::NotFound { what: "lead with this id or key".to_owned() };
                let holder = held.into_iter().next().flatten().ok_or_else(missing)?;
                let last = self.last_event(holder.holder).await?;
                last.map(|last| last.event.root).ok_or_else(missing)
            }
            found => found.map(|lead| lead.0),
        }
    }

    /// Answers a view, caught up to the present head, as one JSON document.
    ///
    /// # Errors
    /// The caller may not read, the view or a parameter is unknown, or a machine failed.
    pub async fn view(
        &self,
        projections: &Projections,
        caller: &Caller,
        name: &str,
        mut parameters: BTreeMap<String, String>,
    ) -> Result<Value, Error> {
        check_reads(caller, "read views")?;
        if !leadline_views::NAMES.contains(&name) {
            return Err(unknown_view(name));
        }
        check_limit(&parameters)?;
        let moment = self.moment(&mut parameters).await?;
        if let Some(key) = parameters.get("root").and_then(|root| root.strip_prefix("key:")) {
            let root = self.root_of(&Target::Key(key.to_owned())).await?;
            parameters.insert("root".to_owned(), root.to_string());
        }
        if name == ATTRIBUTION {
            self.attribution_defaults(&mut parameters, &moment).await?;
        }
        projections.reach(self, name).await?;
        let request = Request {
            view: name.to_owned(),
            as_of: moment.as_of,
            axis: moment.axis,
            instant: moment.instant,
            parameters,
        };
        let mut document = query(&*projections.store, &request).await.map_err(query_failed)?;
        self.open_envelopes(&mut document, caller.role.reads_names()).await?;
        Ok(document)
    }

    /// What the caller does not say about attribution comes from the policies that were in force then, so that the
    /// answer as of a position stays the same whatever is put in force later.
    async fn attribution_defaults(
        &self,
        parameters: &mut BTreeMap<String, String>,
        moment: &Moment,
    ) -> Result<(), Error> {
        let policies = self.policies_as_of(moment.as_of, moment.instant).await?;
        let policy = &policies.attribution.policy;
        let mut default = |name: &str, value: String| {
            parameters.entry(name.to_owned()).or_insert(value);
        };
        default(
            "window_days",
            policy.window_days.map_or_else(|| "none".to_owned(), |days| days.to_string()),
        );
        default("scope", if policy.since_last { "since_last" } else { "all" }.to_owned());
        default("direct", policies.sources.policy.direct_prefixes.join(","));
        if !parameters.contains_key("half_life_days") {
            let seconds = policy.half_life_seconds.to_string();
            parameters.entry("half_life_seconds".to_owned()).or_insert(seconds);
        }
        Ok(())
    }

    /// A digest of a view's rows and position.
    ///
    /// # Errors
    /// As [`Self::view`].
    pub async fn view_checksum(
        &self,
        projections: &Projections,
        caller: &Caller,
        name: &str,
    ) -> Result<Value, Error> {
        check_reads(caller, "read views")?;
        if !leadline_views::NAMES.contains(&name) {
            return Err(unknown_view(name));
        }
        projections.reach(self, name).await?;
        let checksum = projections
            .store
            .checksum(name, leadline_views::store::Generation::Live)
            .await
            .map_err(|error| Error::failed("store of views", error))?;
        let digest = blake3::Hash::from_bytes(checksum.digest).to_hex();
        Ok(
            json!({"view": name, "checksum": digest.as_str(), "position": checksum.position.0, "versions": checksum.versions}),
        )
    }

    /// One lead as it stands, or stood.
    ///
    /// # Errors
    /// As [`Self::view`], or there was no such lead then.
    pub async fn lead(
        &self,
        projections: &Projections,
        caller: &Caller,
        target: &Target,
        mut parameters: BTreeMap<String, String>,
    ) -> Result<Value, Error> {
        check_reads(caller, "read leads")?;
        let lead = self.lead_id(target).await?;
        parameters.insert("root".to_owned(), lead.to_string());
        // Read before the lead: what happens in between makes `If-Match` refuse, never let pass unseen.
        let version = self.stream_version(StreamId::Lead(lead)).await?;
        let mut document = self.view(projections, caller, "lead", parameters).await?;
        let now = document.get("as_of").is_none_or(Value::is_null);
        let row = document.get_mut("rows").and_then(Value::as_array_mut).and_then(Vec::pop);
        let mut row = row.ok_or_else(|| Error::NotFound {
            what: "such lead, or there was none as of then".to_owned(),
        })?;
        if let (true, Some(fields)) = (now, row.as_object_mut()) {
            // What `If-Match` compares with.
            fields.insert("version".to_owned(), version.into());
        }
        Ok(row)
    }

    pub(crate) async fn stream_version(&self, stream: StreamId) -> Result<u64, Error> {
        let last = self.last_event(stream_key(&stream)).await?;
        Ok(last.map_or(0, |last| last.version))
    }

    async fn last_event(&self, stream: StreamKey) -> Result<Option<Recorded>, Error> {
        let page = self.log.read(Read::last(Scope::Stream(stream))).await.map_err(log_failed)?;
        Ok(page.events.into_iter().next())
    }

    /// A page of everything that happened to a lead and its lineage, oldest first.
    ///
    /// # Errors
    /// The caller may not read, there is no such lead, or the log failed.
    pub async fn history(
        &self,
        caller: &Caller,
        target: &Target,
        after: Position,
        limit: usize,
    ) -> Result<Value, Error> {
        check_reads(caller, "read histories")?;
        let root = self.root_of(target).await?;
        let found = self.page(caller, Scope::Root(root), after, limit).await?;
        // Attempts at something that never was are no history of it.
        let happened = |event: &Value| {
            let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
            !kind.starts_with("attempt.")
        };
        let events = found.get("events").and_then(Value::as_array);
        if after == Position::START && !events.into_iter().flatten().any(happened) {
            return Err(Error::NotFound { what: "lead with this id or key".to_owned() });
        }
        Ok(found)
    }

    /// A page of the log. `next` is where the next page begins.
    ///
    /// # Errors
    /// The caller may not read, or the log failed.
    pub async fn events(
        &self,
        caller: &Caller,
        after: Position,
        limit: usize,
    ) -> Result<Value, Error> {
        check_reads(caller, "read events")?;
        self.page(caller, Scope::All, after, limit).await
    }

    async fn page(
        &self,
        caller: &Caller,
        scope: Scope,
        after: Position,
        limit: usize,
    ) -> Result<Value, Error> {
        let read = Read {
            scope,
            after,
            through: None,
            direction: Direction::Forward,
            limit: limit.clamp(1, PAGE_EVENTS_MAX),
        };
        let page = self.log.read(read).await.map_err(log_failed)?;
        let next = page.events.last().map_or(after, |event| event.position);
        let events = page.events.iter().map(event_json).collect::<Result<Vec<_>, _>>()?;
        let mut document = json!({"events": events, "next": next.0, "head": page.head.0});
        self.open_envelopes(&mut document, caller.role.reads_names()).await?;
        Ok(document)
    }

    /// Why an event came about: the event with the command that led to it.
    ///
    /// # Errors
    /// The caller may not read, there is no event at this position, or the log failed.
    pub async fn explain(&self, caller: &Caller, position: Position) -> Result<Value, Error> {
        check_reads(caller, "read events")?;
        let mut page =
            self.page(caller, Scope::All, Position(position.0.saturating_sub(1)), 1).await?;
        let event = page.get_mut("events").and_then(Value::as_array_mut).and_then(Vec::pop);
        event
            .filter(|event| event.get("position") == Some(&json!(position.0)))
            .ok_or_else(|| Error::NotFound { what: format!("event at position {position}") })
    }
}

/// An event as the API shows it, its envelopes still sealed.
fn event_json(recorded: &Recorded) -> Result<Value, Error> {
    let stored = &recorded.event;
    let unreadable = |error| Error::failed("event log", error);
    let meta = StoredMeta::decode(&stored.meta).map_err(unreadable)?;
    let data: Value =
        serde_json::from_slice(&stored.data).map_err(|error| Error::failed("event log", error))?;
    let stream = stream_of(&stored.stream)
        .map_or_else(|| stored.stream.to_string(), |stream| stream.to_string());
    let trigger = meta.trigger.as_ref().map(|trigger| {
        json!({
            "command": trigger.command,
            "payload": trigger.payload,
            "target": trigger.target.to_string(),
            "actor": trigger.actor.name(),
            "now": trigger.now.to_string(),
            "occurred_at": trigger.occurred_at.to_string(),
            "config_version": trigger.config_version,
        })
    });
    Ok(json!({
        "position": recorded.position.0,
        "id": stored.event_id,
        "type": stored.event_type,
        "schema_version": stored.schema_version,
        "class": meta.class.name(),
        "stream": stream,
        "version": recorded.version,
        "root": stored.root,
        "effective_at": Timestamp::from_millis(stored.effective_at).to_string(),
        "recorded_at": Timestamp::from_millis(recorded.recorded_at).to_string(),
        "actor": {"kind": meta.actor.kind.name(), "id": meta.actor.id, "on_behalf_of": meta.actor.on_behalf_of},
        "command": meta.command,
        "command_id": meta.command_id.0,
        "trace_id": meta.trace_id,
        "policies": meta.policies.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "rule": meta.rule,
        "inputs": meta.inputs.iter().map(|(name, input)| (name.clone(), input_json(input))).collect::<serde_json::Map<_, _>>(),
        "data": data,
        "trigger": trigger,
    }))
}

fn input_json(input: &leadline_domain::decision::Input) -> Value {
    use leadline_domain::decision::Input;
    match input {
        Input::Text(text) => text.as_str().into(),
        Input::Number(number) => (*number).into(),
        Input::Time(at) => at.to_string().into(),
        Input::Flag(flag) => (*flag).into(),
    }
}
