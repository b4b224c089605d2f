-- The digest's part 'blocks', and what its steps share.
--
-- A step writes only what differs from what is stored. That makes it an upsert behind a comparison of whole rows, and a
-- deletion of keys that are not wanted any more: with NOT IN, whose list is hashed, since the planner cannot know how
-- many rows are wanted and would otherwise compare each with each.

-- The eight stages of blocks at each node as rows, with corrected time and its error: what everything about
-- blocks is computed from.
CREATE OR REPLACE FUNCTION peerscope.block_stages(hashes bytea[])
    RETURNS TABLE (hash bytea, node_id int, height int, stage text, at timestamptz, clk int, queue_ms float8,
                   t_ns bigint, eps_ns bigint, reference uuid, ref_maxerror_ns bigint, provisional bool, is_origin bool)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT a.hash, a.node_id, a.height, s.stage,
           peerscope.corrected(s.ts, c.corr_ns) AS at,
           s.clk, s.queue_ms,
           -- Integers of nanoseconds: exact, where seconds as a float would lose the microseconds.
           peerscope.unix_us(s.ts) * 1000 - coalesce(s.before_ns, 0) + coalesce(c.corr_ns, 0) AS t_ns,
           CASE WHEN c.corr_ns IS NOT NULL THEN c.eps_ns END AS eps_ns,
           c.reference, c.ref_maxerror_ns,
           coalesce(c.provisional, true) AS provisional,
           s.before_ns IS NOT NULL AS is_origin
      FROM peerscope.block_arrival a
     CROSS JOIN LATERAL (VALUES
           ('s0', a.s0_ts, a.s0_clk, a.s0_queue_ms, NULL::bigint),
           ('s1', a.s1_ts, a.s1_clk, a.s1_queue_ms, NULL),
           ('s2', a.s2_ts, a.s2_clk, a.s2_queue_ms, NULL),
           ('s3', a.s3_ts, a.s3_clk, a.s3_queue_ms, NULL),
           ('s4', a.s4_ts, a.s4_clk, a.s4_queue_ms, NULL),
           ('s5', a.s5_ts, a.s5_clk, a.s5_queue_ms, NULL),
           ('s6', a.s6_ts, a.s6_clk, a.s6_queue_ms, NULL),
           ('s7', a.s7_ts, a.s7_clk, a.s7_queue_ms, NULL),
           -- Whoever mined a block heard of it first, when its own validation began.
           ('s0', CASE WHEN a.source = 'local' THEN a.s6_ts END, a.s6_clk, NULL, a.s6_duration_ns)
           ) AS s (stage, ts, clk, queue_ms, before_ns)
      LEFT JOIN peerscope.clock_segment c ON c.node_id = a.node_id AND c.clk = s.clk
     WHERE a.hash = ANY (hashes) AND NOT a.in_download AND s.ts IS NOT NULL
    $$;
COMMENT ON FUNCTION peerscope.block_stages(bytea[]) IS
    'Stages of blocks at the nodes that were not in initial download, one row each: hash, node, height where it connected it, stage s0 ... s7, corrected time (at; t_ns in nanoseconds since 1970), its error, whether that may still change, and how long it may have waited behind validation. A block mined here has a second s0 row with is_origin: its t_ns is the start of its validation. It counts as a time but is not an arrival.';

-- A block belongs to the day on which the fleet got to know it. Clocks are trusted to within a day here: a block
-- is looked for among the arrivals of the day and its neighbours.
CREATE OR REPLACE FUNCTION peerscope.store_block_summary(of_day date) RETURNS void
    LANGUAGE plpgsql SET search_path = peerscope, pg_catalog, pg_temp
    AS $$
DECLARE
    since      timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    until      timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
    candidates bytea[];
BEGIN
    SELECT array_agg(DISTINCT a.hash) INTO candidates
      FROM block_arrival a
     WHERE a.first_ts >= since - interval '1 day' AND a.first_ts < until + interval '1 day' AND NOT a.in_download;

    WITH RECURSIVE arrived AS MATERIALIZED (
        -- A clock that contradicts itself may be off by hours: one such node must not be the first of every block.
        SELECT hash, (array_agg(t_ns ORDER BY eps_ns IS NULL, t_ns, node_id))[1] AS t0_ns,
               (array_agg(node_id ORDER BY eps_ns IS NULL, t_ns, node_id))[1] AS first_node_id,
               (array_agg(eps_ns ORDER BY eps_ns IS NULL, t_ns, node_id))[1]
                   + CASE WHEN count(DISTINCT reference) > 1
                          THEN (array_agg(ref_maxerror_ns ORDER BY eps_ns IS NULL, t_ns, node_id))[1] ELSE 0 END
                   AS t0_error_ns,
               max(height) AS height, count(DISTINCT node_id)::int AS nodes,
               count(DISTINCT node_id) FILTER (WHERE stage = 's6')::int AS connected
          FROM block_stages(candidates) GROUP BY hash
    ),
    -- Headers that came in long headers messages only, and that no node connected. In an initial download these are
    -- many; by any clock that the node may have had, those are old.
    own_clock AS (
        SELECT node_id, min(node_clock_lo_s) AS lo_s FROM process_run GROUP BY node_id
    ),
    header AS (
        SELECT h.hash, h.prev_hash, h.first_node, h.first_ts
          FROM block_header h
          LEFT JOIN own_clock o ON o.node_id = h.first_node
         WHERE h.height IS NULL AND h.first_ts >= since - interval '1 day' AND h.first_ts < until + interval '1 day'
           AND NOT coalesce(is_download(h.first_ts, coalesce(o.lo_s, 0), h.time), false)
           AND h.hash NOT IN (SELECT hash FROM arrived)
    ),
    told AS (
        SELECT DISTINCT ON (h.hash) h.hash,
               unix_us(h.first_ts) * 1000 + coalesce(c.corr_ns, 0) AS t0_ns, h.first_node AS first_node_id,
               c.eps_ns AS t0_error_ns, NULL::int AS height, 0 AS nodes, 0 AS connected
          FROM header h
          LEFT JOIN clock_segment c ON c.node_id = h.first_node
           AND c.valid_from > h.first_ts - interval '1 hour' AND c.valid_from <= h.first_ts
         ORDER BY h.hash, c.valid_from DESC NULLS LAST, c.clk DESC
    ),
    known AS (
        SELECT k.*, at_us(k.t0_ns / 1000) AS t0
          FROM (SELECT * FROM arrived UNION ALL SELECT * FROM told) k
         WHERE k.t0_ns >= unix_us(since) * 1000 AND k.t0_ns < unix_us(until) * 1000
    ),
    -- From a header without a height up to an ancestor that has one.
    ancestor AS (
        SELECT h.hash, h.prev_hash, 1 AS above
          FROM known k JOIN block_header h ON h.hash = k.hash WHERE h.height IS NULL
        UNION ALL
        SELECT a.hash, h.prev_hash, a.above + 1
          FROM ancestor a JOIN block_header h ON h.hash = a.prev_hash
         WHERE h.height IS NULL AND a.above < 288
    ),
    lineage AS (
        SELECT a.hash, max(p.height + a.above) AS height
          FROM ancestor a JOIN block_header p ON p.hash = a.prev_hash
         WHERE p.height IS NOT NULL GROUP BY a.hash
    ),
    wanted AS MATERIALIZED (
        SELECT DISTINCT ON (k.hash)
               k.hash, k.t0, k.t0_ns, k.t0_error_ns, k.first_node_id, coalesce(k.height, l.height) AS height,
               k.nodes, k.connected, coalesce(p.name, h.pool_tag, '*unknown*') AS pool
          FROM known k
          LEFT JOIN block_header h ON h.hash = k.hash
          LEFT JOIN pool p ON position(lower(p.pattern) IN lower(h.pool_tag)) > 0
          LEFT JOIN lineage l ON l.hash = k.hash
         ORDER BY k.hash, length(p.pattern) DESC NULLS LAST, p.pattern
    ),
    gone AS (
        DELETE FROM block_summary WHERE day = of_day AND hash NOT IN (SELECT hash FROM wanted)
    )
    INSERT INTO block_summary AS b
           (hash, day, t0, t0_ns, t0_error_ns, first_node_id, height, nodes, connected, pool)
    SELECT hash, of_day, t0, t0_ns, t0_error_ns, first_node_id, height, nodes, connected, pool FROM wanted
    ON CONFLICT (hash) DO UPDATE
       SET day = excluded.day, t0 = excluded.t0, t0_ns = excluded.t0_ns, t0_error_ns = excluded.t0_error_ns,
           first_node_id = excluded.first_node_id, height = excluded.height,
           nodes = excluded.nodes, connected = excluded.connected, pool = excluded.pool
     WHERE b IS DISTINCT FROM excluded;
END
$$;
COMMENT ON FUNCTION peerscope.store_block_summary(date) IS
    'Stores block_summary of a UTC day anew, from block_arrival, block_header, clock_segment and the table pool.';

CREATE OR REPLACE FUNCTION peerscope.blocks_of(of_day date) RETURNS bytea[]
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT coalesce(array_agg(hash), '{}') FROM peerscope.block_summary WHERE day = of_day AND nodes > 0 $$;
COMMENT ON FUNCTION peerscope.blocks_of(date) IS
    'The blocks of a day that reached nodes, by block_summary.';

CREATE OR REPLACE FUNCTION peerscope.digest_blocks(of_day date) RETURNS void
    LANGUAGE plpgsql
    -- Guesses about rows are high where little is known of a new day, and compiling costs more than it saves.
    -- What is compared is a day's rows of the whole fleet: where the planner thinks that they do not fit, NOT IN compares each
    -- with each.
    SET jit = off SET work_mem = '64MB'
    AS $$
BEGIN
    PERFORM peerscope.store_block_summary(of_day);
    -- The rival of a block seen at midnight may be of the day after.
    PERFORM peerscope.store_block_summary(of_day + 1);
    PERFORM peerscope.store_block_life(of_day);
    PERFORM peerscope.store_block_skew(of_day);
    PERFORM peerscope.store_block_propagation(of_day);
    PERFORM peerscope.store_block_hops(of_day);
    PERFORM peerscope.store_compact(of_day);
    PERFORM peerscope.store_reorganisations(of_day);
    PERFORM peerscope.store_stale_heights(of_day);
    PERFORM peerscope.store_block_validation(of_day);
    PERFORM peerscope.store_pools(of_day);
END
$$;
COMMENT ON FUNCTION peerscope.digest_blocks(date) IS
    'The digest''s part ''blocks'': stores what the fleet knows of the blocks of a UTC day anew.';
