-- How much later than the first node do the nodes of each region connect a block, and how sure is that?
--
-- Regions are labels of the nodes: UPDATE peerscope.node SET labels = '{"region": "eu"}' WHERE name = 'n1'. The bars are
-- the mean of the bounds that clocks and queues allow for each block: the truth lies between them.
SELECT n.labels ->> 'region' AS region,
       count(*) AS arrivals,
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY s.skew_ms)::numeric, 2) AS median_ms,
       round(avg(s.skew_lo_ms)::numeric, 2) AS at_least_ms,
       round(avg(s.skew_ms)::numeric, 2) AS mean_ms,
       round(avg(s.skew_hi_ms)::numeric, 2) AS at_most_ms,
       count(*) FILTER (WHERE s.significant) AS certainly_later
  FROM peerscope.block_arrival_skew s
  JOIN peerscope.node n ON n.name = s.node
 WHERE s.stage = 's6'
 GROUP BY region
 ORDER BY region;

-- Result on the capture that `make demo` plays:
--  region | arrivals | median_ms | at_least_ms | mean_ms | at_most_ms | certainly_later
-- --------+----------+-----------+-------------+---------+------------+-----------------
--  asia   |      302 |      3.76 |        9.42 |    9.42 |       9.42 |             272
--  eu     |      302 |      3.00 |        8.55 |    8.55 |       8.55 |             214
--  us     |      301 |      3.35 |        9.59 |    9.59 |       9.59 |             267
