-- How far apart a block reaches the same stage at different nodes, as an interval (DESIGN.md, Time).
DROP VIEW IF EXISTS peerscope.block_arrival_skew CASCADE;
CREATE VIEW peerscope.block_arrival_skew AS
WITH
-- A block has one height, whoever connected it; DISTINCT lets a condition on it reach the index.
height AS (
    SELECT DISTINCT hash, height FROM peerscope.block_arrival WHERE height IS NOT NULL
),
compared AS (
    SELECT s.*, h.height,
           min(s.reference::text) OVER w IS DISTINCT FROM max(s.reference::text) OVER w AS references_differ,
           bool_or(s.provisional) OVER w AS any_provisional
      FROM peerscope.block_stage s
      LEFT JOIN height h ON h.hash = s.hash
    WINDOW w AS (PARTITION BY s.hash, h.height, s.stage)
),
error AS (
    SELECT *, eps_ns + CASE WHEN references_differ THEN ref_maxerror_ns ELSE 0 END AS error_ns
      FROM compared
),
bounds AS (
    -- Without a known error a time is not compared: all three are NULL.
    SELECT *,
           CASE WHEN error_ns IS NOT NULL THEN t_ns END AS known_ns,
           t_ns - error_ns - coalesce(round(queue_ms * 1e6), 0)::bigint AS lo_ns,
           t_ns + error_ns AS hi_ns
      FROM error
),
others AS (
    SELECT *,
           min(known_ns) OVER (PARTITION BY hash, height, stage) AS first_ns,
           min(lo_ns) OVER other AS other_lo_ns,
           min(hi_ns) OVER other AS other_hi_ns
      FROM bounds
    WINDOW other AS (PARTITION BY hash, height, stage
                     ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW)
)
SELECT o.hash AS block_hash,
       o.height,
       n.name AS node,
       o.stage,
       peerscope.at_us(o.t_ns / 1000) AS at,
       (o.known_ns - o.first_ns) / 1e6::float8 AS skew_ms,
       CASE WHEN o.error_ns IS NOT NULL
            THEN greatest(0, o.lo_ns - o.other_hi_ns) / 1e6::float8 END AS skew_lo_ms,
       CASE WHEN o.error_ns IS NOT NULL
            THEN greatest(0, o.hi_ns - o.other_lo_ns) / 1e6::float8 END AS skew_hi_ms,
       o.queue_ms,
       CASE WHEN o.error_ns IS NOT NULL THEN coalesce(o.lo_ns > o.other_hi_ns, false) END AS significant,
       o.any_provisional AS provisional
  FROM others o
  JOIN peerscope.node n ON n.node_id = o.node_id
 WHERE NOT o.is_origin;

COMMENT ON VIEW peerscope.block_arrival_skew IS
    'By how much each node is behind the first at each stage of a block, with the interval that clocks and queues allow. A block mined by a node of the fleet starts the clock of stage s0 with its validation there.';
COMMENT ON COLUMN peerscope.block_arrival_skew.block_hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope.block_arrival_skew.height IS 'Height; NULL when no node connected it.';
COMMENT ON COLUMN peerscope.block_arrival_skew.node IS 'The node.';
COMMENT ON COLUMN peerscope.block_arrival_skew.stage IS 's0 ... s7, see block_arrival.';
COMMENT ON COLUMN peerscope.block_arrival_skew.at IS 'Corrected time of the event.';
COMMENT ON COLUMN peerscope.block_arrival_skew.skew_ms IS 'Behind the first node at this stage; NULL when the clock''s error is unknown.';
COMMENT ON COLUMN peerscope.block_arrival_skew.skew_lo_ms IS 'At least so much behind all other nodes: earliest possible time minus the others'' least latest one, not below 0.';
COMMENT ON COLUMN peerscope.block_arrival_skew.skew_hi_ms IS 'At most so much: latest possible time minus the others'' least earliest one, not below 0.';
COMMENT ON COLUMN peerscope.block_arrival_skew.queue_ms IS 'How long the event may have waited behind validation; widens the interval downwards.';
COMMENT ON COLUMN peerscope.block_arrival_skew.significant IS 'Whether another node was certainly earlier.';
COMMENT ON COLUMN peerscope.block_arrival_skew.provisional IS 'Whether a clock segment of the compared events is still open.';
