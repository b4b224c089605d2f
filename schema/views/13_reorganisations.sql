-- Core reports no disconnected blocks. But when a node connects another block at a height where it had one, it has
-- left that one, and all that it had connected on top.

-- The first such block of a new branch makes the turn; the next ones follow the block below them. A node that
-- connects the same blocks again, after a crash say, has not turned. Where the block that a height had before was
-- not seen, a step down of at most two days of blocks tells.
CREATE OR REPLACE FUNCTION peerscope.store_reorganisations(of_day date) RETURNS void
    LANGUAGE plpgsql SET search_path = peerscope, pg_catalog, pg_temp
    AS $$
DECLARE
    since  timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    until  timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
    -- Not the old blocks of an initial download, which are many and compete with nothing.
    hashes bytea[] := blocks_of(of_day - 1) || blocks_of(of_day) || blocks_of(of_day + 1);
BEGIN
    WITH event AS MATERIALIZED (
        SELECT node_id, clk, ts, seq, hash, height,
               row_number() OVER own AS n, lag(height) OVER own AS height_before, lag(hash) OVER own AS hash_before
          FROM block_connected
         WHERE hash = ANY (hashes) AND ts >= since - interval '1 day' AND ts < until + interval '1 day'
        WINDOW own AS (PARTITION BY node_id ORDER BY clk, ts, seq)
    ),
    contested AS (
        SELECT node_id, height FROM event GROUP BY node_id, height HAVING count(*) > 1
    ),
    replaced AS (
        SELECT e.node_id, e.n, lag(e.hash) OVER (PARTITION BY e.node_id, e.height ORDER BY e.n) AS hash_here
          FROM event e JOIN contested c USING (node_id, height)
    ),
    changed AS MATERIALIZED (
        SELECT e.*
          FROM event e
          LEFT JOIN replaced r USING (node_id, n)
         WHERE CASE WHEN r.hash_here IS NOT NULL THEN r.hash_here <> e.hash
                    ELSE e.height_before - e.height BETWEEN 0 AND 287 AND e.hash_before <> e.hash END
    ),
    turn AS (
        SELECT c.*, lead(c.n) OVER (PARTITION BY c.node_id ORDER BY c.n) AS next_turn FROM changed c
         WHERE NOT EXISTS (SELECT FROM changed b
                            WHERE b.node_id = c.node_id AND b.n = c.n - 1 AND b.height = c.height - 1)
    ),
    -- The tip that was left: what it had connected last of that height or above.
    leaving AS (
        SELECT DISTINCT ON (t.node_id, t.n) t.*, b.hash AS left_hash, b.height AS left_height
          FROM turn t
          JOIN event b ON b.node_id = t.node_id AND b.n < t.n AND b.height >= t.height
         ORDER BY t.node_id, t.n, b.n DESC
    ),
    -- The first block of the new branch that is higher than what was left made the node change over.
    winner AS (
        SELECT DISTINCT ON (l.node_id, l.n) l.node_id, l.n, b.hash
          FROM leaving l
          JOIN event b ON b.node_id = l.node_id AND b.n > l.n AND b.height = l.left_height + 1
           AND (b.n < l.next_turn OR l.next_turn IS NULL) AND b.ts < l.ts + interval '1 hour'
         ORDER BY l.node_id, l.n, b.n
    ),
    dated AS (
        SELECT l.node_id, l.clk, l.ts, l.seq, corrected(l.ts, c.corr_ns) AS at, l.left_hash AS from_hash,
               coalesce(w.hash, l.hash) AS to_hash, l.left_height - l.height + 1 AS depth,
               l.left_height AS from_height, l.hash AS first_new, c.eps_ns / 1e6::float8 AS error_ms
          FROM leaving l
          LEFT JOIN winner w USING (node_id, n)
          LEFT JOIN clock_segment c ON c.node_id = l.node_id AND c.clk = l.clk
    ),
    wanted AS MATERIALIZED (
        SELECT * FROM dated WHERE at >= since AND at < until
    ),
    gone AS (
        DELETE FROM reorganisation
         WHERE day = of_day AND (node_id, clk, ts, seq) NOT IN (SELECT node_id, clk, ts, seq FROM wanted)
    )
    INSERT INTO reorganisation AS r (node_id, clk, ts, seq, day, at, from_hash, to_hash, depth, from_height, first_new,
                                     error_ms)
    SELECT node_id, clk, ts, seq, of_day, at, from_hash, to_hash, depth, from_height, first_new, error_ms FROM wanted
    ON CONFLICT (node_id, clk, ts, seq) DO UPDATE
       SET day = excluded.day, at = excluded.at, from_hash = excluded.from_hash, to_hash = excluded.to_hash,
           depth = excluded.depth, from_height = excluded.from_height, first_new = excluded.first_new,
           error_ms = excluded.error_ms
     WHERE r IS DISTINCT FROM excluded;
END
$$;
COMMENT ON FUNCTION peerscope.store_reorganisations(date) IS
    'Stores reorganisation of a UTC day anew, from block_summary and block_connected of the day and its neighbours.';

DROP VIEW IF EXISTS peerscope.reorganisations CASCADE;
CREATE VIEW peerscope.reorganisations AS
SELECT n.name AS node,
       r.at,
       r.from_hash AS "from",
       r.to_hash AS "to",
       r.depth,
       r.from_height,
       r.first_new,
       r.error_ms
  FROM peerscope.reorganisation r
  JOIN peerscope.node n ON n.node_id = r.node_id;

COMMENT ON VIEW peerscope.reorganisations IS
    'Every change of a node to another branch.';
COMMENT ON COLUMN peerscope.reorganisations.node IS 'The node.';
COMMENT ON COLUMN peerscope.reorganisations.at IS 'Corrected time at which the first block of the new branch was connected.';
COMMENT ON COLUMN peerscope.reorganisations."from" IS 'The tip that was left.';
COMMENT ON COLUMN peerscope.reorganisations."to" IS 'The first block of the new branch higher than the tip left, else the first block of the branch.';
COMMENT ON COLUMN peerscope.reorganisations.depth IS 'Blocks disconnected.';
COMMENT ON COLUMN peerscope.reorganisations.from_height IS 'Height of the tip that was left.';
COMMENT ON COLUMN peerscope.reorganisations.first_new IS 'First block connected on the new branch.';
COMMENT ON COLUMN peerscope.reorganisations.error_ms IS 'Error of at; NULL when unknown.';
