//! The disk that a database in files lies on.

use super::Findings;
use crate::commands::bench::disk;
use crate::scratch::Scratch;
use std::path::Path;
use std::time::Duration;

/// Free space below which is said so, in bytes.
const FREE_WARNING: u64 = 10 << 30;
/// Free space that there must be, in bytes.
const FREE_MIN: u64 = 1 << 30;
/// Time of an fdatasync above which is said so.
const SYNC_WARNING: Duration = Duration::from_millis(20);
/// File systems that other machines share: neither lock nor fsync need be real.
const SHARED: [&str; 10] =
    ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "lustre", "afs", "fuse.sshfs"];

/// Looks at the disk under this folder.
pub(super) fn look(folder: &Path, found: &mut Findings) {
    let shown = folder.display();
    kind(folder, found);
    match rustix::fs::statvfs(folder) {
        Ok(space) => {
            let free = space.f_bavail.saturating_mul(space.f_frsize);
            let what = format!("{} MiB are free in `{shown}`", free >> 20);
            let cure = "a full disk stops the log: make room, or move the database";
            match free {
                0..FREE_MIN => found.problem(&what, cure),
                FREE_MIN..FREE_WARNING => found.warning(&what, cure),
                _ => found.ok(what),
            }
        }
        Err(error) => found.failed(
            &format!("the space in `{shown}` cannot be told"),
            &std::io::Error::from(error),
            "check that the folder is there and may be used",
        ),
    }
    // What is written for the measurement goes with it.
    let measured = Scratch::make(folder, "doctor").map(|scratch| disk::fsync(scratch.path()));
    match measured {
        Ok(Ok(times)) if times.over > SYNC_WARNING => {
            found.warning(&times.to_string(), "every commit waits for one: use a faster disk");
        }
        Ok(Ok(times)) => found.ok(times.to_string()),
        Ok(Err(error)) => {
            found.failed("the disk cannot be measured", &error, "check the folder's rights");
        }
        Err(failure) => found.problem(&failure.message, "check the folder's rights"),
    }
}

/// Whether the file system is this machine's own.
fn kind(folder: &Path, found: &mut Findings) {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    match file_system(&mounts, &whole) {
        Some(kind) if SHARED.contains(&kind) => found.problem(
            &format!("the database lies on a network file system ({kind})"),
            "move it to a disk of this machine: the lock and fsync have to be real",
        ),
        Some("tmpfs" | "ramfs") => found.warning(
            "the database lies in memory and is gone when the machine stops",
            "move it to a disk",
        ),
        Some(kind) => found.ok(format!("the file system is this machine's own ({kind})")),
        None => found.warning("the kind of file system cannot be told", "make sure it is local"),
    }
}

/// The kind of the file system that a folder is on: that of the longest mount point which it lies under, the last one
/// mounted there.
fn file_system<'m>(mounts: &'m str, folder: &Path) -> Option<&'m str> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (Path::new(fields.next()?), fields.next()?);
        folder.starts_with(point).then(|| (point.components().count(), kind))
    });
    mounts.max_by_key(|(depth, _)| *depth).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_point_tells_the_file_system() {
        let mounts =
            "/dev/sda / ext4 rw 0 0\nserver:/x /srv nfs4 rw 0 0\ntmpfs /srv/tmp tmpfs rw 0 0\n";
        let kind = |folder| file_system(mounts, Path::new(folder));
        assert_eq!(kind("/var/lib"), Some("ext4"));
        assert_eq!(kind("/srv/leadline"), Some("nfs4"));
        assert_eq!(kind("/srv/tmp"), Some("tmpfs"));
        assert_eq!(kind("/srvother"), Some("ext4"));
        assert_eq!(file_system("", Path::new("/")), None);
    }
}
