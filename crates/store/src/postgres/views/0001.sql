-- How many migrations this schema has seen: one row. Everything here is built from the log, and may be dropped.
CREATE SCHEMA leadline_views;
CREATE TABLE leadline_views.format (format integer NOT NULL);
INSERT INTO leadline_views.format VALUES (0);

-- The generations of each view, by the numbers in the names of their tables.
CREATE TABLE leadline_views.view (
    name   text   PRIMARY KEY,
    last   bigint NOT NULL,
    live   bigint,
    former bigint,
    next   bigint
);

-- How far each generation has been folded, from which log, and by which code. `event` is the id of the event there.
CREATE TABLE leadline_views.checkpoint (
    name        text   NOT NULL,
    generation  bigint NOT NULL,
    log         uuid   NOT NULL,
    epoch       bigint NOT NULL,
    fingerprint bigint NOT NULL,
    position    bigint NOT NULL,
    event       uuid   NOT NULL,
    PRIMARY KEY (name, generation)
);

-- What a running node may do, where there is the role. The tables of generations are its own.
DO $grant$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'leadline_app') THEN
        GRANT USAGE, CREATE ON SCHEMA leadline_views TO leadline_app;
        GRANT SELECT ON leadline_views.format TO leadline_app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON leadline_views.view, leadline_views.checkpoint TO leadline_app;
    END IF;
END
$grant$;
