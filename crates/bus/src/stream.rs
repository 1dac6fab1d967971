//! The streams on the server: asked for with every setting named, and read back.
//!
//! A server takes settings that it does not know and ignores them, so only what it tells to have counts.

use crate::error::Error;
use crate::wire::SUBJECT_PREFIX;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};
use leadline_log::Misfit;
use std::fmt::Debug;
use std::time::Duration;
use uuid::Uuid;

/// The stream of events.
pub const EVENTS: &str = "LEADLINE_EVENTS";
/// The stream of what other systems capture.
pub const CAPTURE: &str = "LEADLINE_CAPTURE";
/// How long the server recognises a repeated message by its id, where messages live that long.
const DUPLICATE_WINDOW: Duration = Duration::from_mins(2);
/// What the description of the stream of captures says before the id of the log that it is of.
const OWNED_BY: &str = "captures for the log ";

/// How the server keeps a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long messages are kept; zero is for as long as there is room.
    pub max_age: Duration,
    /// How many bytes of messages are kept. The server sets the room aside when the stream is made.
    pub max_bytes: i64,
}

impl Settings {
    /// What is kept of the events: a week, at most 1 GiB. Whoever is further behind reads the log.
    pub fn events() -> Self {
        Self { max_age: Duration::from_hours(7 * 24), max_bytes: 1 << 30 }
    }

    /// What is kept of captures: all until it is in the log, at most 1 GiB.
    pub fn capture() -> Self {
        Self { max_age: Duration::ZERO, ..Self::events() }
    }

    /// The window within which the server recognises repeated messages: it refuses one longer than messages live.
    fn window(&self) -> Duration {
        if self.max_age.is_zero() { DUPLICATE_WINDOW } else { DUPLICATE_WINDOW.min(self.max_age) }
    }
}

/// The stream of events: the oldest go where there is no room, for the log has them. Nobody deletes single ones.
pub(crate) fn events(settings: &Settings) -> Config {
    Config {
        name: EVENTS.to_owned(),
        subjects: vec![format!("{SUBJECT_PREFIX}.>")],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        deny_delete: true,
        deny_purge: true,
        ..common(settings)
    }
}

/// The stream of captures: a message is gone once it is acknowledged, and none is taken where there is no room, for
/// nobody else has it. Its description says whose it is, where that is given: its messages do not.
pub(crate) fn capture(settings: &Settings, subject: &str, owner: Option<Uuid>) -> Config {
    Config {
        description: owner.map(|log| format!("{OWNED_BY}{log}")),
        name: CAPTURE.to_owned(),
        subjects: vec![subject.to_owned()],
        retention: RetentionPolicy::WorkQueue,
        discard: DiscardPolicy::New,
        ..common(settings)
    }
}

/// The log that a stream says it is of; nothing of a stream of events, nor where an earlier version made it.
pub(crate) fn owner(config: &Config) -> Option<Uuid> {
    config.description.as_deref()?.strip_prefix(OWNED_BY)?.parse().ok()
}

fn common(settings: &Settings) -> Config {
    Config {
        storage: StorageType::File,
        max_age: settings.max_age,
        max_bytes: settings.max_bytes,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_message_size: -1,
        max_consumers: -1,
        num_replicas: 1,
        duplicate_window: settings.window(),
        ..Config::default()
    }
}

/// What is wanted, in as many copies as are found: how many there are is for the cluster's operator to say.
pub(crate) fn copied(wanted: Config, found: &Config) -> Config {
    Config { num_replicas: wanted.num_replicas.max(found.num_replicas), ..wanted }
}

/// The stream, made or changed to what `wanted` says where it is not so yet. One of another log is left alone.
pub(crate) async fn ensure(context: &Context, wanted: Config) -> Result<Stream, Error> {
    let found = match context.get_stream(&wanted.name).await {
        Ok(stream) => stream,
        Err(error) if is_missing(&error.kind()) => {
            let created = context.create_stream(wanted.clone()).await;
            tracing::info!(stream = wanted.name, "Created a stream on NATS");
            created.map_err(Error::nats("create a stream"))?
        }
        Err(error) => return Err(Error::nats("look a stream up")(error)),
    };
    let config = &found.cached_info().config;
    if let (Some(expected), Some(found)) = (owner(&wanted), owner(config))
        && found != expected
    {
        let misfit = Misfit::OtherLog { expected, found };
        return Err(Error::OtherLog { stream: wanted.name, misfit });
    }
    let wanted = copied(wanted, config);
    let differences = compare(&wanted, config);
    if differences.is_empty() {
        return Ok(found);
    }
    tracing::info!(stream = wanted.name, differences, "Changing a stream on NATS");
    if let Err(error) = context.update_stream(wanted.clone()).await {
        tracing::warn!(stream = wanted.name, %error, "NATS does not change the stream");
    }
    let info = found.get_info().await.map_err(Error::nats("look a stream up"))?;
    let differences = compare(&wanted, &info.config);
    if differences.is_empty() {
        return Ok(found);
    }
    Err(Error::KeptOtherwise { stream: wanted.name, differences })
}

pub(crate) fn is_missing(kind: &GetStreamErrorKind) -> bool {
    let GetStreamErrorKind::JetStream(error) = kind else { return false };
    error.error_code() == async_nats::jetstream::ErrorCode::STREAM_NOT_FOUND
}

/// Each setting that is not as wanted.
pub(crate) fn compare(wanted: &Config, found: &Config) -> String {
    let mut differences = Vec::new();
    let mut check = |field: &str, wanted: &dyn Debug, found: &dyn Debug| {
        let (wanted, found) = (format!("{wanted:?}"), format!("{found:?}"));
        if wanted != found {
            differences.push(format!("{field} is {found} instead of {wanted}"));
        }
    };
    check("subjects", &wanted.subjects, &found.subjects);
    check("storage", &wanted.storage, &found.storage);
    check("retention", &wanted.retention, &found.retention);
    check("discard", &wanted.discard, &found.discard);
    check("max_age", &wanted.max_age, &found.max_age);
    check("max_bytes", &wanted.max_bytes, &found.max_bytes);
    check("max_msgs", &wanted.max_messages, &found.max_messages);
    check(
        "max_msgs_per_subject",
        &wanted.max_messages_per_subject,
        &found.max_messages_per_subject,
    );
    check("max_msg_size", &wanted.max_message_size, &found.max_message_size);
    check("max_consumers", &wanted.max_consumers, &found.max_consumers);
    check("num_replicas", &wanted.num_replicas, &found.num_replicas);
    check("duplicate_window", &wanted.duplicate_window, &found.duplicate_window);
    check("deny_delete", &wanted.deny_delete, &found.deny_delete);
    check("deny_purge", &wanted.deny_purge, &found.deny_purge);
    check("sealed", &wanted.sealed, &found.sealed);
    check("no_ack", &wanted.no_ack, &found.no_ack);
    check("mirror", &wanted.mirror, &found.mirror);
    check("sources", &wanted.sources, &found.sources);
    if wanted.description.is_some() {
        check("description", &wanted.description, &found.description);
    }
    differences.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_that_differs_is_named() {
        let owner = Some(Uuid::from_u128(7));
        let wanted = Config { deny_purge: true, ..capture(&Settings::events(), "a", owner) };
        assert_eq!(compare(&wanted, &wanted), "");
        let found = Config {
            description: None,
            deny_purge: false,
            max_age: Duration::from_secs(1),
            ..wanted.clone()
        };
        assert_eq!(
            compare(&wanted, &found),
            "max_age is 1s instead of 604800s; deny_purge is false instead of true; \
             description is None instead of \
             Some(\"captures for the log 00000000-0000-0000-0000-000000000007\")"
        );
    }

    #[test]
    fn a_stream_of_captures_tells_whose_it_is() {
        let owner = Uuid::from_u128(7);
        assert_eq!(super::owner(&capture(&Settings::capture(), "a", Some(owner))), Some(owner));
        assert_eq!(super::owner(&capture(&Settings::capture(), "a", None)), None);
        assert_eq!(super::owner(&events(&Settings::events())), None);
    }

    #[test]
    fn repeats_are_recognised_no_longer_than_messages_live() {
        let short = Settings { max_age: Duration::from_secs(5), ..Settings::events() };
        assert_eq!(events(&short).duplicate_window, Duration::from_secs(5));
        let forever = Settings { max_age: Duration::ZERO, ..Settings::events() };
        assert_eq!(events(&forever).duplicate_window, Duration::from_mins(2));
    }
}
