-- Which nodes left a branch of the chain, when, and which never had it?
WITH deepest AS (SELECT "from", from_height FROM reorganisations ORDER BY depth DESC, at DESC LIMIT 1)
SELECT n.name AS node,
       coalesce(to_char(extract(epoch FROM r.at - min(r.at) OVER ()) * 1000, 'FM99990.0') || ' ms', 'never had it') AS left_after,
       d.from_height AS height, right(hex(d."from"), 12) AS left_block, right(hex(r."to"), 12) AS for_block,
       round(r.error_ms::numeric, 2) AS error_ms
  FROM deepest d CROSS JOIN node n LEFT JOIN reorganisations r ON r.node = n.name AND r."from" = d."from"
 ORDER BY r.at NULLS LAST
