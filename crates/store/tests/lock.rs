//! One process at a time opens a database.

use leadline_store::sqlite::lock::{CONTENT_BYTES_MAX, Error, Lock};

#[test]
fn the_second_is_told_how_to_reach_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let first = Lock::acquire(&path).unwrap();
    first.publish("a much longer text that is replaced").unwrap();
    first.publish("{\"pid\":1}").unwrap();
    match Lock::acquire(&path) {
        Err(Error::Held { content }) => assert_eq!(content, "{\"pid\":1}"),
        other => panic!("{other:?}"),
    }
    drop(first);
    let second = Lock::acquire(&path).unwrap();
    assert_eq!(second.database(), path);
    match Lock::acquire(&path) {
        Err(Error::Held { content }) => assert_eq!(content, "", "nothing is left of the first"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_published_has_a_limit() {
    let directory = tempfile::tempdir().unwrap();
    let lock = Lock::acquire(&directory.path().join("log.db")).unwrap();
    lock.publish(&"x".repeat(CONTENT_BYTES_MAX)).unwrap();
    assert!(lock.publish(&"x".repeat(CONTENT_BYTES_MAX + 1)).is_err());
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_what_is_published() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let _lock = Lock::acquire(&directory.path().join("log.db")).unwrap();
    let metadata = std::fs::metadata(directory.path().join("log.db.lock")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
}
