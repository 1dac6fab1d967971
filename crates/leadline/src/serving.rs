//! A node at work: API, projector and timer, until it is told to stop.

use crate::failure::Failure;
use crate::node::{Node, Published};
use leadline_engine::timer;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::TaskTracker;

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

/// Serves until SIGINT or SIGTERM, then finishes what was acknowledged. `announce` is told the address.
pub(crate) async fn serve(
    node: Node,
    listener: TcpListener,
    announce: impl FnOnce(SocketAddr),
) -> Result<(), Failure> {
    let address =
        listener.local_addr().map_err(|error| Failure::of("listen on", &"the address", error))?;
    let key = node
        .engine
        .local_key("operator")
        .map_err(|error| Failure::of("make", &"a local key", error))?;
    let published = Published {
        pid: std::process::id(),
        address: format!("http://{address}"),
        bearer: key.bearer,
    };
    let content = serde_json::to_string(&published)
        .map_err(|error| Failure::of("write", &"the lock file", error))?;
    node.lock.publish(&content).map_err(|error| Failure::of("write", &"the lock file", error))?;
    let api = node.api();
    let tasks = TaskTracker::new();
    let (engine, projections, stop) =
        (Arc::clone(&node.engine), Arc::clone(&node.projections), node.stop.clone());
    tasks.spawn(async move { projections.run(&engine, stop).await });
    tasks.spawn(timer::run(Arc::clone(&node.engine), node.deadlines, node.stop.clone()));
    let (engine, stop_recovery) = (Arc::clone(&node.engine), node.stop.clone());
    tasks.spawn(async move {
        let recovered = tokio::select! {
            () = stop_recovery.cancelled() => return,
            recovered = engine.recover_deadlines() => recovered,
        };
        match recovered {
            Ok(0) => {}
            Ok(found) => tracing::info!(clocks = found, "Found {found} running clocks"),
            Err(error) => tracing::error!(%error, "Could not find the running clocks; they are settled by the next command"),
        }
    });
    let stop = node.stop.clone();
    let mut interrupt = signal(SignalKind::interrupt())
        .map_err(|error| Failure::of("watch for", &"SIGINT", error))?;
    let mut terminate = signal(SignalKind::terminate())
        .map_err(|error| Failure::of("watch for", &"SIGTERM", error))?;
    tasks.spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.cancel();
    });
    announce(address);
    let served = leadline_http::serve(listener, api).await;
    node.stop.cancel();
    node.engine.close().await;
    tasks.close();
    tasks.wait().await;
    served.map_err(|error| Failure::of("serve on", &address, error))
}
