-- Core reports no disconnected blocks. But when a node connects a block that is not higher than the one it
-- connected before, it has left that one, and as many below it as it goes back.
DROP VIEW IF EXISTS peerscope.reorganisations CASCADE;
CREATE VIEW peerscope.reorganisations AS
WITH connected AS (
    -- In the order of corrected time: a clock that is stepped back would make a branch of what came after.
    SELECT b.node_id, k.at, b.seq, b.hash, b.height, c.eps_ns,
           lag(b.hash) OVER w AS left_hash,
           lag(b.height) OVER w AS left_height
      FROM peerscope.block_connected b
      LEFT JOIN peerscope.clock_segment c ON c.node_id = b.node_id AND c.clk = b.clk
     CROSS JOIN LATERAL (SELECT peerscope.corrected(b.ts, c.corr_ns) AS at) k
    WINDOW w AS (PARTITION BY b.node_id ORDER BY k.at, b.seq)
),
-- Deeper than two days of blocks is a background chain state at work, not a reorganisation.
turns AS (
    SELECT *, left_height - height + 1 AS depth FROM connected
     WHERE left_height - height + 1 BETWEEN 1 AND 288 AND left_hash <> hash
),
-- The first block of the new branch that is higher than what was left made the node change over.
winners AS (
    SELECT t.node_id, t.at, t.seq, (array_agg(b.hash ORDER BY b.at, b.seq))[1] AS hash
      FROM turns t
      JOIN connected b
        ON b.node_id = t.node_id AND b.height = t.left_height + 1
       AND (b.at, b.seq) > (t.at, t.seq) AND b.at < t.at + interval '1 hour'
     GROUP BY t.node_id, t.at, t.seq
)
SELECT n.name AS node,
       t.at,
       t.left_hash AS "from",
       coalesce(w.hash, t.hash) AS "to",
       t.depth,
       t.left_height AS from_height,
       t.hash AS first_new,
       t.eps_ns / 1e6::float8 AS error_ms
  FROM turns t
  JOIN peerscope.node n ON n.node_id = t.node_id
  LEFT JOIN winners w ON w.node_id = t.node_id AND w.at = t.at AND w.seq = t.seq;

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
