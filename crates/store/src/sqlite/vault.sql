-- The key of all keyed hashes: one row.
CREATE TABLE secret (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    hash_key BLOB    NOT NULL
) STRICT;

-- The subjects' keys. Destroying a key deletes its row, and the page is overwritten.
CREATE TABLE key (
    subject BLOB NOT NULL PRIMARY KEY,
    secret  BLOB NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
PRAGMA application_id = 1818520113;
