-- Retention at work: what is older than `retention` allows goes, and nothing that a digest still reads.
--
-- An aggregator does this every few minutes, on a connection of its own and outside of a transaction:
--
--     SELECT pg_try_advisory_lock(hashtext('peerscope.maintain'));     -- false: another one is at it
--     CALL peerscope.maintain();
--     SELECT statement FROM peerscope.expired_partitions();            -- and runs each by itself
--     SELECT pg_advisory_unlock(hashtext('peerscope.maintain'));
--
-- In psql the third line is `SELECT statement FROM peerscope.expired_partitions() \gexec`. Partitions are not dropped
-- by the procedure since DETACH … CONCURRENTLY, which hinders neither writers nor readers, is refused inside of one.
--
-- The order of things makes it safe: first the horizon of a table moves and is committed, then rows before it
-- go. Whoever needs rows of a day compares with the horizon after having read them: if it has not passed that day, they
-- were all there.

-- What retention needs to know of a table without partitions.
ALTER TABLE peerscope.retention ADD COLUMN time_column name;
COMMENT ON COLUMN peerscope.retention.time_column IS
    'The column by which rows of a table without partitions grow old; the first one of an index. NULL for tables with partitions by day and for what is kept for ever.';

UPDATE peerscope.retention r SET time_column = t.time_column
  FROM (VALUES ('clock_sample', 'ts'), ('addr_announcement', 'first_seen'), ('message_minute', 'minute'),
               ('peer_session', 'closed_at'), ('validation_window', 'connected_ts'),
               ('addr_session_minute', 'minute'), ('mempool_entry', 'removed_at'),
               ('mempool_reject_hour', 'hour'), ('compact_missing_tx', 'ts'), ('digest_state', 'day')
       ) AS t (table_name, time_column)
 WHERE r.table_name = t.table_name;

-- A BRIN index serves a table that only grows; where rows go at the front, later ones take their pages.
DROP INDEX peerscope.clock_sample_ts;
CREATE INDEX clock_sample_ts ON peerscope.clock_sample (ts);
CREATE INDEX message_minute_minute ON peerscope.message_minute (minute);
-- Few minutes have any: fleet_health asks for them every few seconds.
CREATE INDEX message_minute_truncated ON peerscope.message_minute (node_id, minute) WHERE truncated > 0;
CREATE INDEX validation_window_at ON peerscope.validation_window (connected_ts);

CREATE TABLE peerscope.message_hour (
    node_id   int NOT NULL,
    hour      timestamptz NOT NULL,
    run_id    bigint NOT NULL,
    inbound   bool NOT NULL,
    msg_type  text NOT NULL,
    conn_type text NOT NULL,
    messages  bigint NOT NULL DEFAULT 0,
    bytes     bigint NOT NULL DEFAULT 0,
    truncated bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (node_id, hour, run_id, inbound, msg_type, conn_type)
);
CREATE INDEX message_hour_hour ON peerscope.message_hour (hour);
COMMENT ON TABLE peerscope.message_hour IS
    'Messages and bytes per hour, type, direction and connection type: what message_minute held, once it is older than that table keeps.';
COMMENT ON COLUMN peerscope.message_hour.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.message_hour.hour IS 'Start of the hour, UTC on the node''s clock.';
COMMENT ON COLUMN peerscope.message_hour.run_id IS 'The process.';
COMMENT ON COLUMN peerscope.message_hour.inbound IS 'True for messages received.';
COMMENT ON COLUMN peerscope.message_hour.msg_type IS 'Type; unknown ones as *other*.';
COMMENT ON COLUMN peerscope.message_hour.conn_type IS 'Connection type of the peer.';
COMMENT ON COLUMN peerscope.message_hour.messages IS 'Messages.';
COMMENT ON COLUMN peerscope.message_hour.bytes IS 'Payload bytes, without headers.';
COMMENT ON COLUMN peerscope.message_hour.truncated IS 'Messages whose captured bytes did not suffice for decoding.';

CREATE TABLE peerscope.retention_horizon (
    table_name    text,
    complete_from date NOT NULL,
    moved_at      timestamptz NOT NULL,
    held_by       date,
    walked_to     timestamptz,
    PRIMARY KEY (table_name)
);
COMMENT ON TABLE peerscope.retention_horizon IS
    'From which day on each table still has all its rows. Moved before anything is dropped; a table without a row here has lost nothing.';
COMMENT ON COLUMN peerscope.retention_horizon.table_name IS 'The table.';
COMMENT ON COLUMN peerscope.retention_horizon.complete_from IS 'Rows of this UTC day and later ones are all there; earlier ones are gone or about to go.';
COMMENT ON COLUMN peerscope.retention_horizon.moved_at IS 'When complete_from last moved.';
COMMENT ON COLUMN peerscope.retention_horizon.held_by IS 'The day whose digest still waits to be computed and keeps rows longer than retention asks; NULL when none does.';
COMMENT ON COLUMN peerscope.retention_horizon.walked_to IS 'How far a table without a time of its own was cleaned, in the time of the table it hangs on; NULL for others.';

CREATE TABLE peerscope.digest_input (
    part        text NOT NULL,
    table_name  text NOT NULL,
    days_before int NOT NULL DEFAULT 0 CHECK (days_before >= 0),
    PRIMARY KEY (part, table_name)
);
COMMENT ON TABLE peerscope.digest_input IS
    'What each part of the digest reads of tables that do not keep everything: a day is computed only while all of that is there, and what a day that waits for its digest needs is not dropped.';
COMMENT ON COLUMN peerscope.digest_input.part IS 'The part, see digest_part; or publish, for the publication of a day.';
COMMENT ON COLUMN peerscope.digest_input.table_name IS 'The table it reads.';
COMMENT ON COLUMN peerscope.digest_input.days_before IS 'How many days before the day it computes its reading begins.';

CREATE TABLE peerscope.maintenance_log (
    at          timestamptz NOT NULL,
    table_name  text,
    action      text NOT NULL,
    rows        bigint,
    bytes       bigint,
    duration_ms float8,
    detail      text
);
CREATE INDEX maintenance_log_at ON peerscope.maintenance_log (at);
COMMENT ON TABLE peerscope.maintenance_log IS
    'What maintenance did. Nothing is written when there was nothing to do.';
COMMENT ON COLUMN peerscope.maintenance_log.at IS 'When, on the database''s clock.';
COMMENT ON COLUMN peerscope.maintenance_log.table_name IS 'The table; NULL for all.';
COMMENT ON COLUMN peerscope.maintenance_log.action IS 'partitions made, partitions expired, day published, rows deleted, rows rolled up, held or failed.';
COMMENT ON COLUMN peerscope.maintenance_log.rows IS 'Rows that went, an estimate for partitions; for partitions made their number.';
COMMENT ON COLUMN peerscope.maintenance_log.bytes IS 'Bytes of the partitions that expired, with indexes and TOAST; NULL otherwise.';
COMMENT ON COLUMN peerscope.maintenance_log.duration_ms IS 'How long it took; NULL where that says nothing.';
COMMENT ON COLUMN peerscope.maintenance_log.detail IS 'What else there is to say: which days, or why it failed.';

INSERT INTO peerscope.retention (table_name, keep, time_column, note) VALUES
    ('message_hour', '2 years', 'hour', 'from message_minute'),
    ('maintenance_log', '90 days', 'at', 'a few hundred rows a day'),
    ('addr_budget', NULL, NULL, 'one row a node and day'),
    ('agent', NULL, NULL, 'one row a host'),
    ('agent_status', NULL, NULL, 'one row a node'),
    ('attached_probe', NULL, NULL, 'some twenty rows a start of an agent'),
    ('capture_interval', NULL, NULL, 'some twenty rows a process: which node could have seen what'),
    ('clock_reference', NULL, NULL, 'one row a boot of an aggregator''s host'),
    ('clock_segment', NULL, NULL, '1440 rows a node and day: times of rows that are kept refer to it'),
    ('digest_input', NULL, NULL, 'fixed'),
    ('digest_part', NULL, NULL, 'fixed'),
    ('dirty_day', NULL, NULL, 'the digest removes what it has seen'),
    ('event_gap', NULL, NULL, 'every missing event stays explained'),
    ('node', NULL, NULL, 'one row a node'),
    ('policy_change', NULL, NULL, 'by hand'),
    ('process_run', NULL, NULL, 'one row a start of a node'),
    ('quarantine', NULL, NULL, 'every missing event stays explained'),
    ('retention', NULL, NULL, 'one row a table'),
    ('retention_horizon', NULL, NULL, 'one row a table'),
    ('schema_migration', NULL, NULL, 'one row a migration'),
    ('stream', NULL, NULL, 'one row a state directory of an agent and node'),
    ('stream_tracepoint', NULL, NULL, 'some thirty rows a process: the audit counts on it');

CREATE FUNCTION peerscope.retention_clock() RETURNS timestamptz
    LANGUAGE sql STABLE
    AS $$ SELECT least(max(last_event_at), now()) FROM peerscope.stream $$;
COMMENT ON FUNCTION peerscope.retention_clock() IS
    'The time that retention counts back from: the fleet''s newest event, so that a silent fleet and a capture of long ago lose nothing, but never a time to come; NULL while there are no events.';

CREATE FUNCTION peerscope.move_horizons() RETURNS int
    LANGUAGE plpgsql
    AS $$
DECLARE
    clock timestamp := peerscope.retention_clock() AT TIME ZONE 'UTC';
    moved int;
BEGIN
    WITH due AS (
        SELECT r.table_name, (clock - r.keep)::date AS day,
               -- A digest that fails for good must not fill the disk.
               (clock - r.keep - greatest(r.keep, interval '2 days'))::date AS at_least
          FROM peerscope.retention r
         WHERE r.keep IS NOT NULL AND to_regclass(format('peerscope.%I', r.table_name)) IS NOT NULL
    ),
    needed AS (
        SELECT i.table_name, min(d.day - i.days_before) AS day,
               (array_agg(d.day ORDER BY d.day - i.days_before, d.day))[1] AS held_by
          FROM peerscope.digest_days() AS d (day)
         CROSS JOIN LATERAL peerscope.digest_parts(d.day) AS p (part)
          JOIN peerscope.digest_input i ON i.part = p.part
         GROUP BY i.table_name
    ),
    wanted AS (
        SELECT table_name, CASE WHEN n.day < d.day THEN greatest(n.day, d.at_least) ELSE d.day END AS complete_from,
               CASE WHEN n.day < d.day THEN n.held_by END AS held_by
          FROM due d LEFT JOIN needed n USING (table_name)
         WHERE d.day IS NOT NULL
    ),
    before AS (
        SELECT table_name, complete_from, held_by FROM peerscope.retention_horizon
    ),
    stored AS (
        INSERT INTO peerscope.retention_horizon AS h (table_name, complete_from, moved_at, held_by)
        SELECT table_name, complete_from, clock_timestamp(), held_by FROM wanted ORDER BY table_name
        ON CONFLICT (table_name) DO UPDATE
           SET complete_from = greatest(h.complete_from, excluded.complete_from), held_by = excluded.held_by,
               moved_at = CASE WHEN excluded.complete_from > h.complete_from THEN excluded.moved_at ELSE h.moved_at END
         WHERE excluded.complete_from > h.complete_from OR excluded.held_by IS DISTINCT FROM h.held_by
        RETURNING table_name, complete_from, held_by
    ),
    -- What goes with that, of tables with partitions.
    expired AS (
        SELECT s.table_name, count(*) AS partitions, sum(greatest(c.reltuples, 0))::bigint AS rows,
               sum(pg_total_relation_size(c.oid))::bigint AS bytes, min(right(c.relname, 8)) AS first,
               max(right(c.relname, 8)) AS last
          FROM stored s
          LEFT JOIN before b USING (table_name)
          JOIN pg_inherits i ON i.inhparent = to_regclass(format('peerscope.%I', s.table_name))
          JOIN pg_class c ON c.oid = i.inhrelid
         WHERE right(c.relname, 8) < to_char(s.complete_from, 'YYYYMMDD')
           AND right(c.relname, 8) >= coalesce(to_char(b.complete_from, 'YYYYMMDD'), '')
         GROUP BY s.table_name
    )
    INSERT INTO peerscope.maintenance_log (at, table_name, action, rows, bytes, detail)
    SELECT clock_timestamp(), table_name, 'partitions expired', rows, bytes,
           format('%s: %s', partitions, CASE WHEN first = last THEN first ELSE first || ' to ' || last END)
      FROM expired
    UNION ALL
    SELECT clock_timestamp(), s.table_name, 'held', NULL, NULL,
           format('rows from %s on wait for the digest of %s', s.complete_from, s.held_by)
      FROM stored s LEFT JOIN before b USING (table_name)
     WHERE s.held_by IS NOT NULL AND s.held_by IS DISTINCT FROM b.held_by
     ORDER BY 2;
    GET DIAGNOSTICS moved = ROW_COUNT;
    RETURN moved;
END
$$;
COMMENT ON FUNCTION peerscope.move_horizons() IS
    'Moves each table''s horizon to what retention asks, but not past what a day that waits for its digest reads, unless it has waited for as long again. Returns how many entries that made in maintenance_log.';

-- Without a window between them, the parts of a session go together; a process that was killed closed no session, and
-- emptied no mempool.
CREATE FUNCTION peerscope.expire_batch(of_table text, batch_rows int) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    horizon  timestamptz;
    column_  name;
    type_    text;
    until    text;
    upto     text;
    compare  text;
    deletion text;
    deleted  bigint;
    walked   timestamptz;
    next     timestamptz;
BEGIN
    SELECT h.complete_from::timestamp AT TIME ZONE 'UTC', h.walked_to, r.time_column
      INTO horizon, walked, column_
      FROM peerscope.retention_horizon h JOIN peerscope.retention r USING (table_name)
     WHERE h.table_name = of_table AND r.keep IS NOT NULL;
    IF horizon IS NULL THEN
        RETURN 0;
    END IF;

    IF of_table = 'session_traffic' THEN
        -- It has no time of its own: walk along the ends of sessions. What a session that is noted late leaves behind goes
        -- with the session itself.
        SELECT max(closed_at) INTO next
          FROM (SELECT closed_at FROM peerscope.peer_session
                 WHERE closed_at > coalesce(walked, '-infinity') AND closed_at < horizon
                 ORDER BY closed_at LIMIT greatest(batch_rows / 40, 1)) s;
        IF next IS NULL THEN
            RETURN 0;
        END IF;
        DELETE FROM peerscope.session_traffic t
         USING peerscope.peer_session s
         WHERE s.closed_at > coalesce(walked, '-infinity') AND s.closed_at <= next
           AND t.node_id = s.node_id AND t.run_id = s.run_id AND t.peer_id = s.peer_id;
        GET DIAGNOSTICS deleted = ROW_COUNT;
        UPDATE peerscope.retention_horizon SET walked_to = next WHERE table_name = of_table;
        -- Sessions without traffic are no reason to stop.
        RETURN greatest(deleted, 1);
    END IF;

    SELECT format_type(a.atttypid, a.atttypmod) INTO STRICT type_
      FROM pg_attribute a
     WHERE a.attrelid = format('peerscope.%I', of_table)::regclass AND a.attname = column_;
    until := format('%L::%s', to_char(horizon AT TIME ZONE 'UTC', 'YYYY-MM-DD')
                              || CASE type_ WHEN 'date' THEN '' ELSE ' 00:00:00+00' END, type_);
    -- The first value that is one too many bounds the batch; where that many rows share one value, they go at once.
    EXECUTE format('SELECT quote_literal(%1$I) FROM peerscope.%2$I WHERE %1$I < %3$s ORDER BY %1$I OFFSET %4$s LIMIT 1',
                   column_, of_table, until, batch_rows) INTO upto;
    FOREACH compare IN ARRAY CASE WHEN upto IS NULL THEN ARRAY['< ' || until]
                                  ELSE ARRAY[format('< %s::%s', upto, type_), format('<= %s::%s', upto, type_)] END LOOP
        deletion := format('DELETE FROM peerscope.%I WHERE %I %s', of_table, column_, compare);
        CASE of_table
            WHEN 'message_minute' THEN
                EXECUTE 'WITH gone AS (' || deletion || $sql$
                         RETURNING node_id, minute, run_id, inbound, msg_type, conn_type, messages, bytes, truncated),
                     hours AS (
                        INSERT INTO peerscope.message_hour AS h
                               (node_id, hour, run_id, inbound, msg_type, conn_type, messages, bytes, truncated)
                        SELECT node_id, date_trunc('hour', minute, 'UTC') AS hour, run_id, inbound, msg_type, conn_type,
                               sum(messages), sum(bytes), coalesce(sum(truncated), 0)
                          FROM gone GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
                        ON CONFLICT (node_id, hour, run_id, inbound, msg_type, conn_type) DO UPDATE
                           SET messages = h.messages + excluded.messages, bytes = h.bytes + excluded.bytes,
                               truncated = h.truncated + excluded.truncated)
                     SELECT count(*) FROM gone $sql$ INTO deleted;
            WHEN 'peer_session' THEN
                EXECUTE 'WITH gone AS (' || deletion || $sql$ RETURNING node_id, run_id, peer_id),
                     traffic AS (
                        DELETE FROM peerscope.session_traffic t USING gone g
                         WHERE t.node_id = g.node_id AND t.run_id = g.run_id AND t.peer_id = g.peer_id)
                     SELECT count(*) FROM gone $sql$ INTO deleted;
            ELSE
                EXECUTE deletion;
                GET DIAGNOSTICS deleted = ROW_COUNT;
        END CASE;
        EXIT WHEN deleted > 0;
    END LOOP;
    IF deleted > 0 THEN
        RETURN deleted;
    END IF;

    IF of_table = 'peer_session' THEN
        WITH dead AS (
            SELECT node_id, run_id, peer_id FROM peerscope.peer_session
             WHERE closed_at IS NULL AND opened_at < horizon AND coalesce(last_ts, opened_at) < horizon
             ORDER BY opened_at LIMIT batch_rows
        ),
        gone AS (
            DELETE FROM peerscope.peer_session s USING dead d
             WHERE s.node_id = d.node_id AND s.run_id = d.run_id AND s.peer_id = d.peer_id
            RETURNING s.node_id, s.run_id, s.peer_id
        ),
        traffic AS (
            DELETE FROM peerscope.session_traffic t USING gone g
             WHERE t.node_id = g.node_id AND t.run_id = g.run_id AND t.peer_id = g.peer_id
        )
        SELECT count(*) INTO deleted FROM gone;
    ELSIF of_table = 'mempool_entry' THEN
        WITH ended AS (
            SELECT r.node_id, r.run_id FROM peerscope.process_run r
             WHERE r.exited_at < horizon
                OR EXISTS (SELECT FROM peerscope.process_run later
                            WHERE later.node_id = r.node_id AND later.started_at > r.started_at
                              AND later.started_at < horizon)
        ),
        left_over AS (
            SELECT e.node_id, e.run_id, e.txid, e.added_at
              FROM ended JOIN peerscope.mempool_entry e USING (node_id, run_id)
             WHERE e.removed_at IS NULL LIMIT batch_rows
        )
        DELETE FROM peerscope.mempool_entry e USING left_over l
         WHERE e.node_id = l.node_id AND e.run_id = l.run_id AND e.txid = l.txid AND e.added_at = l.added_at;
        GET DIAGNOSTICS deleted = ROW_COUNT;
    END IF;
    RETURN deleted;
END
$$;
COMMENT ON FUNCTION peerscope.expire_batch(text, int) IS
    'Deletes some batch_rows of the oldest rows before the horizon from a table without partitions, by index, and returns how many; 0 when all are gone. Minutes of messages are added to message_hour, traffic goes with its session.';

CREATE PROCEDURE peerscope.maintain(batch_rows int DEFAULT 20000, max_batches int DEFAULT 50)
    LANGUAGE plpgsql
    AS $$
DECLARE
    today    date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    of_day   date;
    began    timestamptz;
    tables   text[];
    of_table text;
    batch    bigint;
    total    bigint;
    fault    text;
BEGIN
    -- One at a time; whoever comes second has nothing to do.
    IF NOT pg_try_advisory_lock(hashtext('peerscope.maintain')) THEN
        RETURN;
    END IF;

    BEGIN
        total := peerscope.ensure_day(today) + peerscope.ensure_day(today + 1);
        IF total > 0 THEN
            INSERT INTO peerscope.maintenance_log (at, action, rows) VALUES (clock_timestamp(), 'partitions made', total);
        END IF;
    EXCEPTION WHEN OTHERS THEN
        INSERT INTO peerscope.maintenance_log (at, action, detail)
        VALUES (clock_timestamp(), 'failed', 'making partitions: ' || SQLSTATE || ': ' || SQLERRM);
    END;
    COMMIT;
    -- Before any rows go that it reads.
    FOR of_day IN SELECT d FROM peerscope.days_to_publish() AS d LOOP
        began := clock_timestamp();
        fault := NULL;
        BEGIN
            PERFORM peerscope.publish(of_day);
        EXCEPTION WHEN OTHERS THEN
            fault := SQLSTATE || ': ' || SQLERRM;
        END;
        INSERT INTO peerscope.maintenance_log (at, action, duration_ms, detail)
        VALUES (clock_timestamp(), CASE WHEN fault IS NULL THEN 'day published' ELSE 'failed' END,
                extract(epoch FROM clock_timestamp() - began) * 1000,
                of_day || CASE WHEN fault IS NULL THEN '' ELSE ': ' || fault END);
        COMMIT;
    END LOOP;
    PERFORM peerscope.move_horizons();
    COMMIT;

    SELECT coalesce(array_agg(r.table_name ORDER BY r.table_name), '{}') INTO tables
      FROM peerscope.retention r
      JOIN peerscope.retention_horizon h USING (table_name)
      JOIN pg_class c ON c.oid = to_regclass(format('peerscope.%I', r.table_name)) AND c.relkind = 'r'
     WHERE r.keep IS NOT NULL;
    FOREACH of_table IN ARRAY tables LOOP
        began := clock_timestamp();
        total := 0;
        fault := NULL;
        FOR number IN 1 .. max_batches LOOP
            BEGIN
                batch := peerscope.expire_batch(of_table, batch_rows);
            EXCEPTION WHEN OTHERS THEN
                batch := 0;
                fault := SQLSTATE || ': ' || SQLERRM;
            END;
            COMMIT;
            EXIT WHEN batch = 0;
            total := total + batch;
        END LOOP;
        IF total > 0 OR fault IS NOT NULL THEN
            INSERT INTO peerscope.maintenance_log (at, table_name, action, rows, duration_ms, detail)
            VALUES (clock_timestamp(), of_table,
                    CASE WHEN fault IS NOT NULL THEN 'failed'
                         WHEN of_table = 'message_minute' THEN 'rows rolled up' ELSE 'rows deleted' END,
                    total, extract(epoch FROM clock_timestamp() - began) * 1000, fault);
            COMMIT;
        END IF;
    END LOOP;
    PERFORM pg_advisory_unlock(hashtext('peerscope.maintain'));
END
$$;
COMMENT ON PROCEDURE peerscope.maintain(int, int) IS
    'Makes the partitions of today and tomorrow, publishes days whose turn has come, moves the horizons of retention, and deletes what lies before them from tables without partitions, at most max_batches of batch_rows rows a table and call. Partitions that expired are dropped by the statements of expired_partitions(). Call it outside of a transaction. Returns at once while another session is at it; what fails is noted in maintenance_log and tried again by the next call.';

CREATE FUNCTION peerscope.expired_partitions() RETURNS TABLE (partition text, statement text)
    LANGUAGE sql STABLE
    AS $$
    WITH leaf AS (
        SELECT h.table_name, c.relname AS name, i.inhdetachpending AS pending,
               pg_has_role(current_user, p.relowner, 'USAGE') AS is_owner
          FROM peerscope.retention_horizon h
          JOIN peerscope.retention r ON r.table_name = h.table_name AND r.keep IS NOT NULL
          JOIN pg_class p ON p.oid = to_regclass(format('peerscope.%I', h.table_name)) AND p.relkind = 'p'
          JOIN pg_class c ON c.relnamespace = p.relnamespace AND c.relkind = 'r'
                         AND c.relname ~ ('^' || h.table_name || '_[0-9]{8}$')
                         AND right(c.relname, 8) < to_char(h.complete_from, 'YYYYMMDD')
          LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = p.oid
    ),
    step AS (
        SELECT name, 0 AS place, format('ALTER TABLE peerscope.%I DETACH PARTITION peerscope.%I %s', table_name, name,
                                        CASE WHEN pending THEN 'FINALIZE' ELSE 'CONCURRENTLY' END) AS statement,
               coalesce(pending, false) AS pending
          FROM leaf WHERE is_owner AND pending IS NOT NULL
        UNION ALL
        SELECT name, 1, format('DROP TABLE peerscope.%I', name), coalesce(pending, false) FROM leaf WHERE is_owner
        UNION ALL
        SELECT name, 0, format('SELECT peerscope.retire_partition(%L)', name), coalesce(pending, false)
          FROM leaf WHERE NOT is_owner
    )
    -- A table detaches one partition at a time: what was begun and interrupted comes first.
    SELECT name::text, statement FROM step ORDER BY pending DESC, name, place
    $$;
COMMENT ON FUNCTION peerscope.expired_partitions() IS
    'The statements that drop the partitions before their table''s horizon, in their order, each to be run by itself outside of a transaction; after one that failed go on with the next, the next round makes up for it.';

-- For an aggregator whose role does not own the tables. A detachment that is not concurrent needs the table for
-- itself for a moment: rather than making writers wait behind a long query it gives up and is tried again.
CREATE FUNCTION peerscope.retire_partition(partition text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '200ms'
    AS $$
DECLARE
    step text;
BEGIN
    FOR step IN SELECT e.statement FROM peerscope.expired_partitions() e WHERE e.partition = retire_partition.partition
    LOOP
        EXECUTE regexp_replace(step, ' CONCURRENTLY$', '');
    END LOOP;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'partition % is not to be dropped', retire_partition.partition
            USING HINT = 'SELECT * FROM peerscope.expired_partitions() shows what is.';
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION peerscope.retire_partition(text) FROM PUBLIC;
COMMENT ON FUNCTION peerscope.retire_partition(text) IS
    'Drops a partition that expired_partitions() names, for a role that does not own it; fails within a fraction of a second when somebody uses it.';
