-- How many blocks does each node complete from a compact block without asking for a transaction, and what do the others
-- cost?
SELECT node, sum(blocks) AS blocks,
       round((sum(blocks * without_request_pct) / sum(blocks))::numeric, 1) AS without_request_pct,
       sum(requested_tx) AS requested_tx,
       pg_size_pretty(sum(requested_bytes)) AS requested,
       round((sum(blocks * hb_pct) / sum(blocks))::numeric, 1) AS high_bandwidth_pct
  FROM peerscope.compact_reconstruction
 GROUP BY node
 ORDER BY node;

-- Result on the capture that `make demo` plays:
--  node | blocks | without_request_pct | requested_tx | requested | high_bandwidth_pct
-- ------+--------+---------------------+--------------+-----------+--------------------
--  n1   |     30 |                70.0 |           64 | 15 kB     |              100.0
--  n2   |    136 |                92.6 |          150 | 33 kB     |               98.5
--  n3   |    138 |                92.0 |          215 | 47 kB     |               97.8
--  n4   |    136 |                91.2 |          229 | 51 kB     |               97.8
--  n5   |    134 |                94.0 |          375 | 82 kB     |               98.5
--  n6   |    127 |                91.3 |          234 | 52 kB     |               99.2
