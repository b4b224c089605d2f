-- Is everything that the tracepoints fired in the database? (found: rows counted anew)
WITH found AS (
    SELECT node_id, count(*) AS rows FROM peerscope.p2p_message GROUP BY node_id
    UNION ALL SELECT node_id, count(*) FROM peerscope.connection_event GROUP BY node_id
    UNION ALL SELECT node_id, count(*) FROM peerscope.block_connected GROUP BY node_id
    UNION ALL SELECT node_id, count(*) FROM peerscope.utxocache_flush GROUP BY node_id
    UNION ALL SELECT node_id, count(*) FROM peerscope.utxocache_change GROUP BY node_id
    UNION ALL SELECT node_id, count(*) FROM peerscope.coin_selection GROUP BY node_id
    UNION ALL SELECT node_id, count(*) FROM peerscope.mempool_added GROUP BY node_id
    UNION ALL SELECT node_id, count(*) FROM peerscope.mempool_removed GROUP BY node_id
    UNION ALL SELECT node_id, count(*) FROM peerscope.mempool_replaced GROUP BY node_id
    UNION ALL SELECT node_id, count(*) FROM peerscope.mempool_rejected GROUP BY node_id
    UNION ALL SELECT node_id, count(*) FROM peerscope.addrman_add GROUP BY node_id
    UNION ALL SELECT node_id, count(*) FROM peerscope.addrman_good GROUP BY node_id
),
per_node AS (
    SELECT n.name, sum(f.rows)::bigint AS rows FROM found f JOIN peerscope.node n USING (node_id) GROUP BY n.name
),
per_stream AS (
    SELECT node, sum(records) AS records, sum(hits) AS hits, sum(stored) AS stored, sum(counted) AS counted,
           sum(declared_lost) AS lost, sum(blind_s) AS blind_s, sum(unexplained) AS unexplained
      FROM peerscope.stream_audit GROUP BY node
)
SELECT coalesce(s.node, 'all') AS node, sum(s.hits) AS hits, sum(s.stored) AS stored, sum(s.counted) AS counted,
       sum(s.lost) AS lost, sum(f.rows) AS found, round(sum(s.blind_s)::numeric, 1) AS blind_s,
       sum(s.unexplained) AS unexplained
  FROM per_stream s
  LEFT JOIN per_node f ON f.name = s.node
 GROUP BY ROLLUP (s.node)
 ORDER BY s.node NULLS LAST;
