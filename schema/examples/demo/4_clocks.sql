-- How far is each node's clock off, how well is that known, and does any message contradict it? A ping cannot
-- arrive before it was sent: earliest and median are delays of pings from this node to others of the fleet.
WITH ping AS (
    SELECT from_node_id AS node_id, count(*) AS pings, min(delay_ns) / 1e6 AS earliest,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY delay_ns) / 1e6 AS median,
           count(*) FILTER (WHERE delay_ns < -error_ns) AS violations
      FROM peerscope.clock_audit_sample GROUP BY ROLLUP (from_node_id)
)
SELECT coalesce(n.name, 'all') AS node,
       round(h.clock_offset_ms::numeric, 3) AS offset_ms,
       round(h.clock_error_ms::numeric, 3) AS error_ms,
       h.clock_quality AS quality,
       p.pings,
       round(p.earliest::numeric, 3) AS earliest_ms,
       round(p.median::numeric, 3) AS median_ms,
       p.violations
  FROM peerscope.node n
  LEFT JOIN peerscope.fleet_health h ON h.node = n.name
  FULL JOIN ping p USING (node_id)
 ORDER BY n.name NULLS LAST;
