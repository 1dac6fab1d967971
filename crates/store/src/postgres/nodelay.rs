//! Sends without waiting: `TCP_NODELAY` on the sockets of sessions.
//!
//! The driver leaves it off and keeps its sockets to itself. A request that takes more than one segment then waits for
//! the server's delayed acknowledgement, 40 ms and more, in the middle of every larger batch. So the sockets are found
//! among the process's own open files, by the port that they are connected to.

use rustix::net::{SocketAddrAny, getpeername, sockopt};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::net::SocketAddr;

/// Turns it on for every TCP socket of this process that is connected to this port. Where the system does not let the
/// process look at its own files, sessions work as before, slower.
pub(super) fn set(port: u16) {
    if let Err(error) = try_set(port) {
        tracing::debug!(%error, "TCP_NODELAY could not be set on sessions of the database");
    }
}

fn try_set(port: u16) -> std::io::Result<()> {
    let own = pidfd_open(getpid(), PidfdFlags::empty())?;
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A second handle of the same socket. The file may be closed, or be none that this can be done with.
        let Ok(file) = pidfd_getfd(&own, number, PidfdGetfdFlags::empty()) else { continue };
        let peer = getpeername(&file).ok().flatten().map(SocketAddrAny::try_into);
        let Some(Ok(peer)) = peer else { continue };
        let peer: SocketAddr = peer;
        if peer.port() == port && !sockopt::tcp_nodelay(&file)? {
            sockopt::set_tcp_nodelay(&file, true)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn sockets_of_the_port_send_at_once_and_others_stay_as_they_are() {
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (database, other) = (listen(), listen());
        let connect = |to: &TcpListener| TcpStream::connect(to.local_addr().unwrap()).unwrap();
        let (session, foreign) = (connect(&database), connect(&other));
        set(database.local_addr().unwrap().port());
        assert!(session.nodelay().unwrap());
        assert!(!foreign.nodelay().unwrap());
    }
}
