-- Who makes the blocks, and how do their blocks fare?

CREATE OR REPLACE FUNCTION peerscope.store_pools(of_day date) RETURNS void
    LANGUAGE plpgsql SET search_path = peerscope, pg_catalog, pg_temp
    AS $$
BEGIN
    WITH block AS (
        SELECT b.hash, b.pool,
               EXISTS (SELECT FROM pool p WHERE p.name = b.pool) OR b.pool = '*unknown*' AS is_known
          FROM block_summary b WHERE b.day = of_day
    ),
    -- Anybody may sign a block as he likes: names that nobody vouches for are bounded in number.
    name AS (
        SELECT pool, is_known OR row_number() OVER (PARTITION BY is_known ORDER BY count(*) DESC, pool) <= 20 AS is_shown
          FROM block GROUP BY pool, is_known
    ),
    named AS (
        SELECT b.hash, CASE WHEN n.is_shown THEN b.pool ELSE '*other*' END AS pool
          FROM block b JOIN name n USING (pool)
    ),
    skew AS (
        SELECT n.pool, percentile_cont(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY s.skew_ms) AS p
          FROM named n JOIN block_skew s ON s.hash = n.hash
         WHERE s.stage = 's6' AND s.skew_ms IS NOT NULL
         GROUP BY n.pool
    ),
    lost AS (
        SELECT h.hash
          FROM stale_height s, unnest(s.block_hashes) AS h (hash)
         WHERE s.day BETWEEN of_day - 1 AND of_day
    ),
    missing AS (
        SELECT n.pool, sum(m.missing_tx)::bigint AS missing_tx
          FROM named n
          JOIN (SELECT hash, count(*) AS missing_tx
                  FROM compact_missing_tx
                 WHERE ts >= (of_day - 1)::timestamp AT TIME ZONE 'UTC'
                   AND ts < (of_day + 2)::timestamp AT TIME ZONE 'UTC'
                 GROUP BY hash) m USING (hash)
         GROUP BY n.pool
    ),
    wanted AS MATERIALIZED (
        SELECT n.pool, count(*)::int AS blocks, s.p[1] AS p50_ms, s.p[2] AS p90_ms, s.p[3] AS p99_ms,
               count(l.hash)::int AS stale, coalesce(m.missing_tx, 0) AS missing_tx
          FROM named n
          LEFT JOIN (SELECT DISTINCT hash FROM lost) l USING (hash)
          LEFT JOIN skew s USING (pool)
          LEFT JOIN missing m USING (pool)
         GROUP BY n.pool, s.p, m.missing_tx
    ),
    gone AS (
        DELETE FROM pool_day WHERE day = of_day AND pool NOT IN (SELECT pool FROM wanted)
    )
    INSERT INTO pool_day AS d (day, pool, blocks, p50_ms, p90_ms, p99_ms, stale, missing_tx)
    SELECT of_day, pool, blocks, p50_ms, p90_ms, p99_ms, stale, missing_tx FROM wanted
    ON CONFLICT (day, pool) DO UPDATE
       SET blocks = excluded.blocks, p50_ms = excluded.p50_ms, p90_ms = excluded.p90_ms, p99_ms = excluded.p99_ms,
           stale = excluded.stale, missing_tx = excluded.missing_tx
     WHERE d IS DISTINCT FROM excluded;
END
$$;
COMMENT ON FUNCTION peerscope.store_pools(date) IS
    'Stores pool_day of a UTC day anew, from block_summary, block_skew, stale_height and compact_missing_tx.';

DROP VIEW IF EXISTS peerscope.block_pools CASCADE;
CREATE VIEW peerscope.block_pools AS
SELECT d.pool,
       d.blocks,
       d.p50_ms,
       d.p90_ms,
       d.p99_ms,
       d.stale,
       d.missing_tx,
       d.day
  FROM peerscope.pool_day d;

COMMENT ON VIEW peerscope.block_pools IS
    'The blocks of each pool, by day.';
COMMENT ON COLUMN peerscope.block_pools.pool IS 'The pool by the table pool, else the readable text of the coinbase; *other* for the rest of such texts beyond twenty a day, *unknown* where no node got more than the header.';
COMMENT ON COLUMN peerscope.block_pools.blocks IS 'Blocks, stale ones included.';
COMMENT ON COLUMN peerscope.block_pools.p50_ms IS 'Median over blocks and nodes of how far a node was behind the first with connecting it (block_arrival_skew, stage s6); NULL when none is known.';
COMMENT ON COLUMN peerscope.block_pools.p90_ms IS '90th percentile.';
COMMENT ON COLUMN peerscope.block_pools.p99_ms IS '99th percentile.';
COMMENT ON COLUMN peerscope.block_pools.stale IS 'How many of them are stale.';
COMMENT ON COLUMN peerscope.block_pools.missing_tx IS 'Transactions that nodes had to ask for to complete their compact blocks, summed over nodes.';
COMMENT ON COLUMN peerscope.block_pools.day IS 'UTC day on which the fleet got to know the blocks.';
