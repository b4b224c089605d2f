-- How far is each node's clock off, how sure is that, and does any ping arrive before it was sent?
WITH ping AS (
    -- Delays of pings from the node to others of the fleet, on the common clock.
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
