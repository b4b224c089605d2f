-- Which nodes left a branch of the chain, how long had each held it, and which never had it?
WITH latest AS (
    -- held: ms from connecting the tip it left to connecting the other branch; behind: ms after the first
    -- node that did.
    SELECT r."from", r."to", r.first_new, r.from_height, r.depth
      FROM peerscope.reorganisations r ORDER BY r.at DESC LIMIT 1
)
SELECT l.from_height AS height,
       left(peerscope.hex(l."from"), 12) AS left_tip,
       left(peerscope.hex(l."to"), 12) AS new_tip,
       n.name AS node,
       CASE WHEN o.s6 IS NULL THEN 'never had it' WHEN r.node IS NULL THEN 'stays'
            ELSE 'leaves, depth ' || r.depth END AS what,
       round(extract(epoch FROM r.at - o.s6) * 1000, 1) AS held,
       round(s.skew_ms::numeric, 1) AS behind,
       b.source
  FROM latest l
 CROSS JOIN peerscope.node n
  LEFT JOIN peerscope.block_stage_latency o ON o.block_hash = l."from" AND o.node = n.name
  LEFT JOIN peerscope.reorganisations r ON r.node = n.name AND r."from" = l."from"
  LEFT JOIN peerscope.block_arrival_skew s
    ON s.block_hash = l.first_new AND s.node = n.name AND s.stage = 's6'
  LEFT JOIN peerscope.block_stage_latency b ON b.block_hash = l.first_new AND b.node = n.name
 ORDER BY r.at NULLS FIRST, n.name;
