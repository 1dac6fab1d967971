//! Looking at a NATS server without changing anything on it.

use crate::connection::Connection;
use crate::error::Error;
use crate::inbox::SUBJECT;
use crate::publisher::resume;
use crate::stream::{self, CAPTURE, EVENTS, Settings, compare, is_missing};
use async_nats::jetstream::Context;
use async_nats::jetstream::stream::Config;
use leadline_log::Place;
use std::time::Duration;
use uuid::Uuid;

/// How long a server may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// What there is of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nothing yet.
    Missing,
    /// It is as leadline asks.
    AsAsked,
    /// It differs in this.
    Otherwise(String),
}

/// What is said of a server.
#[derive(Debug)]
pub struct Examined {
    /// Its version.
    pub version: String,
    /// Whether it is of 2.10 or later, which can sync each message.
    pub recent: bool,
    /// Each stream of leadline's, or why JetStream does not answer.
    pub streams: Result<Vec<(&'static str, Kept)>, Error>,
    /// The log that takes the captures, where that is told.
    pub taken_by: Option<Uuid>,
    /// The last event of the stream of events, where there is one.
    pub last: Option<Place>,
}

/// Looks at the server of this connection.
///
/// # Errors
/// It does not answer.
pub async fn examine(connection: &Connection) -> Result<Examined, Error> {
    let connected = tokio::time::timeout(ANSWER_MAX, connection.connected()).await;
    if connected.is_err() {
        return Err(Error::nats("connect")("no server answers within 5 seconds"));
    }
    let context = connection.jetstream(1);
    let last = match context.get_stream(EVENTS).await {
        Ok(stream) => resume::last(&stream).await?.0.map(|(stamp, _)| stamp.place),
        // What is wrong with it is told of the streams.
        Err(_) => None,
    };
    let captures = context.get_stream(CAPTURE).await.ok();
    Ok(Examined {
        taken_by: captures.and_then(|stream| stream::owner(&stream.cached_info().config)),
        version: connection.client().server_info().version,
        recent: connection.serves(2, 10, 0),
        streams: streams(&context).await,
        last,
    })
}

async fn streams(context: &Context) -> Result<Vec<(&'static str, Kept)>, Error> {
    let events = stream::events(&Settings::events());
    let capture = stream::capture(&Settings::capture(), SUBJECT, None);
    Ok(vec![(EVENTS, kept(context, &events).await?), (CAPTURE, kept(context, &capture).await?)])
}

async fn kept(context: &Context, wanted: &Config) -> Result<Kept, Error> {
    match context.get_stream(&wanted.name).await {
        Ok(stream) => {
            let found = &stream.cached_info().config;
            let differences = compare(&stream::copied(wanted.clone(), found), found);
            Ok(if differences.is_empty() { Kept::AsAsked } else { Kept::Otherwise(differences) })
        }
        Err(error) if is_missing(&error.kind()) => Ok(Kept::Missing),
        Err(error) => Err(Error::nats("look a stream up")(error)),
    }
}
