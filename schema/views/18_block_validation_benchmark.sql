-- How long builds and hosts take to connect blocks.

-- What the coins cache held is told by the process's flushes. Core empties the cache when it must make room (mode 1,
-- if needed, unless pruning asked for it), when it is told to (3), and in its periodic check when the cache has grown
-- large (2): that one also writes in its time without emptying, but not within 50 minutes of the write before. Before
-- v28 every flush emptied the cache.
--
-- A process's events come in order: what was stored of a block stays, and only new blocks are added.
CREATE OR REPLACE FUNCTION peerscope.store_block_validation(of_day date) RETURNS void
    LANGUAGE plpgsql SET search_path = peerscope, pg_catalog, pg_temp
    AS $$
DECLARE
    since timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    until timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    WITH active AS (
        SELECT node_id, run_id FROM block_connected WHERE ts >= since AND ts < until GROUP BY node_id, run_id
    ),
    -- Each process, and what it had connected last of what is stored.
    run AS MATERIALIZED (
        SELECT a.node_id, a.run_id, r.started_at,
               coalesce(substring(r.user_agent FROM '/Satoshi:(\d+)')::int < 28, false) AS always_empties,
               coalesce(v.ordinal, 0) AS ordinal, v.clk, v.ts, v.seq
          FROM (SELECT a.*, (SELECT max(v.ordinal) FROM block_validation v
                              WHERE v.node_id = a.node_id AND v.run_id = a.run_id) AS last FROM active a) a
          LEFT JOIN process_run r ON r.node_id = a.node_id AND r.run_id = a.run_id
          LEFT JOIN block_validation v ON v.node_id = a.node_id AND v.run_id = a.run_id AND v.ordinal = a.last
    ),
    later AS (
        SELECT c.*
          FROM block_connected c
          JOIN run r ON r.node_id = c.node_id AND r.run_id = c.run_id
         WHERE c.ts >= since AND c.ts < until
           AND (r.ts IS NULL OR (c.clk, c.ts, c.seq) > (r.clk, r.ts, r.seq))
    ),
    fresh AS (
        SELECT DISTINCT ON (c.node_id, c.run_id, c.hash) c.*
          FROM later c
         WHERE NOT EXISTS (SELECT FROM block_validation v
                            WHERE v.node_id = c.node_id AND v.run_id = c.run_id AND v.hash = c.hash)
         ORDER BY c.node_id, c.run_id, c.hash, c.clk, c.ts, c.seq
    ),
    flush AS (
        SELECT u.node_id, u.run_id, u.clk, u.ts, u.seq,
               r.always_empties OR u.mode = 3 OR u.mode = 1 AND NOT u.for_prune
               OR u.mode = 2 AND NOT u.for_prune
                  AND u.ts < coalesce(lag(u.ts) OVER w, r.started_at) + interval '50 minutes' AS emptied
          FROM utxocache_flush u
          JOIN run r ON r.node_id = u.node_id AND r.run_id = u.run_id
         WHERE u.ts >= since - interval '1 day' AND u.ts < until
        WINDOW w AS (PARTITION BY u.node_id, u.run_id ORDER BY u.clk, u.ts, u.seq)
    ),
    -- Blocks and the flushes since the block before, in the order of events.
    event AS (
        SELECT node_id, run_id, clk, ts, seq, hash, height, duration_ns, inputs, false AS emptied FROM fresh
        UNION ALL
        SELECT f.node_id, f.run_id, f.clk, f.ts, f.seq, NULL, NULL, NULL, NULL, true
          FROM flush f JOIN run r USING (node_id, run_id)
         WHERE f.emptied AND (r.ts IS NULL OR (f.clk, f.ts, f.seq) > (r.clk, r.ts, r.seq))
    ),
    numbered AS (
        SELECT *, count(hash) OVER own AS place, count(*) FILTER (WHERE emptied) OVER own AS emptyings
          FROM event
        WINDOW own AS (PARTITION BY node_id, run_id ORDER BY clk, ts, seq ROWS UNBOUNDED PRECEDING)
    ),
    placed AS (
        SELECT *, emptyings > lag(emptyings, 1, 0::bigint) OVER (PARTITION BY node_id, run_id ORDER BY place)
                   AS emptied_before
          FROM numbered WHERE hash IS NOT NULL
    )
    INSERT INTO block_validation
           (node_id, run_id, hash, ordinal, ts, clk, seq, height, duration_ns, inputs, cache_state)
    SELECT p.node_id, p.run_id, p.hash, r.ordinal + p.place, p.ts, p.clk, p.seq, p.height,
           p.duration_ns, p.inputs,
           CASE WHEN r.ordinal + p.place <= 144 AND p.ts < r.started_at + interval '1 day' THEN 'cold'
                WHEN p.emptied_before THEN 'emptied' ELSE 'warm' END
      FROM placed p
      JOIN run r USING (node_id, run_id)
     ORDER BY p.node_id, p.run_id, p.place;
END
$$;
COMMENT ON FUNCTION peerscope.store_block_validation(date) IS
    'Adds the blocks connected on a UTC day, by the node''s own clock, to block_validation, from block_connected and utxocache_flush.';

DROP VIEW IF EXISTS peerscope.block_validation_benchmark CASCADE;
CREATE VIEW peerscope.block_validation_benchmark AS
SELECT n.name AS node,
       r.user_agent,
       coalesce(n.labels ->> 'host', s.agent_id) AS host,
       v.cache_state,
       v.height,
       v.duration_ns,
       v.inputs,
       v.duration_ns / nullif(v.inputs - 1, 0)::float8 AS ns_per_input
  FROM peerscope.block_validation v
  JOIN peerscope.node n ON n.node_id = v.node_id
  LEFT JOIN peerscope.process_run r ON r.node_id = v.node_id AND r.run_id = v.run_id
  LEFT JOIN peerscope.stream s ON s.node_id = v.node_id AND s.stream_id = r.stream_id;

COMMENT ON VIEW peerscope.block_validation_benchmark IS
    'How long each process took to connect each block, the first time it did. Ask by height.';
COMMENT ON COLUMN peerscope.block_validation_benchmark.node IS 'The node.';
COMMENT ON COLUMN peerscope.block_validation_benchmark.user_agent IS 'User agent of the process: which build it is.';
COMMENT ON COLUMN peerscope.block_validation_benchmark.host IS 'The node''s label host, else the agent that reported it: one per host.';
COMMENT ON COLUMN peerscope.block_validation_benchmark.cache_state IS 'What the coins cache held. cold: one of the first 144 blocks we saw the process connect, within a day of its start. emptied: a flush emptied the cache since the block before. warm: any other. A flush empties that was forced (mode 3), that was needed for want of room (mode 1, not for pruning), or periodic within 50 minutes of the flush before (mode 2: not in its time, so the cache had grown large); before v28 every flush does.';
COMMENT ON COLUMN peerscope.block_validation_benchmark.height IS 'Height.';
COMMENT ON COLUMN peerscope.block_validation_benchmark.duration_ns IS 'Time it took to connect the block.';
COMMENT ON COLUMN peerscope.block_validation_benchmark.inputs IS 'Inputs in the block, the coinbase''s included.';
COMMENT ON COLUMN peerscope.block_validation_benchmark.ns_per_input IS 'duration_ns / (inputs - 1): the coinbase''s input is nothing to validate. NULL for a block without other inputs.';

-- Blocks differ by orders of magnitude and neighbours resemble each other: so both sides are measured on the same
-- blocks, and the error comes from drawing whole runs of 144 consecutive ones again (Künsch 1989). The draws are the
-- first 32 bits of MD5 of 'draw:place', so that the same blocks give the same interval everywhere.
CREATE OR REPLACE FUNCTION peerscope.block_validation_comparison(base text, candidate text, from_height int, to_height int)
    RETURNS TABLE (blocks bigint, base_s float8, candidate_s float8, ratio float8, ratio_lo float8, ratio_hi float8,
                   runs bigint)
    LANGUAGE sql STABLE
    AS $$
    WITH side AS (
        SELECT s.is_base, v.height, v.hash, avg(v.duration_ns) AS ns
          FROM (VALUES (true, base), (false, candidate)) AS s (is_base, wanted)
          JOIN peerscope.block_validation v ON v.height BETWEEN from_height AND to_height
          JOIN peerscope.node n ON n.node_id = v.node_id
          LEFT JOIN peerscope.process_run r ON r.node_id = v.node_id AND r.run_id = v.run_id
         WHERE n.name = s.wanted
            OR r.user_agent = s.wanted AND NOT EXISTS (SELECT FROM peerscope.node o WHERE o.name = s.wanted)
         GROUP BY s.is_base, v.height, v.hash
    ),
    pair AS MATERIALIZED (
        SELECT b.height, b.ns AS base_ns, c.ns AS candidate_ns,
               (row_number() OVER (ORDER BY b.height, b.hash) - 1) / 144 AS run
          FROM side b JOIN side c ON c.height = b.height AND c.hash = b.hash AND NOT c.is_base
         WHERE b.is_base
    ),
    run AS MATERIALIZED (
        SELECT run, sum(base_ns) AS base_ns, sum(candidate_ns) AS candidate_ns FROM pair GROUP BY run
    ),
    size AS (
        SELECT count(*) AS runs FROM run
    ),
    drawn AS (
        SELECT d.draw, sum(r.candidate_ns) / nullif(sum(r.base_ns), 0) AS ratio
          FROM size s
         CROSS JOIN generate_series(1, 1000) AS d (draw)
         CROSS JOIN LATERAL generate_series(1, s.runs) AS p (place)
          JOIN run r ON r.run = ('x' || left(md5(d.draw || ':' || p.place), 8))::bit(32)::bigint % s.runs
         WHERE s.runs > 1
         GROUP BY d.draw
    )
    SELECT t.blocks, t.base_ns / 1e9::float8, t.candidate_ns / 1e9::float8, t.candidate_ns / nullif(t.base_ns, 0)::float8,
           i.lo, i.hi, s.runs
      FROM (SELECT count(*) AS blocks, sum(base_ns) AS base_ns, sum(candidate_ns) AS candidate_ns FROM pair) t
     CROSS JOIN size s
     CROSS JOIN (SELECT percentile_cont(0.025) WITHIN GROUP (ORDER BY ratio::float8) AS lo,
                        percentile_cont(0.975) WITHIN GROUP (ORDER BY ratio::float8) AS hi FROM drawn) i
    $$;
COMMENT ON FUNCTION peerscope.block_validation_comparison(text, text, int, int) IS
    'Compares how long two builds or hosts took for the same blocks, from_height to to_height inclusive. base and candidate are names of nodes, or else user agents, which stand for all processes that gave them; where several measured a block, their mean counts. Blocks that both have; seconds they took in sum; ratio candidate / base; ratio_lo and ratio_hi, its 95 % interval by bootstrap (1000 draws of runs of 144 consecutive blocks; NULL with less than two runs); runs, how many there are. Filter by cache_state in block_validation_benchmark to see whether both began alike.';
