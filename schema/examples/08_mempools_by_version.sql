-- Do nodes of different versions have different transactions in their mempools?
--
-- Seen from the blocks: of a block's transactions, how many had the node not in its mempool when it connected it?
-- (mempool_divergence compares whole mempools every ten minutes, once they have been captured for long enough.)
SELECT h.user_agent, count(*) AS blocks, sum(m.transactions - 1) AS transactions, sum(m.missing) AS missing,
       round((100 * sum(m.missing) / nullif(sum(m.transactions - 1), 0))::numeric, 2) AS missing_pct
  FROM peerscope.missing_at_block m
  JOIN peerscope.fleet_health h USING (node)
 WHERE m.transactions > 1
 GROUP BY h.user_agent
 ORDER BY h.user_agent;

-- Result on the capture that `make demo` plays:
--     user_agent     | blocks | transactions | missing | missing_pct
-- -------------------+--------+--------------+---------+-------------
--  /Satoshi:31.99.0/ |     83 |         1401 |    1008 |       71.95
