-- How many addresses does the network tell us of in a day, against what others have published?
--
-- Distinct IP addresses of all networks in which any node was told of one, in gossip and in answers. Published: about
-- 40 000 a day were normal in 2021 and about 6 000 000 came in that year's flood (Grundmann and Baumstark); from about
-- 65 000 the figure rose to 250 000 from April 2026 on (KIT).
SELECT day - min(day) OVER () AS day_number,
       sum(union_count) AS addresses,
       sum(new_addrs) AS never_seen_before,
       round(sum(union_count) / 40000, 3) AS vs_2021,
       round(sum(union_count) / 6000000, 5) AS vs_flood_2021,
       round(sum(union_count) / 250000, 4) AS vs_2026
  FROM peerscope.addr_unique_daily
 WHERE class = 'all' AND unit = 'ip'
 GROUP BY day
 ORDER BY day;

-- Result on the capture that `make demo` plays:
--  day_number | addresses | never_seen_before | vs_2021 | vs_flood_2021 | vs_2026
-- ------------+-----------+-------------------+---------+---------------+---------
--           0 |      1302 |              1302 |   0.033 |       0.00022 |  0.0052
