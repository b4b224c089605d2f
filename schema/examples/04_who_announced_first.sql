-- Whose blocks do we hear of first: which peers are the first to name a block to each of our nodes?
SELECT b.node,
       coalesce(s.user_agent, 'mined here') AS first_peer,
       s.conn_type,
       count(*) AS blocks,
       round(100.0 * count(*) / sum(count(*)) OVER (PARTITION BY b.node), 1) AS pct
  FROM peerscope.block_stage_latency b
  JOIN peerscope.node n ON n.name = b.node
  JOIN peerscope.block_arrival a ON a.node_id = n.node_id AND a.hash = b.block_hash
  LEFT JOIN peerscope.peer_session s
    ON s.node_id = a.node_id AND s.run_id = a.first_run AND s.peer_id = a.first_peer
 WHERE b.s6 IS NOT NULL
 GROUP BY b.node, s.user_agent, s.conn_type
HAVING count(*) >= 5
 ORDER BY b.node, blocks DESC, conn_type;

-- Result on the capture that `make demo` plays:
--  node |    first_peer     |      conn_type      | blocks | pct
-- ------+-------------------+---------------------+--------+------
--  n1   | mined here        |                     |    111 | 74.5
--  n1   | /Satoshi:31.99.0/ | inbound             |     38 | 25.5
--  n2   | /Satoshi:31.99.0/ | inbound             |    109 | 72.2
--  n2   | /Satoshi:31.99.0/ | outbound-full-relay |     34 | 22.5
--  n2   | mined here        |                     |      8 |  5.3
--  n3   | /Satoshi:31.99.0/ | block-relay-only    |     85 | 56.3
--  n3   | /Satoshi:31.99.0/ | inbound             |     33 | 21.9
--  n3   | /Satoshi:31.99.0/ | outbound-full-relay |     27 | 17.9
--  n3   | mined here        |                     |      6 |  4.0
--  n4   | /Satoshi:31.99.0/ | inbound             |     53 | 35.3
--  n4   | /Satoshi:31.99.0/ | outbound-full-relay |     51 | 34.0
--  n4   | /Satoshi:31.99.0/ | block-relay-only    |     38 | 25.3
--  n4   | mined here        |                     |      8 |  5.3
--  n5   | /Satoshi:31.99.0/ | inbound             |     91 | 60.3
--  n5   | /Satoshi:31.99.0/ | outbound-full-relay |     49 | 32.5
--  n5   | mined here        |                     |     11 |  7.3
--  n6   | /Satoshi:31.99.0/ | outbound-full-relay |     90 | 59.6
--  n6   | /Satoshi:31.99.0/ | inbound             |     54 | 35.8
--  n6   | mined here        |                     |      7 |  4.6
