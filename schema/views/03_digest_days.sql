-- Which days the digest computes, and which parts of it: never one whose rows are partly gone.

CREATE OR REPLACE FUNCTION peerscope.digest_parts(of_day date) RETURNS SETOF text
    LANGUAGE sql STABLE
    AS $$
    SELECT p.part
      FROM peerscope.digest_part p
     WHERE NOT EXISTS (
        SELECT FROM peerscope.digest_input i
          JOIN peerscope.retention_horizon h ON h.table_name = i.table_name
         WHERE i.part = p.part AND of_day - i.days_before < h.complete_from)
     ORDER BY p.ordinal, p.part
    $$;
COMMENT ON FUNCTION peerscope.digest_parts(date) IS
    'The parts of the digest, in their order, for which all rows that a day needs are still there.';

-- Clocks as they were on that day: one that was set right since was wrong then. Segments last a minute; the newest one of a
-- node whose clock is not measured may be older.
CREATE OR REPLACE FUNCTION peerscope.clock_margin(of_day date) RETURNS interval
    LANGUAGE sql STABLE SET search_path = peerscope, pg_catalog, pg_temp
    AS $$
    SELECT least(interval '1 day', interval '1 hour'
                 + coalesce(max(abs(corr_ns)), 0) / 1000 * interval '1 microsecond')
      FROM (SELECT corr_ns FROM clock_segment
             WHERE valid_from >= (of_day - 1)::timestamp AT TIME ZONE 'UTC'
               AND valid_from < (of_day + 2)::timestamp AT TIME ZONE 'UTC'
            UNION ALL
            SELECT c.corr_ns
              FROM node n
              JOIN clock_segment c ON c.node_id = n.node_id
               AND c.clk = (SELECT max(l.clk) FROM clock_segment l WHERE l.node_id = n.node_id)) s
    $$;
COMMENT ON FUNCTION peerscope.clock_margin(date) IS
    'How far beyond a day in corrected time one has to read by the nodes'' own clocks: an hour for what goes on over midnight, and what the worst clock was off around the day, in all at most a day.';

CREATE OR REPLACE FUNCTION peerscope.newest_event() RETURNS timestamptz
    LANGUAGE sql STABLE SET search_path = peerscope, pg_catalog, pg_temp
    AS $$
    SELECT max(corrected(s.last_event_at, c.corr_ns))
      FROM stream s
      LEFT JOIN clock_segment c ON c.node_id = s.node_id
       AND c.clk = (SELECT max(l.clk) FROM clock_segment l WHERE l.node_id = s.node_id)
    $$;
COMMENT ON FUNCTION peerscope.newest_event() IS
    'Corrected time of the fleet''s newest event: a clock that is hours ahead does not make it later. NULL while there are no events.';

CREATE OR REPLACE FUNCTION peerscope.digest_days() RETURNS SETOF date
    LANGUAGE sql STABLE SET jit = off
    AS $$
    -- A day's rows tell something about the day before while late clocks and late nodes may still change it, and about
    -- the day after where that was computed already.
    WITH dirty AS (SELECT DISTINCT day FROM peerscope.dirty_day),
    newest AS (SELECT peerscope.newest_event() AT TIME ZONE 'UTC' AS at),
    -- A day is dirty on the node's own clock: in corrected time its rows may be of the day before or after.
    reach AS (
        SELECT d.day, min(s.valid_from + s.corr) AT TIME ZONE 'UTC' AS from_at,
               max(least(s.valid_to, e.last_event_at, (d.day + 1)::timestamp AT TIME ZONE 'UTC') + s.corr)
                   AT TIME ZONE 'UTC' AS to_at
          FROM dirty d
         -- By the index on valid_from, whatever else is dirty.
         CROSS JOIN LATERAL (SELECT c.node_id, c.valid_from, c.valid_to,
                                    coalesce(c.corr_ns, 0) / 1000 * interval '1 microsecond' AS corr
                               FROM peerscope.clock_segment c
                              WHERE c.valid_from >= d.day::timestamp AT TIME ZONE 'UTC'
                                AND c.valid_from < (d.day + 1)::timestamp AT TIME ZONE 'UTC'
                             OFFSET 0) s
          JOIN peerscope.dirty_day n ON n.node_id = s.node_id AND n.day = d.day
          JOIN (SELECT node_id, max(last_event_at) AS last_event_at FROM peerscope.stream GROUP BY node_id) e
            ON e.node_id = s.node_id
         GROUP BY d.day
    ),
    wanted AS (
        SELECT day FROM dirty
        UNION
        SELECT d.day - 1 FROM dirty d, newest n
         WHERE (n.at < d.day + interval '6 hours' OR n.at::date > d.day)
           AND EXISTS (SELECT FROM peerscope.digest_state s WHERE s.day = d.day - 1)
        UNION
        SELECT d.day + 1 FROM dirty d
         WHERE EXISTS (SELECT FROM peerscope.digest_state s WHERE s.day = d.day + 1)
        UNION
        -- Where a clock is right to the minute, what is above will do, unless nothing else makes a day of it.
        SELECT r.day - 1 FROM reach r
         WHERE r.from_at < r.day - interval '1 minute'
            OR r.from_at < r.day AND NOT EXISTS (SELECT FROM peerscope.digest_state s WHERE s.day = r.day - 1)
        UNION
        SELECT r.day + 1 FROM reach r WHERE r.to_at > r.day + 1
        UNION
        -- What failed is tried again, of neighbours as well, as long as it can be.
        SELECT s.day FROM peerscope.digest_state s
         WHERE s.error IS NOT NULL AND s.part IN (SELECT peerscope.digest_parts(s.day))
    )
    SELECT w.day FROM wanted w
     WHERE EXISTS (SELECT FROM peerscope.digest_parts(w.day))
     ORDER BY w.day
    $$;
COMMENT ON FUNCTION peerscope.digest_days() IS
    'The days that the next digest computes: those with new rows and what these may change of their neighbours, apart from days whose rows are gone.';

CREATE OR REPLACE PROCEDURE peerscope.digest(wait bool DEFAULT false)
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
    FOREACH of_day IN ARRAY todo LOOP
        SELECT coalesce(array_agg(p.part ORDER BY p.place), '{}') INTO parts
          FROM peerscope.digest_parts(of_day) WITH ORDINALITY AS p (part, place);
        FOREACH of_part IN ARRAY parts LOOP
            began := clock_timestamp();
            fault := NULL;
            BEGIN
                EXECUTE format('SELECT peerscope.%I($1)', 'digest_' || of_part) USING of_day;
                -- The horizon moves before rows go: as it has not moved past this day, they were all there.
                IF NOT EXISTS (SELECT FROM peerscope.digest_parts(of_day) AS p (part) WHERE p.part = of_part) THEN
                    RAISE EXCEPTION 'retention took rows of % while the digest read them', of_day
                        USING HINT = 'What was computed of that day before stays.';
                END IF;
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
    -- What failed is tried again, as long as it can be.
    DELETE FROM peerscope.dirty_day d
     USING jsonb_to_recordset(seen) AS s (node_id int, day date, generation bigint)
     WHERE d.node_id = s.node_id AND d.day = s.day AND d.generation = s.generation
       AND NOT EXISTS (SELECT FROM peerscope.digest_parts(d.day) AS p (part)
                         JOIN peerscope.digest_state f ON f.day = d.day AND f.part = p.part
                        WHERE f.error IS NOT NULL);
    COMMIT;
    PERFORM pg_advisory_unlock(hashtext('peerscope.digest'));
END
$$;
COMMENT ON PROCEDURE peerscope.digest(bool) IS
    'Computes the dirty days anew, part by part, each in its own transaction; what fails is noted in digest_state and tried again by the next call. A part whose rows of a day retention has taken is left as it was. Call it outside of a transaction. While another session is at it, it returns at once, or with wait = true does the rest after it.';
