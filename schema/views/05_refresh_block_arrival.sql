-- block_arrival, kept up to date in the writer's transaction.

CREATE OR REPLACE FUNCTION peerscope.is_download(at timestamptz, clock_s float8, header_time timestamptz) RETURNS bool
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT header_time < at + clock_s * interval '1 second' - interval '24 hours' $$;
COMMENT ON FUNCTION peerscope.is_download(timestamptz, float8, timestamptz) IS
    'Whether a node that got a block at that time was in initial download: the header was older than 24 h by the node''s own clock, which is clock_s seconds ahead of the time given. NULL where the clock or the header''s time is not known.';

DROP FUNCTION IF EXISTS peerscope.queue_ms(int, bigint, int, timestamptz);

CREATE OR REPLACE FUNCTION peerscope.validation_threads(of_node int, of_run bigint) RETURNS int[]
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    -- From one thread to the next by the primary key, however many windows each has.
    WITH RECURSIVE thread AS (
        SELECT min(w.tid) AS tid FROM peerscope.validation_window w WHERE w.node_id = of_node AND w.run_id = of_run
        UNION ALL
        SELECT (SELECT min(w.tid) FROM peerscope.validation_window w
                 WHERE w.node_id = of_node AND w.run_id = of_run AND w.tid > t.tid)
          FROM thread t WHERE t.tid IS NOT NULL
    )
    SELECT array_agg(tid) FROM thread WHERE tid IS NOT NULL
$$;
COMMENT ON FUNCTION peerscope.validation_threads(int, bigint) IS
    'Threads of a process that have connected a block; 0 among them when one is unknown. NULL when none did.';

-- Reads the temporary table touched_block (node_id int, hash bytea), and computes block_arrival anew for what is in
-- it from block_announcement, block_connected and validation_window: so a row depends on the events alone, not on
-- how they were cut into transactions.
--
-- Order inside a node is (clk, ts, seq): a clock that steps back begins a new segment. What completed a block is the
-- last message that could, before block_connected: the thread that takes messages up is the one that validates, so
-- nothing comes between. A block is local when the node connected it, or announced it, before anybody named it to the
-- node.
--
-- A queue_ms is how long an event may have waited for its thread, which had been validating: back to the start of the
-- earliest validation that ended, with the removals from the mempool that follow it, less than 100 ms before. A node
-- connects one block at a time: so only those connected in these 100 ms, and the last before, can have ended so late.
--
-- Only the last two days before the newest event of the touched nodes are read, which leaves other partitions
-- untouched. A row that reaches further back and has been connected is settled: old blocks are named again in every
-- synchronisation of a peer, and their first announcements may long be gone.
CREATE OR REPLACE FUNCTION peerscope.refresh_block_arrival() RETURNS int
    LANGUAGE plpgsql SET search_path = peerscope, pg_catalog, pg_temp
    AS $$
DECLARE
    since   timestamptz;
    nodes   int[];
    hashes  bytea[];
    changed int;
BEGIN
    SELECT min(newest) - interval '2 days' INTO since
      FROM (SELECT max(s.last_event_at) AS newest
              FROM (SELECT DISTINCT node_id FROM touched_block) t
              JOIN stream s USING (node_id) GROUP BY t.node_id) n;
    since := coalesce(since, '-infinity');

    -- A row not yet connected that reaches further back needs all of its past.
    WITH touched AS (SELECT DISTINCT node_id, hash FROM touched_block),
    known AS (
        SELECT t.node_id, t.hash, b.s6_ts IS NOT NULL AS connected,
               least(b.s0_ts, b.s1_ts, b.s2_ts, b.s3_ts, b.s4_ts, b.s5_ts, b.s6_ts) AS earliest
          FROM touched t LEFT JOIN block_arrival b USING (node_id, hash)
    )
    SELECT array_agg(DISTINCT node_id), array_agg(DISTINCT hash), least(since, min(earliest))
      INTO nodes, hashes, since
      FROM known WHERE earliest IS NULL OR earliest >= since OR NOT connected;
    IF hashes IS NULL THEN
        RETURN 0;
    END IF;

    WITH touched AS (
        SELECT DISTINCT t.node_id, t.hash
          FROM touched_block t LEFT JOIN block_arrival b USING (node_id, hash)
         WHERE b.s6_ts IS NULL
            OR least(b.s0_ts, b.s1_ts, b.s2_ts, b.s3_ts, b.s4_ts, b.s5_ts, b.s6_ts) >= since
    ),
    -- An event's place is the order inside a node, and behind it what is wanted of the event: so the least place carries the
    -- first event with it, and nothing is sorted.
    connected AS (
        SELECT c.node_id, c.hash, count(*)::int AS n,
               min(ARRAY[c.clk, (date_part('epoch', c.ts) * 1e6)::bigint, c.seq,
                         c.run_id, c.duration_ns, c.height, c.transactions, c.inputs, c.sigops_cost]) AS first
          FROM block_connected c
         WHERE c.hash = ANY (hashes) AND c.node_id = ANY (nodes) AND c.ts >= since
         GROUP BY c.node_id, c.hash
    ),
    named AS (
        SELECT a.node_id, a.hash, a.run_id, a.peer_id, a.inbound, a.msg_type, a.entries, a.requested, a.size, c.first AS connected,
               ARRAY[a.clk, (date_part('epoch', a.ts) * 1e6)::bigint, a.seq, a.run_id, a.peer_id, a.tid, a.prefilled, a.short_ids,
                     CASE a.msg_type WHEN 'cmpctblock' THEN 1 WHEN 'blocktxn' THEN 2 WHEN 'block' THEN 3 END] AS place
          FROM block_announcement a
          LEFT JOIN connected c ON c.node_id = a.node_id AND c.hash = a.hash
         WHERE a.hash = ANY (hashes) AND a.node_id = ANY (nodes) AND a.ts >= since
    ),
    sessions AS (
        SELECT node_id, hash, run_id, peer_id,
               min(place) FILTER (WHERE inbound AND (msg_type IN ('inv', 'cmpctblock')
                   OR msg_type = 'headers' AND coalesce(entries, 1) <= 8)) AS s0,
               min(place) FILTER (WHERE NOT inbound AND msg_type = 'getdata') AS s1,
               min(place) FILTER (WHERE inbound AND msg_type = 'cmpctblock') AS s2,
               min(place) FILTER (WHERE NOT inbound AND msg_type = 'getblocktxn') AS s3,
               min(place) FILTER (WHERE inbound AND msg_type IN ('blocktxn', 'block')) AS s4,
               min(place) FILTER (WHERE NOT inbound AND msg_type = 'cmpctblock') AS s5,
               min(place) FILTER (WHERE NOT inbound AND msg_type IN ('inv', 'headers', 'cmpctblock') AND place > connected) AS s7,
               min(place) FILTER (WHERE inbound AND msg_type = 'getdata') AS asked,
               max(place) FILTER (WHERE inbound AND msg_type IN ('cmpctblock', 'blocktxn', 'block') AND place < connected)
                   AS completing,
               min(place) FILTER (WHERE inbound AND msg_type IN ('inv', 'headers', 'cmpctblock', 'blocktxn', 'block')) AS heard,
               min(place) FILTER (WHERE NOT inbound AND msg_type IN ('inv', 'headers', 'cmpctblock')) AS told,
               sum(requested) FILTER (WHERE NOT inbound AND msg_type = 'getblocktxn') AS requested_tx,
               sum(size) FILTER (WHERE inbound AND msg_type = 'blocktxn') AS requested_bytes
          FROM named GROUP BY node_id, hash, run_id, peer_id
    ),
    -- The first compact block of each peer, which a blocktxn of that peer completes.
    compact AS (
        SELECT node_id, hash, run_id, peer_id, s2 AS first, coalesce(s2 < s1, true) AS high_bandwidth FROM sessions
    ),
    stages AS (
        SELECT node_id, hash, min(s0) AS s0, min(s1) AS s1, min(s2) AS s2, min(s3) AS s3, min(s4) AS s4,
               -- A compact block that its peer had asked for before is an answer.
               min(s5) FILTER (WHERE coalesce(s5 < asked, true)) AS s5,
               min(s7) AS s7, max(completing) AS completing, min(heard) AS heard, min(told) AS told,
               sum(requested_tx) AS requested_tx, sum(requested_bytes) AS requested_bytes
          FROM sessions GROUP BY node_id, hash
    ),
    arrivals AS (
        SELECT node_id, hash, s0, s1, s2, s3, s4, s5, s7, completing, heard, requested_tx, requested_bytes,
               c.first AS s6, coalesce(c.n, 0) AS n,
               c.first IS NOT NULL AND (heard IS NULL OR c.first < heard OR coalesce(told < heard, false)) AS local
          FROM touched
          LEFT JOIN stages s USING (node_id, hash)
          LEFT JOIN connected c USING (node_id, hash)
    ),
    threads AS MATERIALIZED (
        SELECT node_id, run_id, validation_threads(node_id, run_id) AS tids
          FROM (SELECT DISTINCT node_id, run_id FROM sessions) r
    ),
    waits AS (
        SELECT a.node_id, a.hash, a.stage, (a.place[2] - unix_us(w.start_ts)) / 1000.0::float8 AS ms
          FROM (SELECT node_id, hash, 0 AS stage, s0 AS place FROM arrivals WHERE NOT local
                UNION ALL SELECT node_id, hash, 2, s2 FROM arrivals
                UNION ALL SELECT node_id, hash, 4, s4 FROM arrivals) a
          JOIN threads t ON t.node_id = a.node_id AND t.run_id = a.place[4]
         CROSS JOIN LATERAL unnest(t.tids) AS of_thread (tid)
         CROSS JOIN LATERAL at_us(a.place[2]) AS at
         CROSS JOIN LATERAL (
               SELECT min(w.start_ts) AS start_ts
                 FROM (SELECT v.start_ts FROM validation_window v
                        WHERE v.node_id = a.node_id AND v.run_id = a.place[4] AND v.tid = of_thread.tid
                          AND v.connected_ts BETWEEN at - interval '100 ms' AND at
                       UNION ALL
                       SELECT l.start_ts
                         FROM (SELECT v.start_ts, coalesce(v.last_removal_ts, v.connected_ts) AS ended
                                 FROM validation_window v
                                WHERE v.node_id = a.node_id AND v.run_id = a.place[4] AND v.tid = of_thread.tid
                                  AND v.connected_ts >= at - interval '1 hour'
                                  AND v.connected_ts < at - interval '100 ms'
                                ORDER BY v.connected_ts DESC LIMIT 1) l
                        WHERE at <= l.ended + interval '100 ms') w) w
         WHERE of_thread.tid = a.place[6] OR of_thread.tid = 0 OR coalesce(a.place[6], 0) = 0
    ),
    waited AS (
        SELECT node_id, hash, max(ms) FILTER (WHERE stage = 0) AS s0, max(ms) FILTER (WHERE stage = 2) AS s2,
               max(ms) FILTER (WHERE stage = 4) AS s4
          FROM waits GROUP BY node_id, hash
    )
    INSERT INTO block_arrival AS b (
        node_id, hash, s0_ts, s0_clk, s0_peer, s0_queue_ms, s1_ts, s1_clk, s1_peer, s1_queue_ms,
        s2_ts, s2_clk, s2_peer, s2_queue_ms, s3_ts, s3_clk, s3_peer, s3_queue_ms,
        s4_ts, s4_clk, s4_peer, s4_queue_ms, s5_ts, s5_clk, s5_peer, s5_queue_ms,
        s6_ts, s6_clk, s6_peer, s6_queue_ms, s7_ts, s7_clk, s7_peer, s7_queue_ms,
        s6_duration_ns, height, source, mode, completed_by, first_peer, n_connects,
        first_ts, first_run, completed_run, s6_run, prefilled, short_ids, high_bandwidth, requested_tx, requested_bytes,
        transactions, inputs, sigops_cost, removed, in_download)
    SELECT arrivals.node_id, arrivals.hash,
           CASE WHEN NOT local THEN at_us(arrivals.s0[2]) END, CASE WHEN NOT local THEN arrivals.s0[1] END, CASE WHEN NOT local THEN arrivals.s0[5] END,
           waited.s0,
           at_us(arrivals.s1[2]), arrivals.s1[1], arrivals.s1[5], NULL,
           at_us(arrivals.s2[2]), arrivals.s2[1], arrivals.s2[5], waited.s2,
           at_us(arrivals.s3[2]), arrivals.s3[1], arrivals.s3[5], NULL,
           at_us(arrivals.s4[2]), arrivals.s4[1], arrivals.s4[5], waited.s4,
           at_us(arrivals.s5[2]), arrivals.s5[1], arrivals.s5[5], NULL,
           at_us(arrivals.s6[2]), arrivals.s6[1], NULL, NULL,
           at_us(arrivals.s7[2]), arrivals.s7[1], arrivals.s7[5], NULL,
           arrivals.s6[5], arrivals.s6[6],
           CASE WHEN local THEN 'local' WHEN heard IS NOT NULL THEN 'peer' END,
           CASE WHEN local THEN 'local' ELSE (ARRAY['compact', 'compact+blocktxn', 'block'])[completing[9]] END,
           CASE WHEN NOT local THEN completing[5] END,
           CASE WHEN NOT local THEN coalesce(arrivals.s0[5], heard[5]) END,
           n,
           at_us(least(CASE WHEN NOT local THEN arrivals.s0[2] END, arrivals.s1[2], arrivals.s2[2], arrivals.s3[2], arrivals.s4[2], arrivals.s5[2], arrivals.s6[2], arrivals.s7[2])),
           CASE WHEN NOT local THEN coalesce(arrivals.s0[4], heard[4]) END,
           CASE WHEN NOT local THEN completing[4] END,
           arrivals.s6[4], k.first[7], k.first[8], k.high_bandwidth, requested_tx, requested_bytes,
           arrivals.s6[7], arrivals.s6[8], arrivals.s6[9],
           CASE WHEN arrivals.s6 IS NOT NULL THEN coalesce((
               SELECT sum(w.removed) FROM validation_window w
                WHERE w.node_id = arrivals.node_id AND w.run_id = arrivals.s6[4] AND w.connected_ts = at_us(arrivals.s6[2])
                  AND w.hash = arrivals.hash), 0) END,
           -- The header and the run's clock were merged before.
           NOT local AND coalesce(is_download(
               at_us(least(arrivals.s0[2], arrivals.s1[2], arrivals.s2[2], arrivals.s3[2], arrivals.s4[2], arrivals.s5[2], arrivals.s6[2], arrivals.s7[2])),
               (r.node_clock_lo_s + r.node_clock_hi_s) / 2, h.time), false)
      FROM arrivals
      LEFT JOIN waited USING (node_id, hash)
      LEFT JOIN block_header h ON h.hash = arrivals.hash
      LEFT JOIN process_run r ON r.node_id = arrivals.node_id AND r.run_id = coalesce(arrivals.s6[4], arrivals.s0[4], heard[4])
      -- Only the compact block of the peer that completed it, and not where a whole block did.
      LEFT JOIN compact k
        ON k.node_id = arrivals.node_id AND k.hash = arrivals.hash AND NOT local
       AND k.run_id = completing[4] AND k.peer_id = completing[5] AND completing[9] IN (1, 2)
     WHERE coalesce(arrivals.s0, arrivals.s1, arrivals.s2, arrivals.s3, arrivals.s4, arrivals.s5, arrivals.s6) IS NOT NULL
     ORDER BY arrivals.node_id, arrivals.hash
    ON CONFLICT (node_id, hash) DO UPDATE SET
        s0_ts = excluded.s0_ts, s0_clk = excluded.s0_clk, s0_peer = excluded.s0_peer,
        s0_queue_ms = excluded.s0_queue_ms,
        s1_ts = excluded.s1_ts, s1_clk = excluded.s1_clk, s1_peer = excluded.s1_peer,
        s2_ts = excluded.s2_ts, s2_clk = excluded.s2_clk, s2_peer = excluded.s2_peer,
        s2_queue_ms = excluded.s2_queue_ms,
        s3_ts = excluded.s3_ts, s3_clk = excluded.s3_clk, s3_peer = excluded.s3_peer,
        s4_ts = excluded.s4_ts, s4_clk = excluded.s4_clk, s4_peer = excluded.s4_peer,
        s4_queue_ms = excluded.s4_queue_ms,
        s5_ts = excluded.s5_ts, s5_clk = excluded.s5_clk, s5_peer = excluded.s5_peer,
        s6_ts = excluded.s6_ts, s6_clk = excluded.s6_clk,
        s7_ts = excluded.s7_ts, s7_clk = excluded.s7_clk, s7_peer = excluded.s7_peer,
        s6_duration_ns = excluded.s6_duration_ns, height = excluded.height, source = excluded.source,
        mode = excluded.mode, completed_by = excluded.completed_by, first_peer = excluded.first_peer,
        n_connects = excluded.n_connects, first_ts = excluded.first_ts, first_run = excluded.first_run,
        completed_run = excluded.completed_run, s6_run = excluded.s6_run, prefilled = excluded.prefilled,
        short_ids = excluded.short_ids, high_bandwidth = excluded.high_bandwidth,
        requested_tx = excluded.requested_tx, requested_bytes = excluded.requested_bytes,
        transactions = excluded.transactions, inputs = excluded.inputs, sigops_cost = excluded.sigops_cost,
        removed = excluded.removed, in_download = excluded.in_download;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION peerscope.refresh_block_arrival() IS
    'Brings block_arrival up to date for the rows of the temporary table touched_block (node_id int, hash bytea). Call it in the writer''s transaction after the event rows and validation_window.';
