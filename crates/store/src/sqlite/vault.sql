-- The key of all keyed hashes: one row.
CREATE TABLE secret (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    hash_key BLOB    NOT NULL
) STRICT;

-- The subjects' keys. Rows are added at the end, all of one size, and never deleted, so that no page is ever split or
-- merged with a copy of a key left behind. A destroyed key is overwritten with zeros where it stands.
CREATE TABLE key (
    number  INTEGER PRIMARY KEY,
    subject BLOB NOT NULL UNIQUE,
    secret  BLOB NOT NULL CHECK (length(secret) = 32)
) STRICT;

PRAGMA user_version = 1;
PRAGMA application_id = 1818523185;
