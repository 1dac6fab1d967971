-- How many migrations this schema has seen: one row.
CREATE SCHEMA leadline;
CREATE TABLE leadline.format (format integer NOT NULL);
INSERT INTO leadline.format VALUES (0);

-- Identity of the log: one row.
CREATE TABLE leadline.meta (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    log_id uuid    NOT NULL,
    epoch  bigint  NOT NULL
);

-- Names of categories and event types, so that events carry small numbers. Numbers may be skipped; 0 is nobody's.
CREATE TABLE leadline.name (
    code integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text    NOT NULL UNIQUE
);

-- The events. `root` is NULL where it is the stream's own id.
CREATE TABLE leadline.event (
    position       bigint  PRIMARY KEY,
    version        bigint  NOT NULL,
    effective_at   bigint  NOT NULL,
    recorded_at    bigint  NOT NULL,
    id             uuid    NOT NULL,
    event_id       uuid    NOT NULL,
    root           uuid,
    category       integer NOT NULL,
    type           integer NOT NULL,
    schema_version integer NOT NULL,
    meta           bytea   NOT NULL,
    data           bytea   NOT NULL
);
CREATE UNIQUE INDEX event_stream ON leadline.event (id, category, version);
CREATE INDEX event_root ON leadline.event (root) WHERE root IS NOT NULL;

-- Every command that was ever appended.
CREATE TABLE leadline.command (
    id           uuid   PRIMARY KEY,
    payload_hash uuid   NOT NULL,
    first        bigint NOT NULL,
    last         bigint NOT NULL
);

-- Who holds which claim. Rows are deleted when claims are let go.
CREATE TABLE leadline.claim (
    key      uuid    NOT NULL,
    holder   uuid    NOT NULL,
    subject  uuid,
    space    integer NOT NULL,
    category integer NOT NULL,
    PRIMARY KEY (key, space)
);
CREATE INDEX claim_subject ON leadline.claim (subject) WHERE subject IS NOT NULL;

-- What is in the log stays in it, whoever asks: also for the owner, and for replication.
CREATE FUNCTION leadline.refuse() RETURNS trigger LANGUAGE plpgsql AS $refuse$
BEGIN
    RAISE EXCEPTION '%s are never updated or deleted', TG_TABLE_NAME;
END
$refuse$;
CREATE TRIGGER event_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON leadline.event
    FOR EACH STATEMENT EXECUTE FUNCTION leadline.refuse();
CREATE TRIGGER command_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON leadline.command
    FOR EACH STATEMENT EXECUTE FUNCTION leadline.refuse();
ALTER TABLE leadline.event ENABLE ALWAYS TRIGGER event_is_never_changed;
ALTER TABLE leadline.command ENABLE ALWAYS TRIGGER command_is_never_changed;

-- What a running node may do, where there is the role.
DO $grant$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'leadline_app') THEN
        GRANT USAGE ON SCHEMA leadline TO leadline_app;
        GRANT SELECT ON leadline.format TO leadline_app;
        GRANT SELECT, INSERT ON leadline.meta, leadline.name, leadline.event, leadline.command TO leadline_app;
        GRANT SELECT, INSERT, DELETE ON leadline.claim TO leadline_app;
    END IF;
END
$grant$;
