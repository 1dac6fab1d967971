//! Connections whose peer has to read what it asked for.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// A connection that fails where its peer takes nothing for a time: hyper waits for a writer for ever, and each such
/// connection holds its place, its buffers and, on a stream, its permit.
#[derive(Debug)]
pub(crate) struct Pressed<I> {
    io: I,
    limit: Duration,
    /// Runs while the peer takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<I: Unpin> Pressed<I> {
    /// `io`, whose peer may take nothing for at most `limit`.
    pub(crate) const fn new(io: I, limit: Duration) -> Self {
        Self { io, limit, stalled: None }
    }

    /// The outcome of writing, or an error where nothing could be written for too long.
    fn press<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let limit = self.limit;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read")))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Pressed<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Pressed<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.press(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.press(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(context);
        self.press(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.io).poll_shutdown(context);
        self.press(context, closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::{Request, Response};
    use bytes::Bytes;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use std::convert::Infallible;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const LIMIT: Duration = Duration::from_millis(50);

    /// Answers with a stream that never ends.
    async fn endless(_: Request<hyper::body::Incoming>) -> Result<Response<Body>, Infallible> {
        let piece = || async { Some((Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 512])), ())) };
        Ok(Response::new(Body::from_stream(futures::stream::unfold((), move |()| piece()))))
    }

    #[tokio::test]
    async fn a_stream_that_nobody_reads_is_cut() {
        let (mut client, server) = tokio::io::duplex(1_024);
        let server = TokioIo::new(Pressed::new(server, LIMIT));
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(server, service_fn(endless));
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(30), connection).await;
        ended.expect("the connection ends").unwrap_err();
        // What lay in the connection is still there; then it ends.
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert!(rest.starts_with(b"HTTP/1.1 200 OK"));
    }

    #[tokio::test]
    async fn whoever_reads_slowly_is_not_cut() {
        let (mut client, server) = tokio::io::duplex(16);
        let mut server = Pressed::new(server, LIMIT);
        let writer = async move {
            for _ in 0..8 {
                server.write_all(&[b'x'; 16]).await.unwrap();
            }
        };
        let reader = async move {
            for _ in 0..8 {
                // Together far more than the limit, each alone less.
                tokio::time::sleep(LIMIT / 5).await;
                client.read_exact(&mut [0; 16]).await.unwrap();
            }
        };
        tokio::join!(writer, reader);
    }
}
