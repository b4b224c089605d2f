-- How did the slowest block get through the fleet (ms since its miner began), and what waited?
WITH slowest AS (
    -- whole: had all of it; told: first told others; early: so long before it had validated; waited: its request for
    -- missing transactions lay so long in the other node's queue.
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
           min(peerscope.corrected(a.ts, c.corr_ns)) AS at
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
