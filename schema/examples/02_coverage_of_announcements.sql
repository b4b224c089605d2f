-- What share of the nodes has heard of a newly announced address after half a minute, after one, after five?
--
-- Over all episodes of gossip about an address. Eligible is a node that was captured without gap for so long and was not
-- in initial download: what could not be seen does not count as not reached.
SELECT network, delta_s, sum(reached) AS reached, sum(eligible) AS eligible,
       round((sum(reached) / nullif(sum(eligible), 0))::numeric, 3) AS coverage
  FROM peerscope.addr_coverage_curve
 WHERE novel AND delta_s IN (30, 60, 300)
 GROUP BY network, delta_s
 ORDER BY network, delta_s;

-- Result on the capture that `make demo` plays:
--  network | delta_s | reached | eligible | coverage
-- ---------+---------+---------+----------+----------
--  i2p     |      30 |       2 |       12 |    0.167
--  i2p     |      60 |       0 |        0 |
--  i2p     |     300 |       0 |        0 |
--  ipv4    |      30 |    1259 |     7446 |    0.169
--  ipv4    |      60 |       0 |        0 |
--  ipv4    |     300 |       0 |        0 |
--  ipv6    |      30 |      12 |       48 |    0.250
--  ipv6    |      60 |       0 |        0 |
--  ipv6    |     300 |       0 |        0 |
--  onion   |      30 |       5 |       30 |    0.167
--  onion   |      60 |       0 |        0 |
--  onion   |     300 |       0 |        0 |
