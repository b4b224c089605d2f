-- block_arrival, kept up to date in the writer's transaction.

CREATE OR REPLACE FUNCTION peerscope.is_download(at timestamptz, clock_s float8, header_time timestamptz) RETURNS bool
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT header_time < at + clock_s * interval '1 second' - interval '24 hours' $$;
COMMENT ON FUNCTION peerscope.is_download(timestamptz, float8, timestamptz) IS
    'Whether a node that got a block at that time was in initial download: the header was older than 24 h by the node''s own clock, which is clock_s seconds ahead of the time given. NULL where the clock or the header''s time is not known.';

CREATE OR REPLACE FUNCTION peerscope.queue_ms(of_node int, of_run bigint, of_tid int, at timestamptz) RETURNS float8
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT (peerscope.unix_us(at) - peerscope.unix_us(min(w.start_ts))) / 1000.0::float8
      FROM peerscope.validation_window w
     WHERE w.node_id = of_node AND w.run_id = of_run
       AND w.connected_ts BETWEEN at - interval '1 hour' AND at
       AND at <= coalesce(w.last_removal_ts, w.connected_ts) + interval '100 ms'
       AND (w.tid = of_tid OR w.tid = 0 OR coalesce(of_tid, 0) = 0)
$$;
COMMENT ON FUNCTION peerscope.queue_ms(int, bigint, int, timestamptz) IS
    'How long an event taken up at that time may have waited for its thread, which had been validating: back to the start of the earliest validation that may have held it up. NULL when none did.';

-- Reads the temporary table touched_block (node_id int, hash bytea), and computes block_arrival anew for what is in
-- it from block_announcement, block_connected and validation_window: so a row depends on the events alone, not on
-- how they were cut into transactions.
--
-- Order inside a node is (clk, ts, seq): a clock that steps back begins a new segment. What completed a block is the
-- last message that could, before block_connected: the thread that takes messages up is the one that validates, so
-- nothing comes between. A block is local when the node connected it, or announced it, before anybody named it to the
-- node.
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
    connected AS (
        SELECT c.node_id, c.hash, (array_agg(c ORDER BY c.clk, c.ts, c.seq))[1] AS first, count(*)::int AS n
          FROM block_connected c
         WHERE c.hash = ANY (hashes) AND c.node_id = ANY (nodes) AND c.ts >= since
         GROUP BY c.node_id, c.hash
    ),
    named AS (
        SELECT a, a.node_id, a.hash, c.first AS c,
               -- Had this peer asked for the block before, and had we asked this peer?
               coalesce(bool_or(a.inbound AND a.msg_type = 'getdata') OVER session, false) AS asked,
               coalesce(bool_or(NOT a.inbound AND a.msg_type = 'getdata') OVER session, false) AS asked_for,
               (c.first).ts IS NOT NULL AND (a.clk, a.ts, a.seq) < ((c.first).clk, (c.first).ts, (c.first).seq)
                   AS before,
               (c.first).ts IS NOT NULL AND (a.clk, a.ts, a.seq) > ((c.first).clk, (c.first).ts, (c.first).seq)
                   AS after
          FROM block_announcement a
          LEFT JOIN connected c ON c.node_id = a.node_id AND c.hash = a.hash
         WHERE a.hash = ANY (hashes) AND a.node_id = ANY (nodes) AND a.ts >= since
        WINDOW session AS (PARTITION BY a.node_id, a.hash, a.run_id, a.peer_id ORDER BY a.clk, a.ts, a.seq)
    ),
    -- The first compact block of each peer, which a blocktxn of that peer completes.
    compact AS (
        SELECT DISTINCT ON (node_id, hash, (a).run_id, (a).peer_id)
               node_id, hash, (a).run_id, (a).peer_id, (a).prefilled, (a).short_ids, NOT asked_for AS high_bandwidth
          FROM named WHERE (a).inbound AND (a).msg_type = 'cmpctblock'
         ORDER BY node_id, hash, (a).run_id, (a).peer_id, (a).clk, (a).ts, (a).seq
    ),
    stages AS (
        SELECT node_id, hash,
               (array_agg(a ORDER BY (a).clk, (a).ts, (a).seq) FILTER (WHERE (a).inbound
                   AND ((a).msg_type IN ('inv', 'cmpctblock')
                        OR (a).msg_type = 'headers' AND coalesce((a).entries, 1) <= 8)))[1] AS s0,
               (array_agg(a ORDER BY (a).clk, (a).ts, (a).seq) FILTER (WHERE NOT (a).inbound
                   AND (a).msg_type = 'getdata'))[1] AS s1,
               (array_agg(a ORDER BY (a).clk, (a).ts, (a).seq) FILTER (WHERE (a).inbound
                   AND (a).msg_type = 'cmpctblock'))[1] AS s2,
               (array_agg(a ORDER BY (a).clk, (a).ts, (a).seq) FILTER (WHERE NOT (a).inbound
                   AND (a).msg_type = 'getblocktxn'))[1] AS s3,
               (array_agg(a ORDER BY (a).clk, (a).ts, (a).seq) FILTER (WHERE (a).inbound
                   AND (a).msg_type IN ('blocktxn', 'block')))[1] AS s4,
               (array_agg(a ORDER BY (a).clk, (a).ts, (a).seq) FILTER (WHERE NOT (a).inbound
                   AND (a).msg_type = 'cmpctblock' AND NOT asked))[1] AS s5,
               (array_agg(a ORDER BY (a).clk, (a).ts, (a).seq) FILTER (WHERE NOT (a).inbound AND after
                   AND (a).msg_type IN ('inv', 'headers', 'cmpctblock')))[1] AS s7,
               (array_agg(a ORDER BY (a).clk DESC, (a).ts DESC, (a).seq DESC) FILTER (WHERE (a).inbound AND before
                   AND (a).msg_type IN ('cmpctblock', 'blocktxn', 'block')))[1] AS completing,
               (array_agg(a ORDER BY (a).clk, (a).ts, (a).seq) FILTER (WHERE (a).inbound
                   AND (a).msg_type IN ('inv', 'headers', 'cmpctblock', 'blocktxn', 'block')))[1] AS heard,
               (array_agg(a ORDER BY (a).clk, (a).ts, (a).seq) FILTER (WHERE NOT (a).inbound
                   AND (a).msg_type IN ('inv', 'headers', 'cmpctblock')))[1] AS told,
               sum((a).requested) FILTER (WHERE NOT (a).inbound AND (a).msg_type = 'getblocktxn') AS requested_tx,
               sum((a).size) FILTER (WHERE (a).inbound AND (a).msg_type = 'blocktxn') AS requested_bytes
          FROM named GROUP BY node_id, hash
    ),
    arrivals AS (
        SELECT node_id, hash, s0, s1, s2, s3, s4, s5, s7, completing, heard, requested_tx, requested_bytes,
               c.first AS s6, coalesce(c.n, 0) AS n,
               (c.first).ts IS NOT NULL AND ((heard).ts IS NULL
                   OR ((c.first).clk, (c.first).ts, (c.first).seq) < ((heard).clk, (heard).ts, (heard).seq)
                   OR coalesce(((told).clk, (told).ts, (told).seq) < ((heard).clk, (heard).ts, (heard).seq), false))
                   AS local
          FROM touched
          LEFT JOIN stages s USING (node_id, hash)
          LEFT JOIN connected c USING (node_id, hash)
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
           CASE WHEN NOT local THEN (s0).ts END, CASE WHEN NOT local THEN (s0).clk END,
           CASE WHEN NOT local THEN (s0).peer_id END,
           CASE WHEN NOT local THEN queue_ms(arrivals.node_id, (s0).run_id, (s0).tid, (s0).ts) END,
           (s1).ts, (s1).clk, (s1).peer_id, NULL,
           (s2).ts, (s2).clk, (s2).peer_id, queue_ms(arrivals.node_id, (s2).run_id, (s2).tid, (s2).ts),
           (s3).ts, (s3).clk, (s3).peer_id, NULL,
           (s4).ts, (s4).clk, (s4).peer_id, queue_ms(arrivals.node_id, (s4).run_id, (s4).tid, (s4).ts),
           (s5).ts, (s5).clk, (s5).peer_id, NULL,
           (s6).ts, (s6).clk, NULL, NULL,
           (s7).ts, (s7).clk, (s7).peer_id, NULL,
           (s6).duration_ns, (s6).height,
           CASE WHEN local THEN 'local' WHEN (heard).ts IS NOT NULL THEN 'peer' END,
           CASE WHEN local THEN 'local'
                ELSE CASE (completing).msg_type WHEN 'cmpctblock' THEN 'compact'
                         WHEN 'blocktxn' THEN 'compact+blocktxn' WHEN 'block' THEN 'block' END END,
           CASE WHEN NOT local THEN (completing).peer_id END,
           CASE WHEN NOT local THEN coalesce((s0).peer_id, (heard).peer_id) END,
           n,
           least(CASE WHEN NOT local THEN (s0).ts END, (s1).ts, (s2).ts, (s3).ts, (s4).ts, (s5).ts, (s6).ts, (s7).ts),
           CASE WHEN NOT local THEN coalesce((s0).run_id, (heard).run_id) END,
           CASE WHEN NOT local THEN (completing).run_id END,
           (s6).run_id, k.prefilled, k.short_ids, k.high_bandwidth, requested_tx, requested_bytes,
           (s6).transactions, (s6).inputs, (s6).sigops_cost,
           CASE WHEN (s6).ts IS NOT NULL THEN coalesce((
               SELECT sum(w.removed) FROM validation_window w
                WHERE w.node_id = arrivals.node_id AND w.run_id = (s6).run_id AND w.connected_ts = (s6).ts
                  AND w.hash = arrivals.hash), 0) END,
           -- The header and the run's clock were merged before.
           NOT local AND coalesce(is_download(
               least((s0).ts, (s1).ts, (s2).ts, (s3).ts, (s4).ts, (s5).ts, (s6).ts, (s7).ts),
               (r.node_clock_lo_s + r.node_clock_hi_s) / 2, h.time), false)
      FROM arrivals
      LEFT JOIN block_header h ON h.hash = arrivals.hash
      LEFT JOIN process_run r ON r.node_id = arrivals.node_id
       AND r.run_id = coalesce((s6).run_id, (s0).run_id, (heard).run_id)
      -- Only the compact block of the peer that completed it, and not where a whole block did.
      LEFT JOIN compact k
        ON k.node_id = arrivals.node_id AND k.hash = arrivals.hash AND NOT local
       AND k.run_id = (completing).run_id AND k.peer_id = (completing).peer_id
       AND (completing).msg_type IN ('cmpctblock', 'blocktxn')
     WHERE coalesce((s0).ts, (s1).ts, (s2).ts, (s3).ts, (s4).ts, (s5).ts, (s6).ts) IS NOT NULL
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
