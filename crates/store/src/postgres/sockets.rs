//! Settings of the sockets of sessions, which the driver keeps to itself: they are found among the process's own open
//! files, by the port that they are connected to.
//!
//! `TCP_NODELAY`: a request that takes more than one segment would wait for the server's delayed acknowledgement, 40 ms
//! and more, in the middle of every larger batch. And keep-alive: a machine that loses its power closes no connection, and
//! whoever waits for its answer would wait as long as the longest statement may take.

use rustix::net::{SocketAddrAny, getpeername, sockopt};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::Duration;

/// How long a connection may be silent before it is probed, how often, and how many probes may be lost.
const PROBE_AFTER: Duration = Duration::from_secs(5);
const PROBE_PAUSE: Duration = Duration::from_secs(5);
const PROBES_LOST_MAX: u32 = 3;
/// How long what was sent may stay unacknowledged, in milliseconds.
const SENT_MAX_MILLIS: u32 = 20_000;

/// Sets up every TCP socket of this process that is connected to this port. Where the system does not let the process
/// look at its own files, sessions work as before, slower. Looks at every open file: not to be called where nobody may
/// block.
pub(super) fn set(port: u16) {
    if let Err(error) = try_set(port) {
        tracing::debug!(%error, "The sockets of sessions of the database could not be set up");
    }
}

fn try_set(port: u16) -> std::io::Result<()> {
    let own = pidfd_open(getpid(), PidfdFlags::empty())?;
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let is_socket =
            |target: std::path::PathBuf| target.to_string_lossy().starts_with("socket:");
        if !std::fs::read_link(entry.path()).is_ok_and(is_socket) {
            continue;
        }
        // A second handle of the same socket. The file may be closed, or be none that this can be done with.
        let Ok(file) = pidfd_getfd(&own, number, PidfdGetfdFlags::empty()) else { continue };
        let peer = getpeername(&file).ok().flatten().map(SocketAddrAny::try_into);
        let Some(Ok(peer)) = peer else { continue };
        let peer: SocketAddr = peer;
        if peer.port() == port && !sockopt::tcp_nodelay(&file)? {
            set_up(&file)?;
        }
    }
    Ok(())
}

fn set_up(socket: impl AsFd) -> std::io::Result<()> {
    let socket = socket.as_fd();
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, PROBE_AFTER)?;
    sockopt::set_tcp_keepintvl(socket, PROBE_PAUSE)?;
    sockopt::set_tcp_keepcnt(socket, PROBES_LOST_MAX)?;
    sockopt::set_tcp_user_timeout(socket, SENT_MAX_MILLIS)?;
    // Last, for it tells that all of this has been done.
    Ok(sockopt::set_tcp_nodelay(socket, true)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn sockets_of_the_port_are_set_up_and_others_stay_as_they_are() {
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (database, other) = (listen(), listen());
        let connect = |to: &TcpListener| TcpStream::connect(to.local_addr().unwrap()).unwrap();
        let (session, foreign) = (connect(&database), connect(&other));
        set(database.local_addr().unwrap().port());
        assert!(session.nodelay().unwrap());
        assert!(sockopt::socket_keepalive(&session).unwrap());
        assert_eq!(sockopt::tcp_user_timeout(&session).unwrap(), SENT_MAX_MILLIS);
        assert!(!foreign.nodelay().unwrap());
    }
}
