-- Identity of the log: one row.
CREATE TABLE meta (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    log_id BLOB    NOT NULL,
    epoch  INTEGER NOT NULL
) STRICT;

-- Names of categories and event types, so that events carry small numbers.
CREATE TABLE name (
    code INTEGER PRIMARY KEY,
    name TEXT    NOT NULL UNIQUE
) STRICT;

-- The events. `root` is NULL where it is the stream's own id.
CREATE TABLE event (
    position       INTEGER PRIMARY KEY,
    category       INTEGER NOT NULL,
    id             BLOB    NOT NULL,
    version        INTEGER NOT NULL,
    type           INTEGER NOT NULL,
    schema_version INTEGER NOT NULL,
    event_id       BLOB    NOT NULL,
    root           BLOB,
    effective_at   INTEGER NOT NULL,
    recorded_at    INTEGER NOT NULL,
    meta           BLOB    NOT NULL,
    data           BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_stream ON event (id, category, version);
CREATE INDEX event_root ON event (root) WHERE root IS NOT NULL;

CREATE TRIGGER event_is_never_updated BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'events are never updated'); END;
CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;

-- Every command that was ever appended.
CREATE TABLE command (
    id           BLOB    NOT NULL PRIMARY KEY,
    payload_hash BLOB    NOT NULL,
    first        INTEGER NOT NULL,
    last         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who holds which claim. Rows are deleted when claims are let go.
CREATE TABLE claim (
    space    INTEGER NOT NULL,
    key      BLOB    NOT NULL,
    category INTEGER NOT NULL,
    holder   BLOB    NOT NULL,
    subject  BLOB,
    PRIMARY KEY (space, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX claim_subject ON claim (subject) WHERE subject IS NOT NULL;
