//! A line to the server that can be cut at a chosen moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes everything on between clients and the server.
#[derive(Debug)]
pub(crate) struct Proxy {
    url: String,
    cut: Arc<AtomicBool>,
    refused: Arc<AtomicU32>,
}

impl Proxy {
    /// A proxy in front of the server of this URL, which must name host and port.
    pub(crate) async fn new(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (user, rest) = url.split_once('@').unwrap();
        let (server, rest) = rest.split_once('/').unwrap();
        let own = listener.local_addr().unwrap();
        let (server, url) = (server.to_owned(), format!("{user}@{own}/{rest}"));
        let cut = Arc::new(AtomicBool::new(false));
        let armed = Arc::clone(&cut);
        let refused = Arc::new(AtomicU32::new(0));
        let refusals = Arc::clone(&refused);
        drop(tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let fewer = |left: u32| left.checked_sub(1);
                if refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer).is_ok() {
                    drop(tokio::spawn(refuse(client)));
                    continue;
                }
                let server = TcpStream::connect(&server).await.unwrap();
                drop(tokio::spawn(pass_on(client, server, Arc::clone(&armed))));
            }
        }));
        Self { url, cut, refused }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The next so many connections are answered as by a server that is starting up.
    pub(crate) fn refuse_next(&self, connections: u32) {
        self.refused.store(connections, Ordering::SeqCst);
    }

    /// How many of them are still to come.
    pub(crate) fn refusals_left(&self) -> u32 {
        self.refused.load(Ordering::SeqCst)
    }

    /// The next answer of the server does not arrive: the line breaks instead.
    pub(crate) fn cut_next_answer(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }
}

/// Answers as a server does while it starts up: the fields of an error, each with its letter and ended by a zero.
async fn refuse(mut client: TcpStream) {
    const FIELDS: &[u8] = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0";
    // The first message of a client, with its length in front; one that asks for TLS is told that there is none.
    let mut length = [0; 4];
    while client.read_exact(&mut length).await.is_ok() {
        let mut message = vec![0; u32::from_be_bytes(length) as usize - 4];
        client.read_exact(&mut message).await.unwrap();
        if message[..4] == 80_877_103_u32.to_be_bytes() {
            client.write_all(b"N").await.unwrap();
            continue;
        }
        let mut answer = vec![b'E'];
        answer.extend(u32::try_from(FIELDS.len() + 4).unwrap().to_be_bytes());
        answer.extend(FIELDS);
        client.write_all(&answer).await.unwrap();
        return;
    }
}

async fn pass_on(client: TcpStream, server: TcpStream, cut: Arc<AtomicBool>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asking = tokio::spawn(async move {
        // Whichever side ends first, the line is over.
        drop(tokio::io::copy(&mut from_client, &mut to_server).await);
    });
    let mut bytes = vec![0; 65_536];
    while let Ok(count @ 1..) = from_server.read(&mut bytes).await {
        if cut.swap(false, Ordering::SeqCst) || to_client.write_all(&bytes[..count]).await.is_err()
        {
            break;
        }
    }
    asking.abort();
}
