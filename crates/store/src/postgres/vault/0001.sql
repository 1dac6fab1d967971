-- How many migrations this schema has seen: one row.
CREATE SCHEMA leadline_keys;
CREATE TABLE leadline_keys.format (format integer NOT NULL);
INSERT INTO leadline_keys.format VALUES (0);

-- The key of all keyed hashes: one row.
CREATE TABLE leadline_keys.secret (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    hash_key bytea   NOT NULL CHECK (length(hash_key) = 32)
);

-- The subjects' keys. A destroyed key is a deleted row, which the next vacuum takes out of its page: it is due at the
-- first one, not when a fifth of the table has gone.
CREATE TABLE leadline_keys.key (
    subject uuid  PRIMARY KEY,
    secret  bytea NOT NULL CHECK (length(secret) = 32)
) WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);

-- What a running node may do, where there is the role.
DO $grant$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'leadline_app') THEN
        GRANT USAGE ON SCHEMA leadline_keys TO leadline_app;
        GRANT SELECT ON leadline_keys.format TO leadline_app;
        GRANT SELECT, INSERT ON leadline_keys.secret TO leadline_app;
        GRANT SELECT, INSERT, DELETE ON leadline_keys.key TO leadline_app;
    END IF;
END
$grant$;
