//! The server: connections, their limits, and an orderly end.

use crate::api::Api;
use crate::routes::router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Most connections that are open at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 4_096;
/// How long a request's head may take to arrive, and how long a connection may stay idle.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);
/// How long requests in flight may take to end when the server closes.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);
/// How often metrics are put in order.
const UPKEEP: Duration = Duration::from_secs(5);
/// How long to wait before accepting again, where the machine ran out of sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the server ended.
#[derive(Debug, Error)]
pub enum Error {
    /// No connection can be accepted any more.
    #[error("could not accept connections")]
    Accept(#[source] std::io::Error),
}

/// Serves the API on `listener` until [`Parts::stop`](crate::Parts::stop), then lets requests in flight end.
///
/// # Errors
/// The listener failed.
pub async fn serve(listener: TcpListener, api: Api) -> Result<(), Error> {
    let stop = api.stop.clone();
    let upkeep = tokio::spawn(keep_up(api.clone()));
    let service = TowerToHyperService::new(router(api));
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX).pipeline_flush(true);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &room) => accepted,
        };
        let (socket, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_passing(&error) => {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
            Err(error) => return Err(Error::Accept(error)),
        };
        let connection = http.serve_connection(TokioIo::new(socket), service.clone());
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "A connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIME_MAX, graceful.shutdown()).await.is_err() {
        tracing::warn!("Requests were still in flight when the server closed");
    }
    upkeep.abort();
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> std::io::Result<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(std::io::Error::other)?;
    let (socket, _) = listener.accept().await?;
    // Replies are small and complete: nothing is gained by holding them back.
    socket.set_nodelay(true)?;
    Ok((socket, permit))
}

/// Whether accepting may work again: the peer went away, or sockets ran out for the moment.
fn is_passing(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    /// Too many open files, of the process and of the machine.
    const OUT_OF_FILES: [i32; 2] = [24, 23];
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::NotConnected
            | ErrorKind::InvalidInput
    ) || error.raw_os_error().is_some_and(|code| OUT_OF_FILES.contains(&code))
}

async fn keep_up(api: Api) {
    let mut turns = tokio::time::interval(UPKEEP);
    loop {
        tokio::select! {
            () = api.stop.cancelled() => return,
            _ = turns.tick() => api.metrics.run_upkeep(),
        }
    }
}
