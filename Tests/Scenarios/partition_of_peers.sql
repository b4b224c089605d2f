-- A partition as peers and mempools show it: three nodes here, two there, from 10:00 to 11:00. The side of the two finds one block where the
-- other finds five, and each side has transactions that the other does not hear of.
\ir lib/peers.sql

SELECT scenario.node(n) FROM unnest(ARRAY['a1', 'a2', 'a3', 'b1', 'b2']) n;
SELECT scenario.watch();
SELECT scenario.gets(n, '09:50:00', 'root', 100) FROM unnest(ARRAY['a1', 'a2', 'a3', 'b1', 'b2']) n;
SELECT scenario.gets(n, '10:' || 10 * i || ':00', 'A' || i, 100 + i) FROM generate_series(1, 5) i CROSS JOIN unnest(ARRAY['a1', 'a2', 'a3']) n;
SELECT scenario.gets(n, '10:35:00', 'B1', 101) FROM unnest(ARRAY['b1', 'b2']) n;
SELECT scenario.gets(n, '11:00:30.' || i, 'A' || i, 100 + i) FROM generate_series(1, 5) i CROSS JOIN unnest(ARRAY['b1', 'b2']) n;
SELECT scenario.commit();
-- 20 transactions from before, 100 of one side, 50 of the other; at 11:00:30 everybody gets everything.
SELECT scenario.stay(n, 'C' || i, '09:40:00') FROM generate_series(1, 20) i CROSS JOIN unnest(ARRAY['a1', 'a2', 'a3', 'b1', 'b2']) n;
SELECT scenario.stay(n, 'X' || i, CASE WHEN n LIKE 'a%' THEN '10:05:00' ELSE '11:00:30' END)
  FROM generate_series(1, 100) i CROSS JOIN unnest(ARRAY['a1', 'a2', 'a3', 'b1', 'b2']) n;
SELECT scenario.stay(n, 'Y' || i, CASE WHEN n LIKE 'b%' THEN '10:05:00' ELSE '11:00:30' END)
  FROM generate_series(1, 50) i CROSS JOIN unnest(ARRAY['a1', 'a2', 'a3', 'b1', 'b2']) n;
SELECT scenario.newest_event('13:00:00'), scenario.dirty('2026-07-01');
CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');

-- 20 of 170 transactions in common across, all of them within a side.
SELECT scenario.expect('mempools agree within a side and not across, until the partition heals',
  $$ SELECT left(node_a, 1) || left(node_b, 1) AS sides, to_char(at, 'HH24:MI') AS at, min(round(jaccard::numeric, 4)) AS least,
            max(round(jaccard::numeric, 4)) AS most, max(only_a) AS only_a, max(only_b) AS only_b
       FROM peerscope.mempool_divergence WHERE at IN (scenario.at('10:00:00'), scenario.at('10:40:00'), scenario.at('11:10:00'))
      GROUP BY 1, 2 ORDER BY 1, 2 $$,
  $$
  aa|10:00|1.0000|1.0000|0|0
  aa|10:40|1.0000|1.0000|0|0
  aa|11:10|1.0000|1.0000|0|0
  ab|10:00|1.0000|1.0000|0|0
  ab|10:40|0.1176|0.1176|100|50
  ab|11:10|1.0000|1.0000|0|0
  bb|10:00|1.0000|1.0000|0|0
  bb|10:40|1.0000|1.0000|0|0
  bb|11:10|1.0000|1.0000|0|0
  $$);
-- Height 101 is missing from 10:10 to 10:35, 102 from 10:20 to 11:00:30.2: at 11:00 that is 2400 s.
SELECT scenario.expect('the side with less work falls behind',
  $$ SELECT node, to_char(hour, 'HH24') AS hour, round(tip_lag_s::numeric, 1) AS lag FROM peerscope.eclipse_indicators
      WHERE population = 'inbound' AND node IN ('a1', 'b1') AND hour BETWEEN scenario.at('09:00:00') AND scenario.at('11:00:00') ORDER BY node, hour $$,
  $$
  a1|09|0.0
  a1|10|0.0
  a1|11|0.0
  b1|09|0.0
  b1|10|2400.0
  b1|11|2430.2
  $$);
-- The smaller side is the one that differs from more than half of the others: b1 from three of four, a1 from two of four.
SELECT scenario.expect('the alerts name the smaller side',
  $$ SELECT kind, node, to_char(opened_at, 'HH24:MI:SS') AS opened, to_char(closed_at, 'HH24:MI:SS') AS closed
       FROM peerscope.alert WHERE kind IN ('stale_tip', 'mempool_divergence') ORDER BY kind, node $$,
  $$
  mempool_divergence|b1|10:10:00|11:00:00
  mempool_divergence|b2|10:10:00|11:00:00
  stale_tip|b1|10:20:00|11:00:30
  stale_tip|b2|10:20:00|11:00:30
  $$);
