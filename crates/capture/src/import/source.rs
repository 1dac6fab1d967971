//! Where the lines of an import come from: a file, plain or gzip, with a name or without, or memory.

use super::Line;
use crate::codec::LINE_BYTES_MAX;
use crate::feed::{LineOptions, parse_line};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use thiserror::Error;
use tokio::sync::mpsc;

/// Lines that are parsed ahead of the decisions, in batches of [`BATCH_LINES`].
const BATCHES_AHEAD_MAX: usize = 8;
const BATCH_LINES: usize = 256;
const BUFFER_BYTES: usize = 256 * 1024;

/// Why the lines could not be read.
#[derive(Debug, Error)]
pub enum Error {
    /// The file cannot be opened or read.
    #[error("could not read the import file `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The reading thread died.
    #[error("reading the import stopped unexpectedly")]
    Stopped,
}

/// Where the lines of an import come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file; gzip where its name ends in `.gz`.
    File(PathBuf),
    /// A file that nobody else can open, for it has no name.
    Upload {
        /// The file. It is read from its beginning, wherever its cursor stands.
        file: Arc<File>,
        /// Whether it is gzip.
        gzip: bool,
    },
    /// Lines in memory.
    Memory(Arc<Vec<u8>>),
}

/// Lines, and how many bytes of the source they and everything before them took.
pub(super) struct Batch {
    pub(super) lines: Vec<Line>,
    pub(super) bytes: u64,
}

struct Counted<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes.fetch_add(u64::try_from(read).unwrap_or(u64::MAX), Ordering::Relaxed);
        Ok(read)
    }
}

/// A file from its beginning, whoever else reads it: it has a place of its own.
struct FromStart {
    file: Arc<File>,
    offset: u64,
}

impl Read for FromStart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset = self.offset.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(read)
    }
}

/// Lines of what is unpacked where it is gzip.
fn buffered(file: impl Read + Send + 'static, gzip: bool) -> Box<dyn BufRead + Send> {
    if gzip {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(file)))
    } else {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, file))
    }
}

impl Source {
    /// How many bytes there are, compressed or not.
    ///
    /// # Errors
    /// The file cannot be found.
    pub fn bytes(&self) -> Result<u64, Error> {
        match self {
            Self::File(path) => std::fs::metadata(path)
                .map(|found| found.len())
                .map_err(|source| self.unreadable(source)),
            Self::Upload { file, .. } => {
                file.metadata().map(|found| found.len()).map_err(|source| self.unreadable(source))
            }
            Self::Memory(lines) => Ok(u64::try_from(lines.len()).unwrap_or(u64::MAX)),
        }
    }

    fn unreadable(&self, source: io::Error) -> Error {
        let path = match self {
            Self::File(path) => path.clone(),
            Self::Upload { .. } => PathBuf::from("(upload)"),
            Self::Memory(_) => PathBuf::from("(memory)"),
        };
        Error::Unreadable { path, source }
    }

    fn open(&self, bytes: &Arc<AtomicU64>) -> Result<Box<dyn BufRead + Send>, Error> {
        let bytes = Arc::clone(bytes);
        Ok(match self {
            Self::Memory(lines) => {
                let inner = io::Cursor::new(Shared(Arc::clone(lines)));
                buffered(Counted { inner, bytes }, false)
            }
            Self::Upload { file, gzip } => {
                let inner = FromStart { file: Arc::clone(file), offset: 0 };
                buffered(Counted { inner, bytes }, *gzip)
            }
            Self::File(path) => {
                let inner = File::open(path).map_err(|source| self.unreadable(source))?;
                let ending = path.extension();
                let gzip = ending.is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
                buffered(Counted { inner, bytes }, gzip)
            }
        })
    }

    /// The hash by which the run is known: of the content, so that a file and its gzip are the same import.
    pub(super) async fn hash(&self) -> Result<String, Error> {
        let source = self.clone();
        let hashed = tokio::task::spawn_blocking(move || {
            let mut reader = source.open(&Arc::default())?;
            let mut hasher = blake3::Hasher::new();
            io::copy(&mut reader, &mut hasher).map_err(|error| source.unreadable(error))?;
            Ok(hasher.finalize().to_hex().to_string())
        });
        hashed.await.map_err(|_| Error::Stopped)?
    }

    /// The lines, parsed ahead on a thread of their own.
    pub(super) fn lines(self, options: LineOptions) -> mpsc::Receiver<Result<Batch, Error>> {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD_MAX);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = self.parse(options, &sender) {
                // Nobody listens any more where the import has failed already.
                drop(sender.blocking_send(Err(error)));
            }
        });
        receiver
    }

    fn parse(
        &self,
        options: LineOptions,
        sender: &mpsc::Sender<Result<Batch, Error>>,
    ) -> Result<(), Error> {
        let bytes = Arc::new(AtomicU64::new(0));
        let mut reader = self.open(&bytes)?;
        let mut number = 0_u64;
        let mut text = Vec::new();
        loop {
            let mut lines = Vec::with_capacity(BATCH_LINES);
            let mut ended = false;
            while lines.len() < BATCH_LINES {
                if !read_line(&mut reader, &mut text).map_err(|error| self.unreadable(error))? {
                    ended = true;
                    break;
                }
                number = number.saturating_add(1);
                if !text.iter().all(u8::is_ascii_whitespace) {
                    lines.push(Line { number, parsed: parse_line(&text, options) });
                }
            }
            let batch = Batch { lines, bytes: bytes.load(Ordering::Relaxed) };
            if sender.blocking_send(Ok(batch)).is_err() || ended {
                return Ok(());
            }
        }
    }
}

/// Reads a line without its break, and of one that is too long no more than shows that it is. `false` at the end.
fn read_line(reader: &mut impl BufRead, text: &mut Vec<u8>) -> io::Result<bool> {
    text.clear();
    let mut any = false;
    loop {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
        let room = (LINE_BYTES_MAX + 1).saturating_sub(text.len());
        text.extend_from_slice(part.get(..room.min(part.len())).unwrap_or_default());
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() {
            if text.last() == Some(&b'\r') {
                text.pop();
            }
            return Ok(true);
        }
    }
}

/// Shared bytes as a cursor wants them.
struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
