-- Appends a batch in one transaction: each append in order, judged by its command id, its group, the versions that it
-- expects and the claims that it takes.
--
-- The lock, `leadline` as a number, comes first and alone. Each later statement of a VOLATILE function takes a snapshot of its own, so that it
-- sees what the one who had the lock before has committed; a single query, a STABLE function or REPEATABLE READ would
-- not. All lists of one prefix have one length. `…_to` of an append is the last of its entries in the list.
CREATE OR REPLACE FUNCTION leadline.append(
    -- Take every append for good first, because the caller sees no reason against it.
    trust          boolean,
    -- Lets go of the lock that the session has taken before.
    held           boolean,
    -- Milliseconds of UTC in place of the database's clock.
    clock          bigint,
    -- Streams of which the caller does not know the version, and which it has to be. For trust only.
    look_id        uuid[],
    look_category  integer[],
    look_version   bigint[],
    -- The appends. A group of -1 is none.
    append_command uuid[],
    append_payload uuid[],
    append_group   integer[],
    expect_to      integer[],
    change_to      integer[],
    event_to       integer[],
    -- What they expect.
    expect_id      uuid[],
    expect_category integer[],
    expect_version bigint[],
    -- Claims that change hands: 1 take, 2 release, 3 release all of a subject.
    change_what    integer[],
    change_space   integer[],
    change_key     uuid[],
    change_holder  uuid[],
    change_category integer[],
    change_subject uuid[],
    -- The events, with the versions that follow from what is expected.
    event_id       uuid[],
    event_stream   uuid[],
    event_category integer[],
    event_version  bigint[],
    event_type     integer[],
    event_schema   integer[],
    event_root     uuid[],
    event_effective bigint[],
    event_meta     bytea[],
    event_data     bytea[]
)
-- One row `all` where every append is committed, from `first` to `last`. Otherwise one row per append, and one for each
-- stream and claim that is not as it should be, with `item` for its place in the list.
RETURNS TABLE (
    verdict  text,
    append   integer,
    item     integer,
    first    bigint,
    last     bigint,
    stamp    bigint,
    payload  uuid,
    category integer,
    holder   uuid,
    subject  uuid
)
LANGUAGE plpgsql VOLATILE AS $append$
#variable_conflict use_column
DECLARE
    head     bigint;
    recorded bigint;
    version  bigint;
    size     bigint;
    fine     boolean;
    appends  integer := cardinality(append_command);
    broken   integer[] := '{}';
    event_from  integer := 1;
    expect_from integer := 1;
    change_from integer := 1;
    command  leadline.command;
    claim    leadline.claim;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the log is appended to in READ COMMITTED only';
    END IF;
    PERFORM pg_advisory_xact_lock(7810756212687466085);
    IF held THEN
        PERFORM pg_advisory_unlock(7810756212687466085), set_config('idle_session_timeout', '0', false);
    END IF;

    SELECT e.position, e.recorded_at INTO head, recorded
        FROM leadline.event e ORDER BY e.position DESC LIMIT 1;
    head := coalesce(head, 0);
    recorded := greatest(recorded, coalesce(clock, (extract(epoch FROM clock_timestamp()) * 1000)::bigint));
    stamp := recorded;

    IF trust AND NOT EXISTS (
        SELECT FROM unnest(look_id, look_category, look_version) AS look (id, category, version)
        WHERE look.version <> coalesce((
            SELECT e.version FROM leadline.event e
            WHERE e.id = look.id AND e.category = look.category ORDER BY e.version DESC LIMIT 1), 0)
    ) THEN
        BEGIN
            -- Lists are taken apart side by side in the list of columns: in FROM, each would be copied first.
            INSERT INTO leadline.command (id, payload_hash, first, last)
                SELECT unnest(append_command), unnest(append_payload), head + unnest(0 || event_to[:appends - 1]) + 1,
                       head + unnest(event_to);
            IF cardinality(change_key) > 0 THEN
                INSERT INTO leadline.claim (key, space, category, holder, subject)
                    SELECT unnest(change_key), unnest(change_space), unnest(change_category), unnest(change_holder),
                           unnest(change_subject);
            END IF;
            INSERT INTO leadline.event (position, id, category, version, type, schema_version, event_id, root,
                                        effective_at, recorded_at, meta, data)
                SELECT head + generate_subscripts(event_id, 1), unnest(event_stream), unnest(event_category),
                       unnest(event_version), unnest(event_type), unnest(event_schema), unnest(event_id),
                       unnest(event_root), unnest(event_effective), recorded, unnest(event_meta), unnest(event_data);
            verdict := 'all';
            first := head + 1;
            last := head + cardinality(event_id);
            RETURN NEXT;
            RETURN;
        EXCEPTION WHEN unique_violation THEN
            -- Something is not as the caller thought. Nothing is written; look at each.
            NULL;
        END;
    END IF;

    FOR number IN 1 .. appends LOOP
        append := number;
        size := event_to[number] - event_from + 1;
        SELECT * INTO command FROM leadline.command c WHERE c.id = append_command[number];
        IF FOUND THEN
            verdict := 'duplicate';
            first := command.first;
            last := command.last;
            payload := command.payload_hash;
        ELSIF append_group[number] = ANY (broken) THEN
            verdict := 'followed';
        ELSE
            fine := true;
            FOR place IN expect_from .. expect_to[number] LOOP
                version := coalesce((
                    SELECT e.version FROM leadline.event e
                    WHERE e.id = expect_id[place] AND e.category = expect_category[place]
                    ORDER BY e.version DESC LIMIT 1), 0);
                IF version <> expect_version[place] THEN
                    fine := false;
                    verdict := 'stream';
                    item := place;
                    last := version;
                    RETURN NEXT;
                END IF;
            END LOOP;
            IF change_from <= change_to[number] THEN
                BEGIN
                    FOR place IN change_from .. change_to[number] LOOP
                        IF change_what[place] = 1 THEN
                            INSERT INTO leadline.claim (key, space, category, holder, subject)
                                VALUES (change_key[place], change_space[place], change_category[place],
                                        change_holder[place], change_subject[place])
                                ON CONFLICT DO NOTHING;
                            IF NOT FOUND THEN
                                SELECT * INTO claim FROM leadline.claim c
                                    WHERE c.key = change_key[place] AND c.space = change_space[place];
                                fine := false;
                                verdict := 'claim';
                                item := place;
                                category := claim.category;
                                holder := claim.holder;
                                subject := claim.subject;
                                RETURN NEXT;
                            END IF;
                        ELSIF change_what[place] = 2 THEN
                            DELETE FROM leadline.claim c
                                WHERE c.key = change_key[place] AND c.space = change_space[place];
                        ELSE
                            DELETE FROM leadline.claim c WHERE c.subject = change_subject[place];
                        END IF;
                    END LOOP;
                    IF NOT fine THEN
                        RAISE SQLSTATE 'LL001';
                    END IF;
                EXCEPTION WHEN SQLSTATE 'LL001' THEN
                    -- Its claims are as they were.
                    NULL;
                END;
            END IF;
            verdict := 'bounced';
            IF fine THEN
                verdict := 'committed';
                first := head + 1;
                last := head + size;
                INSERT INTO leadline.command (id, payload_hash, first, last)
                    VALUES (append_command[number], append_payload[number], first, last);
                INSERT INTO leadline.event (position, id, category, version, type, schema_version, event_id, root,
                                            effective_at, recorded_at, meta, data)
                    SELECT head + e.number, e.stream, e.category, e.version, e.type, e.schema, e.id, e.root,
                           e.effective, recorded, e.meta, e.data
                    FROM unnest(event_id[event_from:event_to[number]], event_stream[event_from:event_to[number]],
                                event_category[event_from:event_to[number]], event_version[event_from:event_to[number]],
                                event_type[event_from:event_to[number]], event_schema[event_from:event_to[number]],
                                event_root[event_from:event_to[number]], event_effective[event_from:event_to[number]],
                                event_meta[event_from:event_to[number]], event_data[event_from:event_to[number]])
                        WITH ORDINALITY
                        AS e (id, stream, category, version, type, schema, root, effective, meta, data, number);
                head := last;
            END IF;
        END IF;
        RETURN NEXT;
        IF verdict <> 'committed' AND append_group[number] >= 0 THEN
            broken := broken || append_group[number];
        END IF;
        event_from := event_to[number] + 1;
        expect_from := expect_to[number] + 1;
        change_from := change_to[number] + 1;
    END LOOP;
END
$append$;
