-- What only many nodes together show is computed by day from what the writers keep per node, and stored: so a view
-- over any span costs what its answer costs, whatever lies before.
--
-- A writer marks the days its rows fall into as dirty, in its own transaction. CALL peerscope.digest() computes those
-- days anew, each part of the digest in a transaction of its own: peerscope.digest_<part>(day) replaces what the part
-- had stored of that day. A part reads per-node rollups, and of event tables only the partitions of the day and its
-- neighbours. What it stores depends on the rows alone: computing a day twice changes nothing.

CREATE TABLE peerscope.dirty_day (
    node_id    int NOT NULL,
    day        date NOT NULL,
    generation bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (node_id, day)
);
COMMENT ON TABLE peerscope.dirty_day IS
    'Days with rows that the digest has not seen. Written in the writer''s transaction, removed by the digest.';
COMMENT ON COLUMN peerscope.dirty_day.node_id IS 'The node that has new rows.';
COMMENT ON COLUMN peerscope.dirty_day.day IS 'Their day, UTC on the node''s clock.';
COMMENT ON COLUMN peerscope.dirty_day.generation IS 'Moves with each transaction: what the digest saw is removed, what came meanwhile is not.';

CREATE TABLE peerscope.digest_part (
    part        text,
    ordinal     int NOT NULL,
    description text NOT NULL,
    PRIMARY KEY (part)
);
COMMENT ON TABLE peerscope.digest_part IS
    'The parts of the digest, in their order: each is a function peerscope.digest_<part>(date).';
COMMENT ON COLUMN peerscope.digest_part.part IS 'Name of the part.';
COMMENT ON COLUMN peerscope.digest_part.ordinal IS 'Order: a part may read what earlier ones stored.';
COMMENT ON COLUMN peerscope.digest_part.description IS 'What it stores.';

CREATE TABLE peerscope.digest_state (
    day         date NOT NULL,
    part        text NOT NULL,
    computed_at timestamptz NOT NULL,
    duration_ms float8 NOT NULL,
    error       text,
    PRIMARY KEY (day, part)
);
COMMENT ON TABLE peerscope.digest_state IS
    'When each part of the digest last computed a day, and whether it failed.';
COMMENT ON COLUMN peerscope.digest_state.day IS 'The day, UTC.';
COMMENT ON COLUMN peerscope.digest_state.part IS 'The part.';
COMMENT ON COLUMN peerscope.digest_state.computed_at IS 'When it was computed: rows committed after that are not in it.';
COMMENT ON COLUMN peerscope.digest_state.duration_ms IS 'How long that took.';
COMMENT ON COLUMN peerscope.digest_state.error IS 'Why the last attempt failed, in which case the stored rows are those of the attempt before; NULL when it did not.';

CREATE FUNCTION peerscope.digest_days() RETURNS SETOF date
    LANGUAGE sql STABLE
    AS $$
    -- A day's rows tell something about the day before while late clocks and late nodes may still change it, and about
    -- the day after where that has rows.
    WITH dirty AS (SELECT DISTINCT day FROM peerscope.dirty_day),
    newest AS (SELECT (max(last_event_at) AT TIME ZONE 'UTC') AS at FROM peerscope.stream)
    SELECT day FROM dirty
    UNION
    SELECT d.day - 1 FROM dirty d, newest n
     WHERE (n.at < d.day + interval '6 hours' OR n.at::date > d.day)
       AND to_regclass('peerscope.p2p_message_' || to_char(d.day - 1, 'YYYYMMDD')) IS NOT NULL
    UNION
    SELECT d.day + 1 FROM dirty d
     WHERE to_regclass('peerscope.p2p_message_' || to_char(d.day + 1, 'YYYYMMDD')) IS NOT NULL
    ORDER BY 1
    $$;
COMMENT ON FUNCTION peerscope.digest_days() IS
    'The days that the next digest computes.';

CREATE PROCEDURE peerscope.digest(wait bool DEFAULT false)
    LANGUAGE plpgsql
    AS $$
DECLARE
    todo    date[];
    seen    jsonb;
    of_day  date;
    of_part text;
    began   timestamptz;
    fault   text;
    parts   text[];
BEGIN
    -- One at a time; whoever comes second has nothing to do, unless it wants to be sure.
    IF wait THEN
        PERFORM pg_advisory_lock(hashtext('peerscope.digest'));
    ELSIF NOT pg_try_advisory_lock(hashtext('peerscope.digest')) THEN
        RETURN;
    END IF;
    SELECT coalesce(jsonb_agg(to_jsonb(d)), '[]') INTO seen FROM peerscope.dirty_day d;
    SELECT coalesce(array_agg(d ORDER BY d), '{}') INTO todo FROM peerscope.digest_days() d;
    SELECT array_agg(part ORDER BY ordinal, part) INTO parts FROM peerscope.digest_part;
    FOREACH of_day IN ARRAY todo LOOP
        FOREACH of_part IN ARRAY coalesce(parts, '{}') LOOP
            began := clock_timestamp();
            fault := NULL;
            BEGIN
                EXECUTE format('SELECT peerscope.%I($1)', 'digest_' || of_part) USING of_day;
            EXCEPTION WHEN OTHERS THEN
                fault := SQLSTATE || ': ' || SQLERRM;
            END;
            INSERT INTO peerscope.digest_state AS s (day, part, computed_at, duration_ms, error)
            VALUES (of_day, of_part, began, extract(epoch FROM clock_timestamp() - began) * 1000, fault)
            ON CONFLICT (day, part) DO UPDATE
               SET computed_at = CASE WHEN excluded.error IS NULL THEN excluded.computed_at ELSE s.computed_at END,
                   duration_ms = excluded.duration_ms, error = excluded.error;
            COMMIT;
        END LOOP;
    END LOOP;
    DELETE FROM peerscope.dirty_day d
     USING jsonb_to_recordset(seen) AS s (node_id int, day date, generation bigint)
     WHERE d.node_id = s.node_id AND d.day = s.day AND d.generation = s.generation
       AND NOT EXISTS (SELECT FROM peerscope.digest_state f
                        WHERE f.day = d.day AND f.error IS NOT NULL);
    COMMIT;
    PERFORM pg_advisory_unlock(hashtext('peerscope.digest'));
END
$$;
COMMENT ON PROCEDURE peerscope.digest(bool) IS
    'Computes the dirty days anew, part by part, each in its own transaction; what fails is noted in digest_state and tried again by the next call. Call it outside of a transaction. While another session is at it, it returns at once, or with wait = true does the rest after it.';

INSERT INTO peerscope.retention (table_name, keep, note) VALUES ('digest_state', '1 year', NULL);
