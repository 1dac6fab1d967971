//! The server: connections, their limits, and an orderly end.

use crate::api::Api;
use crate::press::Pressed;
use crate::routes::router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Most connections that are open at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 4_096;
/// How long a request's head may take to arrive, and how long a connection may stay idle.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);
/// How long a peer may take nothing of what is sent to it, on a stream too; then the connection is cut.
const WRITE_STALL_MAX: Duration = Duration::from_secs(30);
/// How long requests in flight may take to end when the server closes.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);
/// How often metrics are put in order, and keys forgotten that have been silent.
const UPKEEP: Duration = Duration::from_secs(5);
/// How long to wait before accepting again, where one connection could not be taken or the machine ran out of sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the server ended.
#[derive(Debug, Error)]
pub enum Error {
    /// The listener is gone: no connection can be accepted any more.
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
            Err(error) if is_final(&error) => return Err(Error::Accept(error)),
            Err(error) => {
                tracing::warn!(%error, "Could not accept a connection; going on");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let socket = TokioIo::new(Pressed::new(socket, WRITE_STALL_MAX));
        let connection = http.serve_connection(socket, service.clone());
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
    // Replies are small and complete: nothing is gained by holding them back. A peer that is gone already is met when
    // it is read.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "A connection ended before it was served");
    }
    Ok((socket, permit))
}

/// Whether the listener itself is at fault. Anything else befell one connection, or passes: accept(2) reports errors
/// of the network that were pending on the new socket, a lack of files or memory, and refusals by a firewall.
fn is_final(error: &std::io::Error) -> bool {
    /// What accept(2) says of a descriptor that is closed, no listener (any more), or no socket.
    const OF_THE_LISTENER: [i32; 3] = [9, 22, 88];
    error.raw_os_error().is_some_and(|code| OF_THE_LISTENER.contains(&code))
}

async fn keep_up(api: Api) {
    let mut turns = tokio::time::interval(UPKEEP);
    loop {
        tokio::select! {
            () = api.stop.cancelled() => return,
            _ = turns.tick() => {
                api.metrics.run_upkeep();
                if let Some(rates) = &api.rates {
                    rates.forget(Instant::now());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Error as IoError;

    #[test]
    fn only_a_listener_that_is_gone_ends_the_server() {
        // EPERM, EAGAIN, ENOMEM, ENFILE, EMFILE, EPROTO, EOPNOTSUPP, ENETDOWN, ENETUNREACH, ECONNABORTED, ENOBUFS,
        // EHOSTDOWN, EHOSTUNREACH
        for code in [1, 11, 12, 23, 24, 71, 95, 100, 101, 103, 105, 112, 113] {
            assert!(!is_final(&IoError::from_raw_os_error(code)), "{code}");
        }
        // EBADF, EINVAL, ENOTSOCK
        for code in [9, 22, 88] {
            assert!(is_final(&IoError::from_raw_os_error(code)), "{code}");
        }
        assert!(!is_final(&IoError::other("no code")));
    }
}
