//! A node at work, in the roles that it was given, until it is told to stop.

use crate::cli::ServeRole;
use crate::database::Published;
use crate::delivery::Delivery;
use crate::failure::Failure;
use crate::node::Node;
use leadline_engine::timer;
use leadline_http::Api;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// Binds the address; says what to do where it is taken.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let failure = Failure::of("listen on", &address, error);
        Failure::plain(format!(
            "{}; choose another with --listen, such as 127.0.0.1:0 for any",
            failure.message
        ))
    })
}

/// What a process does.
#[derive(Debug)]
pub(crate) struct Duties {
    /// Its roles.
    pub(crate) roles: Vec<ServeRole>,
    /// The way to NATS, where there is one.
    pub(crate) delivery: Option<Delivery>,
    /// Requests a second that each key may make, where there is a limit.
    pub(crate) rate_limit: Option<NonZeroU32>,
}

impl Duties {
    fn has(&self, role: ServeRole) -> bool {
        self.roles.contains(&role)
    }
}

/// Works until SIGINT or SIGTERM, then finishes what was acknowledged. `announce` is told the address.
pub(crate) async fn serve(
    node: Node,
    listener: TcpListener,
    duties: Duties,
    announce: impl FnOnce(SocketAddr),
) -> Result<(), Failure> {
    let address =
        listener.local_addr().map_err(|error| Failure::of("listen on", &"the address", error))?;
    let key = node
        .engine
        .local_key("operator")
        .map_err(|error| Failure::of("make", &"a local key", error))?;
    node.right.publish(&Published {
        pid: std::process::id(),
        address: format!("http://{address}"),
        bearer: key.bearer,
    })?;
    let database = node.right.database();
    let mut parts = node.api();
    parts.answers = duties.has(ServeRole::Api);
    parts.delivery = duties.delivery.as_ref().map(Delivery::report);
    let api = Api::new(parts).with_rate_limit(duties.rate_limit);
    let tasks = TaskTracker::new();
    let _signals = end_on_signals(node.stop.clone())?;
    let others = node.right.is_shared().then(|| {
        let (engine, stop) = (Arc::clone(&node.engine), node.stop.clone());
        tasks.spawn(async move {
            let followed = engine.follow_others(stop.clone()).await;
            // Where the log can be followed no more, nothing else may go on either.
            stop.cancel();
            followed
        })
    });
    if duties.has(ServeRole::Timer) {
        tasks.spawn(timer::run(Arc::clone(&node.engine), node.stop.clone()));
    }
    if let Some(delivery) = &duties.delivery {
        delivery.work(&duties.roles, &node, &tasks);
    }
    // Whoever keeps no view looks how far those are that do.
    let road = duties.delivery.as_ref().filter(|_| duties.has(ServeRole::Project));
    let road = road.map(|delivery| delivery.subscription(&node));
    let (engine, projections, stop) =
        (Arc::clone(&node.engine), Arc::clone(&node.projections), node.stop.clone());
    tasks.spawn(async move { projections.run(&engine, road, stop).await });
    announce(address);
    let served = leadline_http::serve(listener, api).await;
    node.stop.cancel();
    if node.right.is_shared() {
        node.projections.let_go().await;
    }
    node.engine.close().await;
    tasks.close();
    tasks.wait().await;
    served.map_err(|error| Failure::of("serve on", &address, error))?;
    match others {
        Some(others) => match others.await {
            Ok(followed) => followed.map_err(|error| Failure::of("go on with", &database, error)),
            Err(error) => Err(Failure::of("follow the log of", &database, error)),
        },
        None => Ok(()),
    }
}

/// Cancels `stop` at the first SIGINT or SIGTERM, and ends the process at the second, for as long as the handle lives.
fn end_on_signals(stop: CancellationToken) -> Result<AbortOnDropHandle<()>, Failure> {
    let mut interrupt = signal(SignalKind::interrupt())
        .map_err(|error| Failure::of("watch for", &"SIGINT", error))?;
    let mut terminate = signal(SignalKind::terminate())
        .map_err(|error| Failure::of("watch for", &"SIGTERM", error))?;
    Ok(AbortOnDropHandle::new(tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            // The server ended by itself, or is told to by somebody else.
            () = stop.cancelled() => {}
        }
        stop.cancel();
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        // Whoever asks twice does not want to wait. What was acknowledged is in the log.
        tracing::warn!("Ending at once, at the second signal");
        now();
    })))
}

#[expect(clippy::exit, reason = "what is under way is not to be waited for")]
fn now() {
    std::process::exit(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Database;
    use crate::node::Opening;
    use std::net::{Shutdown, TcpStream};
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    #[tokio::test]
    async fn a_server_whose_listener_is_gone_ends_with_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let right = Database::Sqlite(folder.path().join("a.db")).hold_alone().unwrap();
        let node = Node::open(right, Opening::plain(true)).await.unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        // A second handle of the same socket, to end it from outside.
        let other = TcpStream::from(OwnedFd::from(listener.try_clone().unwrap()));
        let listener = TcpListener::from_std(listener).unwrap();
        let duties = Duties { roles: ServeRole::ALL.to_vec(), delivery: None, rate_limit: None };
        let served = serve(node, listener, duties, |_| other.shutdown(Shutdown::Both).unwrap());
        let served = tokio::time::timeout(Duration::from_secs(30), served).await;
        let failure = served.expect("the server ends by itself").unwrap_err();
        assert!(failure.message.contains("could not accept connections"), "{failure:?}");
    }
}
