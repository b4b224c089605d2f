-- The digest of transactions: how far and how fast each came, and how mempools differ.

CREATE OR REPLACE FUNCTION peerscope.digest_transactions(of_day date) RETURNS void
    LANGUAGE plpgsql SET client_min_messages = warning SET work_mem = '128MB' SET jit = off
    SET plan_cache_mode = force_custom_plan
    AS $$
BEGIN
    PERFORM peerscope.digest_tx_reach(of_day);
    PERFORM peerscope.digest_tx_removals(of_day);
    PERFORM peerscope.digest_mempool_pairs(of_day);
    PERFORM peerscope.digest_missing_at_block(of_day);
    PERFORM peerscope.digest_peer_value(of_day);
END
$$;
COMMENT ON FUNCTION peerscope.digest_transactions(date) IS
    'Digest: how transactions of a day travelled and how mempools differed. Stores tx_reach (and the removal reasons of earlier days'' transactions), mempool_pair_sample, block_missing, the transactions of session_credit, and peer_value_window.';

-- A transaction is of the day on which the fleet first heard of it, if no node had heard of it on the day before. What
-- comes more than ten minutes after that is another story: a wallet or a peer telling it again.
CREATE OR REPLACE FUNCTION peerscope.digest_tx_reach(of_day date) RETURNS void
    LANGUAGE plpgsql SET client_min_messages = warning SET work_mem = '128MB' SET jit = off
    SET plan_cache_mode = force_custom_plan
    AS $$
DECLARE
    day_from  timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    day_to    timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
    day_ns    bigint := 86400000000000;
    reach     interval := '10 minutes';
    reach_ns  bigint := 600000000000;
    -- By how much the nodes' clocks were ahead or behind: their rows of the day begin and end as much earlier or later.
    ahead     interval;
    behind    interval;
    several   bool;
BEGIN
    SELECT least(greatest(max(-s.corr_ns), 0) / 1000 * interval '1 microsecond', interval '1 day'),
           least(greatest(max(s.corr_ns), 0) / 1000 * interval '1 microsecond', interval '1 day')
      INTO ahead, behind
      FROM peerscope.node n
      JOIN peerscope.clock_segment s ON s.node_id = n.node_id AND s.valid_from >= day_from - interval '2 days'
                                    AND s.valid_from < day_to + interval '2 days';
    ahead := coalesce(ahead, '0');
    behind := coalesce(behind, '0');

    DROP TABLE IF EXISTS pg_temp.tx_ids, pg_temp.tx_heard, pg_temp.tx_start, pg_temp.tx_told, pg_temp.tx_eligible,
                         pg_temp.tx_spread, pg_temp.tx_lacking, pg_temp.tx_untold, pg_temp.new_tx_reach;

    -- Which ids belong together.
    CREATE TEMP TABLE tx_ids ON COMMIT DROP AS
    SELECT t.wtxid, t.txid FROM peerscope.tx_seen t
     WHERE t.ts >= day_from - behind - interval '1 day' AND t.ts < day_to + ahead + interval '1 day'
     GROUP BY t.wtxid, t.txid;
    CREATE INDEX ON tx_ids (txid);
    ANALYZE tx_ids;

    -- What was heard on the day and just after, at each node under whatever hash, in nanoseconds since the day began (a
    -- float8 holds its microseconds exactly, and millions of rows have no time for numeric); of several witnesses of
    -- one transaction the first by hash stands for a txid.
    CREATE TEMP TABLE tx_heard ON COMMIT DROP AS
    WITH heard AS (
        SELECT s.node_id, s.run_id, s.peer_id, s.hash, s.is_wtxid,
               round(date_part('epoch', s.ts - day_from) * 1e6)::bigint * 1000 + coalesce(c.corr_ns, 0) AS t_ns,
               CASE WHEN c.corr_ns IS NOT NULL THEN c.eps_ns END AS eps_ns, c.reference, c.ref_maxerror_ns
          FROM peerscope.tx_sighting s
          LEFT JOIN peerscope.clock_segment c ON c.node_id = s.node_id AND c.clk = s.clk
         WHERE s.ts >= day_from - behind AND s.ts < day_to + ahead + reach
    ),
    by_txid AS (
        SELECT DISTINCT ON (h.hash) h.hash, i.wtxid
          FROM (SELECT DISTINCT hash FROM heard WHERE NOT is_wtxid) h
          JOIN tx_ids i ON i.txid = h.hash
         ORDER BY h.hash, i.wtxid
    )
    SELECT h.node_id, h.run_id, h.peer_id, coalesce(b.wtxid, h.hash) AS id, h.is_wtxid OR b.wtxid IS NOT NULL AS is_wtxid,
           h.t_ns, h.eps_ns, h.reference, h.ref_maxerror_ns
      FROM heard h
      LEFT JOIN by_txid b ON NOT h.is_wtxid AND b.hash = h.hash
     WHERE h.t_ns < day_ns + reach_ns;
    ANALYZE tx_heard;

    CREATE TEMP TABLE tx_start ON COMMIT DROP AS
    WITH first AS (
        -- By clocks whose error is known, where there are any: one that contradicts itself may be off by hours.
        SELECT * FROM (
            SELECT h.id, coalesce(min(h.t_ns) FILTER (WHERE h.eps_ns IS NOT NULL), min(h.t_ns)) AS t0_ns,
                   bool_or(h.is_wtxid) AS is_wtxid
              FROM tx_heard h GROUP BY h.id) f
         WHERE f.t0_ns >= 0 AND f.t0_ns < day_ns
    ),
    known AS (
        SELECT f.id, f.t0_ns, CASE WHEN f.is_wtxid THEN f.id END AS wtxid,
               CASE WHEN f.is_wtxid THEN i.txid ELSE f.id END AS txid
          FROM first f LEFT JOIN tx_ids i ON f.is_wtxid AND i.wtxid = f.id
    )
    SELECT k.* FROM known k
     WHERE NOT EXISTS (SELECT FROM peerscope.tx_sighting b
                        WHERE b.hash = k.wtxid AND b.ts >= day_from - interval '1 day' - behind AND b.ts < day_from - behind)
       AND NOT EXISTS (SELECT FROM peerscope.tx_sighting b
                        WHERE b.hash = k.txid AND b.ts >= day_from - interval '1 day' - behind AND b.ts < day_from - behind);
    CREATE UNIQUE INDEX ON tx_start (id);
    ANALYZE tx_start;

    -- Each node's first word of it: an announcement by txid and one by wtxid are the same news.
    CREATE TEMP TABLE tx_told ON COMMIT DROP AS
    SELECT DISTINCT ON (h.id, h.node_id) h.id, h.node_id, h.run_id, h.peer_id, h.t_ns, h.eps_ns, h.reference, h.ref_maxerror_ns
      FROM tx_heard h JOIN tx_start s ON s.id = h.id
     WHERE h.t_ns <= s.t0_ns + reach_ns
     ORDER BY h.id, h.node_id, h.t_ns, h.peer_id;
    ANALYZE tx_told;

    -- Who could have been told: captured without gap from t0 for as long, and not in initial download at t0. That
    -- changes a few times a day, not with every transaction.
    CREATE TEMP TABLE tx_eligible ON COMMIT DROP AS
    WITH span AS (
        SELECT node_id, range_agg(tstzrange(covered_from, covered_to - reach, '[]'))
                            * tstzmultirange(tstzrange(day_from, day_to)) AS spans
          FROM peerscope.coverage_span
         WHERE day = of_day AND tracepoint = 'net:inbound_message' AND NOT downloading AND covered_to - reach >= covered_from
         GROUP BY node_id
    ),
    edge AS (
        SELECT day_from AS at UNION SELECT day_to
        UNION SELECT lower(r) FROM span CROSS JOIN unnest(spans) AS r
        -- A closed end belongs to the span before it.
        UNION SELECT upper(r) + CASE WHEN upper_inc(r) THEN interval '1 microsecond' ELSE interval '0' END
                FROM span CROSS JOIN unnest(spans) AS r
    ),
    stretch AS (
        SELECT at AS stretch_from, lead(at) OVER (ORDER BY at) AS stretch_to FROM edge
    )
    SELECT (date_part('epoch', s.stretch_from - day_from) * 1e9)::bigint AS from_ns,
           (date_part('epoch', s.stretch_to - day_from) * 1e9)::bigint AS to_ns,
           coalesce(array_agg(p.node_id ORDER BY p.node_id) FILTER (WHERE p.node_id IS NOT NULL), '{}') AS nodes
      FROM stretch s LEFT JOIN span p ON p.spans @> s.stretch_from
     WHERE s.stretch_to IS NOT NULL
     GROUP BY s.stretch_from, s.stretch_to;
    ANALYZE tx_eligible;

    SELECT count(DISTINCT reference) > 1 INTO several FROM tx_told;

    -- Only times with a known error are compared; where clocks refer to several, the references' errors count.
    CREATE TEMP TABLE tx_spread ON COMMIT DROP AS
    WITH compared AS (
        SELECT t.id, t.node_id, t.t_ns, t.eps_ns + CASE WHEN several THEN t.ref_maxerror_ns ELSE 0 END AS error_ns FROM tx_told t
    ),
    first AS (
        SELECT c.id, min(c.t_ns) FILTER (WHERE c.error_ns IS NOT NULL) AS known_ns, min(c.t_ns - c.error_ns) AS lo_ns,
               min(c.t_ns + c.error_ns) AS hi_ns
          FROM compared c GROUP BY c.id
    )
    SELECT c.id, s.wtxid, s.txid, s.t0_ns, e.nodes AS eligible, count(*)::int AS nodes,
           count(*) FILTER (WHERE c.node_id = ANY (e.nodes))::int AS reached,
           percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY CASE WHEN c.error_ns IS NOT NULL
                                                                        THEN (c.t_ns - f.known_ns)::float8 END) AS delays_ns,
           max(c.error_ns) + max(greatest(f.known_ns - f.lo_ns, f.hi_ns - f.known_ns)) AS error_ns
      FROM compared c
      JOIN first f ON f.id = c.id
      JOIN tx_start s ON s.id = c.id
      JOIN tx_eligible e ON s.t0_ns >= e.from_ns AND s.t0_ns < e.to_ns
     GROUP BY c.id, s.wtxid, s.txid, s.t0_ns, e.nodes;
    ANALYZE tx_spread;

    -- Nobody tells a node of what it has already: from its own wallet, a block that was undone, its own file.
    CREATE TEMP TABLE tx_lacking ON COMMIT DROP AS
    SELECT p.id, p.txid, day_from + p.t0_ns / 1000 * interval '1 microsecond' AS t0, n.node_id
      FROM tx_spread p CROSS JOIN LATERAL unnest(p.eligible) AS n (node_id)
     WHERE p.reached < cardinality(p.eligible) AND p.txid IS NOT NULL
       AND NOT EXISTS (SELECT FROM tx_told t WHERE t.id = p.id AND t.node_id = n.node_id);
    ANALYZE tx_lacking;
    CREATE TEMP TABLE tx_untold ON COMMIT DROP AS
    SELECT l.id, count(DISTINCT l.node_id)::int AS nodes
      FROM tx_lacking l
      JOIN peerscope.process_run r ON r.node_id = l.node_id
      JOIN peerscope.mempool_entry m ON m.node_id = r.node_id AND m.run_id = r.run_id AND m.txid = l.txid
     WHERE m.added_at <= l.t0 + reach + ahead AND (m.removed_at >= l.t0 - behind OR m.removed_at IS NULL)
     GROUP BY l.id;

    CREATE TEMP TABLE new_tx_reach ON COMMIT DROP AS
    SELECT p.id, p.wtxid, p.txid, day_from + p.t0_ns / 1000 * interval '1 microsecond' AS t0, p.nodes,
           cardinality(p.eligible) - coalesce(u.nodes, 0) AS eligible, p.reached,
           p.delays_ns[1] / 1e6 AS p50_ms, p.delays_ns[2] / 1e6 AS p90_ms, p.error_ns / 1e6::float8 AS error_ms
      FROM tx_spread p LEFT JOIN tx_untold u ON u.id = p.id;
    CREATE UNIQUE INDEX ON new_tx_reach (id);
    ANALYZE new_tx_reach;

    DELETE FROM peerscope.tx_reach r
     WHERE r.day = of_day AND NOT EXISTS (SELECT FROM new_tx_reach n WHERE n.id = r.id);
    INSERT INTO peerscope.tx_reach AS r (day, id, wtxid, txid, t0, nodes, eligible, reached, p50_ms, p90_ms, error_ms)
    SELECT of_day, id, wtxid, txid, t0, nodes, eligible, reached, p50_ms, p90_ms, error_ms FROM new_tx_reach ORDER BY id
    ON CONFLICT (day, id) DO UPDATE
       SET wtxid = excluded.wtxid, txid = excluded.txid, t0 = excluded.t0, nodes = excluded.nodes,
           eligible = excluded.eligible, reached = excluded.reached, p50_ms = excluded.p50_ms, p90_ms = excluded.p90_ms,
           error_ms = excluded.error_ms
     WHERE (r.wtxid, r.txid, r.t0, r.nodes, r.eligible, r.reached, r.p50_ms, r.p90_ms, r.error_ms)
           IS DISTINCT FROM (excluded.wtxid, excluded.txid, excluded.t0, excluded.nodes, excluded.eligible,
                             excluded.reached, excluded.p50_ms, excluded.p90_ms, excluded.error_ms);

    -- Who told each node first.
    UPDATE peerscope.session_credit c SET first_transactions = 0
     WHERE c.day = of_day AND c.first_transactions > 0
       AND NOT EXISTS (SELECT FROM tx_told t
                        WHERE t.node_id = c.node_id AND t.run_id = c.run_id AND t.peer_id = c.peer_id);
    INSERT INTO peerscope.session_credit AS c (node_id, run_id, peer_id, day, first_transactions)
    SELECT node_id, run_id, peer_id, of_day, count(*)::int FROM tx_told GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (node_id, run_id, peer_id, day) DO UPDATE SET first_transactions = excluded.first_transactions
     WHERE c.first_transactions IS DISTINCT FROM excluded.first_transactions;
    DELETE FROM peerscope.session_credit c WHERE c.day = of_day AND c.first_blocks = 0 AND c.first_transactions = 0;
END
$$;
COMMENT ON FUNCTION peerscope.digest_tx_reach(date) IS
    'Digest: tx_reach of a day, and the transactions of session_credit.';

-- A transaction leaves the mempools hours or days after it came: so the day on which it leaves notes why, in the row of
-- the day on which it came, and what was noted stays when that day is computed again.
CREATE OR REPLACE FUNCTION peerscope.digest_tx_removals(of_day date) RETURNS void
    LANGUAGE plpgsql SET client_min_messages = warning SET work_mem = '128MB' SET jit = off
    SET plan_cache_mode = force_custom_plan
    AS $$
DECLARE
    day_from timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    day_to   timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
    margin   interval := peerscope.clock_margin(of_day);
BEGIN
    DROP TABLE IF EXISTS pg_temp.tx_removal;
    CREATE TEMP TABLE tx_removal ON COMMIT DROP AS
    SELECT DISTINCT ON (txid) txid, reason FROM (
        SELECT e.txid, e.reason, count(*) AS nodes
          FROM peerscope.mempool_entry e
          LEFT JOIN peerscope.clock_segment c ON c.node_id = e.node_id AND c.clk = e.clk
         WHERE e.removed_at >= day_from - margin AND e.removed_at < day_to + margin
           AND peerscope.corrected(e.removed_at, c.corr_ns) >= day_from
           AND peerscope.corrected(e.removed_at, c.corr_ns) < day_to AND e.reason IS NOT NULL
         GROUP BY e.txid, e.reason
    ) r ORDER BY txid, nodes DESC, reason;
    ANALYZE tx_removal;

    UPDATE peerscope.tx_reach r SET removal_reason = n.reason, removal_day = of_day
      FROM tx_removal n
     WHERE r.txid = n.txid AND r.day <= of_day AND r.day > of_day - 15
       AND (r.removal_day IS NULL OR r.removal_day >= of_day)
       AND (r.removal_reason, r.removal_day) IS DISTINCT FROM (n.reason, of_day);
END
$$;
COMMENT ON FUNCTION peerscope.digest_tx_removals(date) IS
    'Digest: why transactions left the mempools on a day, noted in tx_reach.';

-- Compares n mempools in one pass. A stay covers some of the day's 144 samples, from the first to before the last; all
-- stays of a transaction together make a set of nodes for each stretch of samples. Transactions with the same set over the
-- same stretch are counted together, and only these counts are taken apart into pairs of nodes.
CREATE OR REPLACE FUNCTION peerscope.digest_mempool_pairs(of_day date) RETURNS void
    LANGUAGE plpgsql SET client_min_messages = warning SET work_mem = '128MB' SET jit = off
    SET plan_cache_mode = force_custom_plan
    AS $$
DECLARE
    day_from timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    day_to   timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
    margin   interval := peerscope.clock_margin(of_day);
    tiles    int;
    a_tile   int;
    b_tile   int;
BEGIN
    DROP TABLE IF EXISTS pg_temp.pool_span, pg_temp.pool_node, pg_temp.pool_start, pg_temp.pool_floor, pg_temp.pool_stay,
                         pg_temp.pool_count, pg_temp.new_pair_sample;

    -- Stretches in which a node's mempool is known, in corrected time: additions and removals were both captured, in one
    -- process. What came before one is not known to be still there.
    CREATE TEMP TABLE pool_span ON COMMIT DROP AS
    WITH newest AS (
        SELECT node_id, max(last_event_at) AS at FROM peerscope.stream GROUP BY node_id
    ),
    clock AS (
        SELECT DISTINCT ON (n.node_id) n.node_id, coalesce(s.corr_ns / 1000, 0) * interval '1 microsecond' AS corr
          FROM peerscope.node n
          JOIN peerscope.clock_segment s ON s.node_id = n.node_id AND s.valid_from >= day_from - interval '2 days'
                                        AND s.valid_from < day_to
         ORDER BY n.node_id, s.clk DESC
    ),
    captured AS (
        SELECT i.node_id, i.run_id, i.tracepoint, range_agg(tstzrange(i.valid_from, coalesce(i.valid_to, r.ended_at, n.at))) AS spans
          FROM peerscope.capture_interval i
          JOIN newest n USING (node_id)
          -- Of two processes one may have had the other's transactions: a node counts once.
          LEFT JOIN peerscope.run_span r USING (node_id, run_id)
         WHERE i.tracepoint IN ('mempool:added', 'mempool:removed')
           AND i.valid_from < day_to + margin AND (i.valid_to > day_from - interval '1 day' - margin OR i.valid_to IS NULL)
           AND coalesce(i.valid_to, r.ended_at, n.at) > greatest(i.valid_from, day_from - interval '1 day' - margin)
         GROUP BY i.node_id, i.run_id, i.tracepoint
    )
    SELECT a.node_id, a.run_id, t.from_s, t.to_s,
           -- The first sample at least ten minutes after the start, and the first one after the end.
           greatest(0, ceil(t.from_s / 600 + 1))::int AS k0, least(144, ceil(t.to_s / 600))::int AS k1,
           coalesce(r.fee_floor, 0) AS fee_floor
      FROM captured a
      JOIN captured b ON b.node_id = a.node_id AND b.run_id = a.run_id AND b.tracepoint = 'mempool:removed'
     CROSS JOIN unnest(a.spans * b.spans) AS s (span)
      LEFT JOIN clock k ON k.node_id = a.node_id
     CROSS JOIN LATERAL (SELECT date_part('epoch', lower(s.span) + coalesce(k.corr, '0') - day_from) AS from_s,
                                date_part('epoch', upper(s.span) + coalesce(k.corr, '0') - day_from) AS to_s) t
      LEFT JOIN peerscope.process_run r ON r.node_id = a.node_id AND r.run_id = a.run_id
     WHERE a.tracepoint = 'mempool:added';
    -- A node has one mempool at a time: where by its clock two processes ran at once, as after a reboot that set it back, the later
    -- start counts.
    UPDATE pool_span s SET to_s = n.to_s, k1 = least(s.k1, ceil(n.to_s / 600))::int
      FROM (SELECT node_id, run_id, from_s, lead(from_s) OVER (PARTITION BY node_id ORDER BY from_s, run_id) AS to_s FROM pool_span) n
     WHERE n.node_id = s.node_id AND n.run_id = s.run_id AND n.from_s = s.from_s AND n.to_s < s.to_s;
    DELETE FROM pool_span WHERE k1 <= k0;
    ANALYZE pool_span;

    -- Up to 62 nodes fit the bits of a bigint; more are taken by pairs of tiles of 31.
    CREATE TEMP TABLE pool_node ON COMMIT DROP AS
    SELECT node_id, (row_number() OVER (ORDER BY node_id) - 1)::int AS place, 0 AS tile
      FROM (SELECT DISTINCT node_id FROM pool_span) n;
    UPDATE pool_node SET tile = CASE WHEN (SELECT count(*) FROM pool_node) <= 62 THEN 0 ELSE place / 31 END;
    SELECT coalesce(max(tile), -1) INTO tiles FROM pool_node;

    -- For a pair, only transactions count that no node had before the later of both began to be known: a class of
    -- transactions for each such start, and one for each floor that decides whether they are relayed.
    CREATE TEMP TABLE pool_start ON COMMIT DROP AS
    SELECT from_s AS at_s, row_number() OVER (ORDER BY from_s)::int AS place FROM (SELECT DISTINCT from_s FROM pool_span) s;
    CREATE TEMP TABLE pool_floor ON COMMIT DROP AS
    SELECT fee_floor, row_number() OVER (ORDER BY fee_floor)::int AS place FROM (SELECT DISTINCT fee_floor FROM pool_span) f;

    CREATE TEMP TABLE pool_stay ON COMMIT DROP AS
    WITH entry AS (
        SELECT e.node_id, e.run_id, e.txid, e.added_at, e.clk, e.removed_at, e.fee, e.vsize
          FROM peerscope.mempool_entry e WHERE e.removed_at >= day_from - margin AND e.added_at < day_to + interval '1 day'
        UNION ALL
        SELECT e.node_id, e.run_id, e.txid, e.added_at, e.clk, e.removed_at, e.fee, e.vsize
          FROM (SELECT DISTINCT node_id, run_id FROM pool_span) s
          JOIN peerscope.mempool_entry e ON e.node_id = s.node_id AND e.run_id = s.run_id AND e.removed_at IS NULL
         WHERE e.added_at < day_to + interval '1 day'
    ),
    -- Seconds since the day began, computed once a row.
    corrected AS MATERIALIZED (
        SELECT e.node_id, e.run_id, e.txid, date_part('epoch', e.added_at - day_from) + coalesce(c.corr_ns, 0) / 1e9::float8 AS added_s,
               date_part('epoch', e.removed_at - day_from) + coalesce(c.corr_ns, 0) / 1e9::float8 AS removed_s,
               e.fee * 1000.0::float8 / e.vsize AS fee_rate
          FROM entry e
          LEFT JOIN peerscope.clock_segment c ON c.node_id = e.node_id AND c.clk = e.clk
    )
    SELECT e.txid, n.place, n.tile, e.added_s, e.fee_rate,
           greatest(s.k0, ceil((e.added_s + 60) / 600))::int AS k0, coalesce(least(s.k1, ceil(e.removed_s / 600)), s.k1)::int AS k1
      FROM corrected e
      JOIN pool_span s ON s.node_id = e.node_id AND s.run_id = e.run_id AND e.added_s >= s.from_s AND e.added_s < s.to_s
      JOIN pool_node n ON n.node_id = e.node_id;
    DELETE FROM pool_stay WHERE k1 <= k0;
    ANALYZE pool_stay;

    CREATE TEMP TABLE new_pair_sample (k int, node_a int, node_b int, both_n bigint, only_a bigint, only_b bigint) ON COMMIT DROP;
    FOR a_tile IN 0 .. tiles LOOP
        FOR b_tile IN a_tile .. tiles LOOP
            PERFORM peerscope.count_mempool_pairs(a_tile, b_tile);
        END LOOP;
    END LOOP;

    DELETE FROM peerscope.mempool_pair_sample p
     WHERE p.day = of_day
       AND NOT EXISTS (SELECT FROM new_pair_sample n
                        WHERE n.node_a = p.node_a AND n.node_b = p.node_b AND day_from + n.k * interval '10 minutes' = p.at);
    INSERT INTO peerscope.mempool_pair_sample AS p (at, node_a, node_b, day, common, only_a, only_b)
    SELECT day_from + k * interval '10 minutes', node_a, node_b, of_day, both_n, only_a, only_b
      FROM new_pair_sample ORDER BY 1, 2, 3
    ON CONFLICT (at, node_a, node_b) DO UPDATE
       SET day = excluded.day, common = excluded.common, only_a = excluded.only_a, only_b = excluded.only_b
     WHERE (p.common, p.only_a, p.only_b) IS DISTINCT FROM (excluded.common, excluded.only_a, excluded.only_b);
END
$$;
COMMENT ON FUNCTION peerscope.digest_mempool_pairs(date) IS
    'Digest: mempool_pair_sample of a day.';

CREATE OR REPLACE FUNCTION peerscope.count_mempool_pairs(a_tile int, b_tile int) RETURNS void
    LANGUAGE plpgsql SET client_min_messages = warning SET work_mem = '128MB' SET jit = off
    AS $$
BEGIN
    DROP TABLE IF EXISTS pg_temp.pool_count, pg_temp.pool_pair;
    CREATE TEMP TABLE pool_count ON COMMIT DROP AS
    WITH tx AS (
        SELECT txid, min(added_s) AS first_s, min(fee_rate) AS fee_rate FROM pool_stay GROUP BY txid
    ),
    class AS (
        SELECT t.txid,
               (SELECT coalesce(max(s.place), 0) FROM pool_start s WHERE s.at_s <= t.first_s) AS start_class,
               (SELECT coalesce(max(f.place), 0) FROM pool_floor f WHERE f.fee_floor <= t.fee_rate) AS floor_class
          FROM tx t
    ),
    -- Nodes come and go; the running sum of their bits is the set of those that are there.
    change AS (
        SELECT s.txid, c.k, sum(c.bits)::bigint AS bits
          FROM (SELECT txid, k0, k1, 1::bigint << (CASE WHEN tile = a_tile THEN place % 31 ELSE 31 + place % 31 END) AS bit
                  FROM pool_stay WHERE tile IN (a_tile, b_tile) AND (SELECT max(tile) FROM pool_node) > 0
                UNION ALL
                SELECT txid, k0, k1, 1::bigint << place FROM pool_stay WHERE (SELECT max(tile) FROM pool_node) = 0) s
         CROSS JOIN LATERAL (VALUES (s.k0, s.bit), (s.k1, -s.bit)) AS c (k, bits)
         GROUP BY s.txid, c.k
        HAVING sum(c.bits) <> 0
    ),
    stretch AS (
        SELECT txid, k, lead(k) OVER w AS next_k, (sum(bits) OVER w)::bigint AS nodes
          FROM change
        WINDOW w AS (PARTITION BY txid ORDER BY k)
    ),
    counted AS (
        SELECT c.start_class, c.floor_class, s.k, s.next_k, s.nodes, count(*) AS n
          FROM stretch s JOIN class c USING (txid)
         WHERE s.nodes <> 0 AND s.next_k IS NOT NULL
         GROUP BY 1, 2, 3, 4, 5
    )
    -- As steps: so many more from one sample on, so many fewer from another.
    SELECT start_class, floor_class, nodes, d.k, sum(d.n)::bigint AS n
      FROM counted CROSS JOIN LATERAL (VALUES (k, n), (next_k, -n)) AS d (k, n)
     GROUP BY 1, 2, 3, 4 HAVING sum(d.n) <> 0;
    ANALYZE pool_count;

    -- Pairs of nodes that are known at the same samples, and which transactions count for them.
    CREATE TEMP TABLE pool_pair ON COMMIT DROP AS
    SELECT a.node_id AS node_a, b.node_id AS node_b, greatest(a.k0, b.k0) AS k0, least(a.k1, b.k1) AS k1,
           greatest(sa.place, sb.place) AS start_class, greatest(fa.place, fb.place) AS floor_class,
           1::bigint << CASE WHEN a_tile = b_tile AND tiling.single THEN na.place ELSE na.place % 31 END AS bit_a,
           1::bigint << CASE WHEN a_tile = b_tile AND tiling.single THEN nb.place
                             WHEN a_tile = b_tile THEN nb.place % 31 ELSE 31 + nb.place % 31 END AS bit_b
      FROM pool_span a
      JOIN pool_node na ON na.node_id = a.node_id AND na.tile = a_tile
      JOIN pool_start sa ON sa.at_s = a.from_s
      JOIN pool_floor fa ON fa.fee_floor = a.fee_floor
      JOIN pool_span b ON b.node_id > a.node_id AND b.k0 < a.k1 AND a.k0 < b.k1
      JOIN pool_node nb ON nb.node_id = b.node_id AND nb.tile = b_tile
      JOIN pool_start sb ON sb.at_s = b.from_s
      JOIN pool_floor fb ON fb.fee_floor = b.fee_floor
     CROSS JOIN (SELECT max(tile) = 0 AS single FROM pool_node) tiling;

    INSERT INTO new_pair_sample (k, node_a, node_b, both_n, only_a, only_b)
    WITH step AS (
        SELECT p.node_a, p.node_b, p.k0, p.k1, c.k,
               sum(c.n) FILTER (WHERE c.nodes & p.bit_a <> 0 AND c.nodes & p.bit_b <> 0) AS both_n,
               sum(c.n) FILTER (WHERE c.nodes & p.bit_a <> 0 AND c.nodes & p.bit_b = 0) AS only_a,
               sum(c.n) FILTER (WHERE c.nodes & p.bit_a = 0) AS only_b
          FROM pool_pair p
          JOIN pool_count c ON c.start_class >= p.start_class AND c.floor_class >= p.floor_class
                           AND c.nodes & (p.bit_a | p.bit_b) <> 0
         GROUP BY 1, 2, 3, 4, 5
    ),
    -- Samples without a step count what the one before did.
    sampled AS (
        SELECT g.node_a, g.node_b, g.k0, g.k1, g.k, s.both_n, s.only_a, s.only_b
          FROM (SELECT p.node_a, p.node_b, p.k0, p.k1, k FROM pool_pair p CROSS JOIN LATERAL generate_series(0, p.k1 - 1) AS k) g
          LEFT JOIN step s USING (node_a, node_b, k0, k1, k)
    ),
    summed AS (
        SELECT node_a, node_b, k0, k, coalesce(sum(both_n) OVER w, 0) AS both_n, coalesce(sum(only_a) OVER w, 0) AS only_a,
               coalesce(sum(only_b) OVER w, 0) AS only_b
          FROM sampled
        WINDOW w AS (PARTITION BY node_a, node_b, k0, k1 ORDER BY k)
    )
    SELECT k, node_a, node_b, both_n, only_a, only_b FROM summed WHERE k >= k0;
END
$$;
COMMENT ON FUNCTION peerscope.count_mempool_pairs(int, int) IS
    'Digest: counts what the mempools of two tiles of nodes share, from the temporary tables of digest_mempool_pairs() into its new_pair_sample.';

CREATE OR REPLACE FUNCTION peerscope.digest_missing_at_block(of_day date) RETURNS void
    LANGUAGE plpgsql SET client_min_messages = warning SET jit = off SET plan_cache_mode = force_custom_plan
    AS $$
DECLARE
    day_from timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    day_to   timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    DROP TABLE IF EXISTS pg_temp.new_block_missing;
    -- The first time counts: whoever connects a block again after a reorganisation has its transactions back by then.
    CREATE TEMP TABLE new_block_missing ON COMMIT DROP AS
    WITH connected AS (
        SELECT DISTINCT ON (b.node_id, b.hash) b.node_id, b.hash, b.height, b.ts, b.clk, b.transactions, w.removed,
               w.last_removal_ts
          FROM peerscope.block_connected b
          JOIN peerscope.validation_window w ON w.node_id = b.node_id AND w.run_id = b.run_id AND w.connected_ts = b.ts
                                            AND w.hash = b.hash
         WHERE b.ts >= day_from AND b.ts < day_to AND b.transactions IS NOT NULL
         ORDER BY b.node_id, b.hash, b.clk, b.ts, b.seq
    )
    SELECT c.node_id, c.hash, c.height, peerscope.corrected(c.ts, k.corr_ns) AS at, c.transactions, c.removed,
           coalesce(s.spans @> tstzrange(c.ts, greatest(c.ts, c.last_removal_ts) + interval '1 second'), false) AS complete
      FROM connected c
      LEFT JOIN peerscope.clock_segment k ON k.node_id = c.node_id AND k.clk = c.clk
      LEFT JOIN peerscope.capture_spans('mempool:removed', day_from, day_to + interval '1 hour') s ON s.node_id = c.node_id
     WHERE NOT EXISTS (SELECT FROM peerscope.block_missing m
                        WHERE m.node_id = c.node_id AND m.hash = c.hash AND m.day < of_day);

    DELETE FROM peerscope.block_missing m
     WHERE m.day = of_day AND NOT EXISTS (SELECT FROM new_block_missing n WHERE n.node_id = m.node_id AND n.hash = m.hash);
    INSERT INTO peerscope.block_missing AS m (node_id, hash, day, height, at, transactions, removed, complete)
    SELECT node_id, hash, of_day, height, at, transactions, removed, complete FROM new_block_missing ORDER BY node_id, hash
    ON CONFLICT (node_id, hash) DO UPDATE
       SET day = excluded.day, height = excluded.height, at = excluded.at, transactions = excluded.transactions,
           removed = excluded.removed, complete = excluded.complete
     WHERE (m.day, m.height, m.at, m.transactions, m.removed, m.complete)
           IS DISTINCT FROM (excluded.day, excluded.height, excluded.at, excluded.transactions, excluded.removed, excluded.complete);
END
$$;
COMMENT ON FUNCTION peerscope.digest_missing_at_block(date) IS
    'Digest: block_missing of a day.';

CREATE OR REPLACE FUNCTION peerscope.digest_peer_value(of_day date) RETURNS void
    LANGUAGE plpgsql SET client_min_messages = warning SET work_mem = '128MB' SET jit = off
    SET plan_cache_mode = force_custom_plan
    AS $$
DECLARE
    day_from timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    day_to   timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    DROP TABLE IF EXISTS pg_temp.new_peer_value;
    CREATE TEMP TABLE new_peer_value ON COMMIT DROP AS
    WITH session AS (
        SELECT * FROM peerscope.sessions_alive(day_from - interval '6 days', day_to) s WHERE s.addr IS NOT NULL AND s.bytes > 0
    ),
    credit AS (
        SELECT node_id, run_id, peer_id, sum(c.first_blocks) AS first_blocks, sum(c.first_transactions) AS first_transactions
          FROM session s JOIN peerscope.session_credit c USING (node_id, run_id, peer_id)
         WHERE c.day <= of_day
         GROUP BY node_id, run_id, peer_id
    )
    SELECT regexp_replace(s.addr, ':[0-9]+$', '') AS peer, coalesce(s.user_agent, '') AS agent,
           min(coalesce(s.group24, s.netgroup)) AS "group", count(DISTINCT s.node_id)::int AS nodes, count(*)::int AS sessions,
           coalesce(sum(c.first_blocks), 0)::bigint AS first_blocks,
           coalesce(sum(c.first_transactions), 0)::bigint AS first_transactions, sum(s.bytes)::bigint AS bytes,
           count(*) FILTER (WHERE s.evicted)::int AS evicted
      FROM session s
      LEFT JOIN credit c USING (node_id, run_id, peer_id)
     GROUP BY 1, 2;

    DELETE FROM peerscope.peer_value_window w
     WHERE w.day = of_day AND NOT EXISTS (SELECT FROM new_peer_value n WHERE n.peer = w.peer AND n.agent = w.agent);
    INSERT INTO peerscope.peer_value_window AS w (day, peer, agent, "group", nodes, sessions, first_blocks,
                                                  first_transactions, bytes, evicted)
    SELECT of_day, peer, agent, "group", nodes, sessions, first_blocks, first_transactions, bytes, evicted
      FROM new_peer_value ORDER BY peer, agent
    ON CONFLICT (day, peer, agent) DO UPDATE
       SET "group" = excluded."group", nodes = excluded.nodes, sessions = excluded.sessions,
           first_blocks = excluded.first_blocks, first_transactions = excluded.first_transactions,
           bytes = excluded.bytes, evicted = excluded.evicted
     WHERE (w."group", w.nodes, w.sessions, w.first_blocks, w.first_transactions, w.bytes, w.evicted)
           IS DISTINCT FROM (excluded."group", excluded.nodes, excluded.sessions, excluded.first_blocks,
                             excluded.first_transactions, excluded.bytes, excluded.evicted);
END
$$;
COMMENT ON FUNCTION peerscope.digest_peer_value(date) IS
    'Digest: peer_value_window of the seven days that end with a day.';
