//! A line to the server that can be cut at a chosen moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes everything on between clients and the server.
#[derive(Debug)]
pub(crate) struct Proxy {
    url: String,
    cut: Arc<AtomicBool>,
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
        drop(tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                drop(tokio::spawn(pass_on(client, server, Arc::clone(&armed))));
            }
        }));
        Self { url, cut }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The next answer of the server does not arrive: the line breaks instead.
    pub(crate) fn cut_next_answer(&self) {
        self.cut.store(true, Ordering::SeqCst);
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
