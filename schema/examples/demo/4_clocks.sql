-- How far apart are the hosts' clocks, how sure is that, and does any effect come before its cause?
SELECT n.name AS node, round(avg(c.corr_ns) / 1e6, 3) AS correction_ms, round(max(c.eps_ns) / 1e6, 3) AS error_ms,
       string_agg(DISTINCT c.quality, ', ') AS measured_by,
       (SELECT count(*) FROM clock_sample s WHERE s.node_id = n.node_id) AS exchanges,
       (SELECT sum(a.samples) FROM clock_audit a WHERE a.link LIKE n.name || '→%') AS pings_checked,
       (SELECT sum(a.violations) FROM clock_audit a WHERE a.link LIKE n.name || '→%') AS violations
  FROM clock_segment c JOIN node n USING (node_id) GROUP BY n.node_id, n.name ORDER BY n.name
