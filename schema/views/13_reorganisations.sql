-- Core reports no disconnected blocks. But when a node connects a block that is not higher than the one it
-- connected before, it has left that one, and as many below it as it goes back.
DROP VIEW IF EXISTS peerscope.reorganisations CASCADE;
CREATE VIEW peerscope.reorganisations AS
WITH connected AS (
    SELECT b.node_id, b.ts, b.seq, b.clk, b.hash, b.height,
           lag(b.hash) OVER w AS left_hash,
           lag(b.height) OVER w AS left_height
      FROM peerscope.block_connected b
    WINDOW w AS (PARTITION BY b.node_id ORDER BY b.clk, b.ts, b.seq)
),
-- Deeper than two days of blocks is a background chain state at work, not a reorganisation.
turns AS (
    SELECT *, left_height - height + 1 AS depth FROM connected
     WHERE left_height - height + 1 BETWEEN 1 AND 288 AND left_hash <> hash
),
-- The first block of the new branch that is higher than what was left made the node change over.
winners AS (
    SELECT t.node_id, t.ts, t.seq, (array_agg(b.hash ORDER BY b.clk, b.ts, b.seq))[1] AS hash
      FROM turns t
      JOIN peerscope.block_connected b
        ON b.node_id = t.node_id AND b.height = t.left_height + 1
       AND (b.clk, b.ts, b.seq) > (t.clk, t.ts, t.seq) AND b.ts < t.ts + interval '1 hour'
     GROUP BY t.node_id, t.ts, t.seq
)
SELECT n.name AS node,
       t.ts + coalesce(c.corr_ns / 1000, 0) * interval '1 microsecond' AS at,
       t.left_hash AS "from",
       coalesce(w.hash, t.hash) AS "to",
       t.depth,
       t.left_height AS from_height,
       t.hash AS first_new,
       c.eps_ns / 1e6::float8 AS error_ms
  FROM turns t
  JOIN peerscope.node n ON n.node_id = t.node_id
  LEFT JOIN winners w ON w.node_id = t.node_id AND w.ts = t.ts AND w.seq = t.seq
  LEFT JOIN peerscope.clock_segment c ON c.node_id = t.node_id AND c.clk = t.clk;

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
