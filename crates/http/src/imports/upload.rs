//! A file on its way in: limits of size and time, and a place to lie.

use crate::problem::Problem;
use crate::request::{BODY_TIME_MAX, Call, too_slow};
use axum::body::Body;
use axum::http::StatusCode;
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt as _;
use leadline_capture::import::Source;
use leadline_engine::Error;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

/// Largest file, in bytes, as it is sent and once it is unpacked.
const IMPORT_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// How long a file may take to arrive.
const UPLOAD_TIME_MAX: Duration = Duration::from_hours(2);
/// Bytes a second that have to arrive on average, after the first [`BODY_TIME_MAX`].
const UPLOAD_RATE_MIN: u64 = 32 * 1024;

fn too_large() -> Problem {
    let detail = format!("an import has at most {IMPORT_BYTES_MAX} bytes, unpacked");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
}

fn spool_failed(error: io::Error) -> Problem {
    Error::failed("import's file", error).into()
}

/// Writes the body to a file without a name: nobody else can read it, and it is gone when this process is, however that
/// ends.
pub(super) async fn take_file(call: &mut Call, gzip: bool) -> Result<Source, Problem> {
    let file = tempfile::tempfile_in(&call.api.spool).map_err(spool_failed)?;
    let mut arriving = tokio::fs::File::from_std(file.try_clone().map_err(spool_failed)?);
    receive(call.body_stream(), Instant::now(), &mut arriving).await?;
    arriving.flush().await.map_err(spool_failed)?;
    if gzip {
        check_unpacked(file.try_clone().map_err(spool_failed)?).await?;
    }
    Ok(Source::Upload { file: Arc::new(file), gzip })
}

/// Writes to `file` what arrives of an upload that has begun at `begun`.
async fn receive(
    mut body: Body,
    begun: Instant,
    file: &mut (impl AsyncWrite + Unpin),
) -> Result<(), Problem> {
    let mut bytes = 0_u64;
    loop {
        let due = (begun + time_for(bytes)).min(Instant::now() + BODY_TIME_MAX);
        let frame = match timeout_at(due, body.frame()).await {
            Ok(None) => return Ok(()),
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => {
                let detail = "the body did not arrive whole";
                return Err(Problem::malformed("body_incomplete", detail));
            }
            Err(_) => return Err(too_slow()),
        };
        let Ok(data) = frame.into_data() else { continue };
        bytes = bytes.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
        if bytes > IMPORT_BYTES_MAX {
            return Err(too_large());
        }
        file.write_all(&data).await.map_err(spool_failed)?;
    }
}

/// How long an upload of which `bytes` are here may have gone on without the next piece.
fn time_for(bytes: u64) -> Duration {
    let earned = Duration::from_secs(bytes / UPLOAD_RATE_MIN);
    UPLOAD_TIME_MAX.min(BODY_TIME_MAX.saturating_add(earned))
}

/// Unpacks once, to see that it can be done and how large it is.
async fn check_unpacked(mut file: File) -> Result<(), Problem> {
    let unpacked = tokio::task::spawn_blocking(move || {
        file.rewind()?;
        let mut lines = MultiGzDecoder::new(io::BufReader::new(file)).take(IMPORT_BYTES_MAX + 1);
        io::copy(&mut lines, &mut io::sink())
    });
    match unpacked.await {
        Ok(Ok(bytes)) if bytes <= IMPORT_BYTES_MAX => Ok(()),
        Ok(Ok(_)) => Err(too_large()),
        Ok(Err(_)) => Err(Problem::malformed("gzip_invalid", "the file is not sound gzip")),
        Err(error) => Err(Error::failed("import", error).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures::{StreamExt as _, stream};
    use std::convert::Infallible;

    const PIECE: usize = 64 * 1024;

    /// A body of `pieces` at once, and then nothing for ever.
    fn halting(pieces: usize) -> Body {
        let piece = || Ok::<_, Infallible>(Bytes::from(vec![b'x'; PIECE]));
        Body::from_stream(stream::iter((0..pieces).map(move |_| piece())).chain(stream::pending()))
    }

    #[tokio::test]
    async fn an_upload_that_crawls_is_given_up() {
        let begun = Instant::now();
        let just_over = |bytes: u64| begun.checked_sub(time_for(bytes)).unwrap();
        let mut file = Vec::new();
        let slow = receive(halting(0), just_over(0), &mut file).await;
        assert_eq!(slow, Err(too_slow()));
        // Ten pieces earn twenty seconds more.
        let slow = receive(halting(10), just_over(10 * PIECE as u64), &mut file).await;
        assert_eq!(slow, Err(too_slow()));
        assert_eq!(file.len(), 10 * PIECE);
        let whole = Body::from(vec![b'x'; PIECE]);
        assert_eq!(receive(whole, just_over(0), &mut file).await, Ok(()), "it is here already");
    }

    #[test]
    fn an_upload_earns_time_by_what_arrives_up_to_a_limit() {
        assert_eq!(time_for(0), BODY_TIME_MAX);
        assert_eq!(time_for(UPLOAD_RATE_MIN * 10), BODY_TIME_MAX + Duration::from_secs(10));
        assert_eq!(time_for(IMPORT_BYTES_MAX), UPLOAD_TIME_MAX);
    }
}
