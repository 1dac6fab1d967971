//! Records beside the domain: the course of an import, on a stream of its own.

use crate::engine::Engine;
use crate::error::Error;
use crate::model::Rules;
use crate::submission::Caller;
use leadline_domain::StreamId;
use leadline_domain::decision::{Class, Explanation};
use leadline_domain::id::{CommandId, ImportId};
use leadline_events::{Decoded, Meta, Record, decode, stream_key};
use leadline_log::committer::{Desk, Draft, Job, Outcome, Step};
use leadline_log::{Append, NewEvent, Position};
use std::borrow::Cow;
use std::sync::Arc;
use tokio::sync::oneshot;
use uuid::Uuid;

struct RecordJob {
    stream: StreamId,
    event: NewEvent,
    command: CommandId,
    reply_to: Option<oneshot::Sender<Outcome>>,
}

impl Job<Rules> for RecordJob {
    fn decide(&mut self, desk: &mut Desk<'_, Rules>) -> Step<Rules> {
        let key = stream_key(&self.stream);
        let Some((version, state)) = desk.stream(&key) else { return Step::Wait };
        let append = Append {
            command_id: *self.command.0.as_bytes(),
            payload_hash: [0; 16],
            expect: vec![(key, version)],
            claims: Vec::new(),
            events: vec![self.event.clone()],
            group: None,
        };
        Step::Append(Draft { append, states: vec![(key, state)] })
    }

    fn finish(mut self: Box<Self>, outcome: Outcome) {
        if let Some(reply_to) = self.reply_to.take() {
            drop(reply_to.send(outcome));
        }
    }
}

impl Engine {
    /// Notes a record on the stream of an import. The same `name` of the same import is noted once, for ever.
    ///
    /// # Errors
    /// The log failed.
    pub async fn note_import(
        &self,
        caller: &Caller,
        import: ImportId,
        name: &str,
        record: &Record,
    ) -> Result<(), Error> {
        let stream = StreamId::Import(import);
        let command = CommandId(Uuid::new_v5(&import.0, name.as_bytes()));
        let encoded = record.encode();
        let explanation = Explanation::default();
        let meta = Meta {
            class: Class::Fact,
            actor: &caller.actor,
            command_id: command,
            command: "ImportHistory",
            correlation: import.0,
            causation: None,
            trace_id: None,
            policies: &[],
            explanation: &explanation,
            subject: None,
            trigger: None,
        };
        let event = NewEvent {
            stream: stream_key(&stream),
            event_type: Cow::Borrowed(encoded.event_type),
            schema_version: encoded.schema_version,
            event_id: command.0,
            root: import.0,
            effective_at: self.now().millis(),
            meta: meta.encode(),
            data: encoded.data,
        };
        let (reply_to, outcome) = oneshot::channel();
        let job = RecordJob { stream, event, command, reply_to: Some(reply_to) };
        self.committer
            .submit_wait(Box::new(job))
            .await
            .map_err(|error| Error::of_log(Arc::new(error)))?;
        match outcome.await {
            Ok(Outcome::Committed { .. } | Outcome::Duplicate(_) | Outcome::Done) => Ok(()),
            Ok(Outcome::Failed(error)) => Err(Error::of_log(error)),
            Err(_) => Err(Error::of_log(Arc::new(leadline_log::Error::Closed))),
        }
    }

    /// Everything noted on the stream of an import, oldest first.
    ///
    /// # Errors
    /// The log failed.
    pub async fn import_records(&self, import: ImportId) -> Result<Vec<(Position, Record)>, Error> {
        let failed = |error| Error::failed("event log", error);
        let streams =
            self.log.streams(&[stream_key(&StreamId::Import(import))]).await.map_err(failed)?;
        let mut records = Vec::new();
        for recorded in streams.iter().flatten() {
            let event = &recorded.event;
            let decoded = decode(&event.event_type, event.schema_version, &event.data)
                .map_err(|error| Error::failed("event log", error))?;
            if let Decoded::Record(record) = decoded {
                records.push((recorded.position, record));
            }
        }
        Ok(records)
    }
}
