//! The disk's own time: what one `fdatasync` costs.

use std::fs::OpenOptions;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

const WRITES: usize = 500;
const PAGE: [u8; 4096] = [7; 4096];

/// Medians of 4 KiB writes with `fdatasync`: over what is there, as a reused write-ahead log does, and at the end of
/// a growing file.
pub(in crate::commands) fn fsync(folder: &Path) -> std::io::Result<Times> {
    let path = folder.join("fsync");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
    let growing = median(&mut file)?;
    file.seek(SeekFrom::Start(0))?;
    let over = median(&mut file)?;
    std::fs::remove_file(&path)?;
    Ok(Times { over, growing })
}

/// Medians.
#[derive(Clone, Copy, Debug)]
pub(in crate::commands) struct Times {
    pub(in crate::commands) over: Duration,
    growing: Duration,
}

impl std::fmt::Display for Times {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "fdatasync {} µs over what is there, {} µs at the end of a growing file (medians of {WRITES})",
            self.over.as_micros(),
            self.growing.as_micros()
        )
    }
}

fn median(file: &mut std::fs::File) -> std::io::Result<Duration> {
    let mut times = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        file.write_all(&PAGE)?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(WRITES / 2).copied().unwrap_or_default())
}
