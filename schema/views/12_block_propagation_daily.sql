-- How fast blocks of a day reached our nodes, and how many would go stale if all miners were as our nodes are.

-- Percentiles are of delays since the fleet first knew of the block. A node that was not looking, or was in initial
-- download, between then and the event is left out: it may have had the block before.
CREATE OR REPLACE FUNCTION peerscope.store_block_propagation(of_day date) RETURNS void
    LANGUAGE plpgsql SET search_path = peerscope, pg_catalog, pg_temp
    AS $$
BEGIN
    WITH captured AS (
        SELECT c.node_id, s.stage, c.covered_from, c.covered_to
          FROM (VALUES ('s0', 'net:inbound_message'), ('s1', 'net:outbound_message'), ('s2', 'net:inbound_message'),
                       ('s3', 'net:outbound_message'), ('s4', 'net:inbound_message'), ('s5', 'net:outbound_message'),
                       ('s6', 'validation:block_connected'), ('s7', 'net:outbound_message')) AS s (stage, tracepoint)
          JOIN coverage_span c ON c.tracepoint = s.tracepoint
         WHERE c.day = of_day AND NOT c.downloading
    ),
    counted AS (
        SELECT s.hash, s.node_id, s.stage, s.delay_ms, s.delay_error_ms
          FROM block_skew s
          JOIN block_summary b ON b.hash = s.hash
          JOIN captured c ON c.node_id = s.node_id AND c.stage = s.stage
           AND c.covered_from <= b.t0 AND c.covered_to >= s.at
         WHERE s.day = of_day AND b.nodes > 1 AND s.delay_ms IS NOT NULL
    ),
    wanted AS MATERIALIZED (
        SELECT stage, count(DISTINCT hash)::int AS blocks, count(DISTINCT node_id)::int AS nodes,
               percentile_cont(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY delay_ms) AS p,
               -- The sum of floats depends on their order.
               avg(delay_ms ORDER BY delay_ms) AS mean_ms, max(delay_error_ms) AS error_ms
          FROM counted GROUP BY stage
    ),
    gone AS (
        DELETE FROM block_propagation_day WHERE day = of_day AND stage NOT IN (SELECT stage FROM wanted)
    )
    INSERT INTO block_propagation_day AS d (day, stage, blocks, nodes, p50_ms, p90_ms, p99_ms, mean_ms, error_ms)
    SELECT of_day, stage, blocks, nodes, p[1], p[2], p[3], mean_ms, error_ms FROM wanted
    ON CONFLICT (day, stage) DO UPDATE
       SET blocks = excluded.blocks, nodes = excluded.nodes, p50_ms = excluded.p50_ms, p90_ms = excluded.p90_ms,
           p99_ms = excluded.p99_ms, mean_ms = excluded.mean_ms, error_ms = excluded.error_ms
     WHERE d IS DISTINCT FROM excluded;
END
$$;
COMMENT ON FUNCTION peerscope.store_block_propagation(date) IS
    'Stores block_propagation_day of a UTC day anew, from block_skew and coverage_span.';

DROP VIEW IF EXISTS peerscope.block_propagation_daily CASCADE;
CREATE VIEW peerscope.block_propagation_daily AS
SELECT d.day,
       d.stage,
       d.blocks,
       d.nodes,
       d.p50_ms,
       d.p90_ms,
       d.p99_ms,
       1 - exp(-greatest(d.mean_ms, 0) / 600000) AS expected_stale,
       d.error_ms
  FROM peerscope.block_propagation_day d;

COMMENT ON VIEW peerscope.block_propagation_daily IS
    'Delays of a day''s blocks at our nodes since the fleet first knew of each. Blocks that reached two nodes or more, at nodes that were captured without gap meanwhile and not in initial download.';
COMMENT ON COLUMN peerscope.block_propagation_daily.day IS 'UTC day on which the fleet got to know the blocks.';
COMMENT ON COLUMN peerscope.block_propagation_daily.stage IS 's0 ... s7, see block_arrival.';
COMMENT ON COLUMN peerscope.block_propagation_daily.blocks IS 'Blocks counted.';
COMMENT ON COLUMN peerscope.block_propagation_daily.nodes IS 'Nodes counted.';
COMMENT ON COLUMN peerscope.block_propagation_daily.p50_ms IS 'Median delay over blocks and nodes, in milliseconds.';
COMMENT ON COLUMN peerscope.block_propagation_daily.p90_ms IS '90th percentile.';
COMMENT ON COLUMN peerscope.block_propagation_daily.p99_ms IS '99th percentile.';
COMMENT ON COLUMN peerscope.block_propagation_daily.expected_stale IS 'Share of blocks that would go stale if miners'' delays were those of our nodes: 1 - exp(-A/600) with A the mean delay in seconds. s6 is the stage from which a miner builds on the block.';
COMMENT ON COLUMN peerscope.block_propagation_daily.error_ms IS 'No delay counted is off by more than this, by clocks, and so no percentile.';
