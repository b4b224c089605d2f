-- The block that took longest to reach every node: when did each hear of it, have it whole, connect it and
-- tell others, and where was the time spent waiting? Milliseconds since its miner began to validate it.
-- early: told others so long before it had validated; waited: how long its request for the missing
-- transactions lay in the other node's queue.
WITH slowest AS (
    SELECT block_hash
      FROM peerscope.block_arrival_skew
     WHERE stage = 's6'
     GROUP BY block_hash
     ORDER BY max(skew_ms) DESC NULLS LAST LIMIT 1
),
life AS (
    SELECT l.*, n.node_id,
           min(l.s6 - l.validation_ms * interval '1 ms') OVER () AS t0
      FROM peerscope.block_stage_latency l
      JOIN slowest USING (block_hash)
      JOIN peerscope.node n ON n.name = l.node
),
message AS (  -- who asked whom for missing transactions, in corrected time
    SELECT a.node_id, a.run_id, a.peer_id, a.inbound,
           min(a.ts + coalesce(c.corr_ns / 1000, 0) * interval '1 microsecond') AS at
      FROM peerscope.block_announcement a
      JOIN slowest b ON b.block_hash = a.hash
      LEFT JOIN peerscope.clock_segment c USING (node_id, clk)
     WHERE a.msg_type = 'getblocktxn'
     GROUP BY a.node_id, a.run_id, a.peer_id, a.inbound
),
request AS (
    SELECT o.node_id, o.peer_id, i.at - o.at AS waited
      FROM message o
      JOIN peerscope.fleet_link l USING (node_id, run_id, peer_id)
      JOIN message i ON (i.node_id, i.run_id, i.peer_id) = (l.other_node_id, l.other_run_id, l.other_peer_id)
     WHERE NOT o.inbound AND i.inbound
),
giver AS (
    SELECT DISTINCT l.node_id, l.peer_id, n.name
      FROM peerscope.fleet_link l JOIN peerscope.node n ON n.node_id = l.other_node_id
)
SELECT l.height, l.node, coalesce(g.name, l.completed_by::text, '-') AS "from",
       round(extract(epoch FROM l.s0 - l.t0) * 1000, 1) AS heard,
       round(extract(epoch FROM CASE l.mode WHEN 'compact' THEN l.s2 ELSE l.s4 END - l.t0) * 1000, 1) AS whole,
       round(extract(epoch FROM l.s6 - l.t0) * 1000, 1) AS connected,
       round(extract(epoch FROM least(l.s5, l.s7) - l.t0) * 1000, 1) AS told,
       round(extract(epoch FROM CASE WHEN l.s5 < l.s6 THEN l.s6 - l.s5 END) * 1000, 1) AS early,
       round(extract(epoch FROM r.waited) * 1000, 1) AS waited,
       l.mode
  FROM life l
  LEFT JOIN giver g ON g.node_id = l.node_id AND g.peer_id = l.completed_by
  LEFT JOIN request r ON r.node_id = l.node_id AND r.peer_id = l.completed_by
 ORDER BY l.s6 NULLS LAST;
