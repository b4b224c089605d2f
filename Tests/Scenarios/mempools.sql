-- Three mempools that differ, one of them seen with a gap.
\ir lib/peers.sql

-- The clock of b is one minute ahead. c was not captured from 10:05 to 10:06.
SELECT scenario.node('a'), scenario.node('b', '-60 s'), scenario.node('c'), scenario.node('blind');
SELECT scenario.watch();
UPDATE peerscope.capture_interval SET valid_to = scenario.at('10:05:00') WHERE node_id = scenario.id('c') AND tracepoint = 'mempool:removed';
INSERT INTO peerscope.capture_interval (node_id, run_id, tracepoint, valid_from)
VALUES (scenario.id('c'), scenario.run('c'), 'mempool:removed', scenario.at('10:06:00'));
DELETE FROM peerscope.capture_interval WHERE node_id = scenario.id('blind') AND tracepoint = 'mempool:added';
UPDATE peerscope.process_run SET fee_floor = CASE node_id WHEN scenario.id('b') THEN 5000 ELSE 1000 END;

-- X1 in all; X2 in a only; X3 in a and c, but too cheap for b (4 sat/vB); X4 at b's floor, in b only.
SELECT scenario.stay(n, 'X1', '09:00:00', '10:25:00') FROM unnest(ARRAY['a', 'b', 'c', 'blind']) n;
SELECT scenario.stay('a', 'X2', '09:00:00', fee => 9000);
UPDATE peerscope.mempool_entry SET fee = 9000 WHERE txid = scenario.hash('X1');
SELECT scenario.stay(n, 'X3', '09:00:00', fee => 400) FROM unnest(ARRAY['a', 'c']) n;
SELECT scenario.stay('b', 'X4', '09:00:00', fee => 500);
-- Y1 is 59 s old at 10:00 in a, and 61 s in b; it leaves b at 10:10:00 sharp and a before 10:20.
SELECT scenario.stay('a', 'Y1', '09:59:01', '10:19:59', fee => 9000), scenario.stay('b', 'Y1', '09:58:59', '10:10:00', fee => 9000);
-- Z1 came while c was captured again, to a and c; c had Z2 from before.
SELECT scenario.stay('a', 'Z1', '10:08:00', fee => 9000), scenario.stay('c', 'Z1', '10:08:10', fee => 9000);
SELECT scenario.newest_event('10:35:00'), scenario.dirty('2026-07-01');
CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');

-- a and b at 10:00: X1 in both; only a: X2; only b: X4, Y1 (X3 is below b's floor). At 10:10: Y1 is in a and has just left b, Z1 is in a.
-- At 10:20 Y1 has left a as well. At 10:30 X1 has left.
-- a and c at 10:00: X1, X3 in both, X2 only in a. c is not known from 10:05 on, and again ten minutes after 10:06: from 10:20. Then only
-- what nobody had before 10:06 counts: Z1.
SELECT scenario.expect('mempools are compared every ten minutes where both are known',
  $$ SELECT to_char(at, 'HH24:MI') AS at, node_a, node_b, round(jaccard::numeric, 4) AS jaccard, only_a, only_b, common
       FROM peerscope.mempool_divergence
      WHERE at >= scenario.at('10:00:00') AND (node_a, node_b) IN (('a', 'b'), ('a', 'c')) ORDER BY node_b, at $$,
  $$
  10:00|a|b|0.2500|1|2|1
  10:10|a|b|0.2000|3|1|1
  10:20|a|b|0.2500|2|1|1
  10:30|a|b|0.0000|2|1|0
  10:00|a|c|0.6667|1|0|2
  10:20|a|c|1.0000|0|0|1
  10:30|a|c|1.0000|0|0|1
  $$);
SELECT scenario.expect('a node whose additions are not captured is compared with nobody',
  $$ SELECT count(*) FROM peerscope.mempool_divergence WHERE node_a = 'blind' OR node_b = 'blind' $$, '0');
SELECT scenario.expect('two empty mempools have no Jaccard index',
  $$ SELECT DISTINCT jaccard, only_a, only_b FROM peerscope.mempool_divergence WHERE at < scenario.at('09:00:00') $$, '∅|0|0');
-- From ten minutes after capture began, at midnight of the day before, to the last event.
SELECT scenario.expect('each pair is there once a sample, from ten minutes after the start on',
  $$ SELECT node_a, node_b, count(*), to_char(max(at), 'HH24:MI') AS last FROM peerscope.mempool_divergence
      WHERE at >= scenario.at('00:00:00') GROUP BY 1, 2 ORDER BY 1, 2 $$,
  $$
  a|b|64|10:30
  a|c|63|10:30
  b|c|63|10:30
  $$);

-- The same by counting one by one what is where, for a day of seven nodes with gaps and floors of all kinds.
DELETE FROM peerscope.mempool_entry;
SELECT scenario.node('n' || i) FROM generate_series(1, 4) i;
SELECT setseed(0.5);
DELETE FROM peerscope.capture_interval WHERE tracepoint LIKE 'mempool:%';
INSERT INTO peerscope.capture_interval (node_id, run_id, tracepoint, valid_from, valid_to)
SELECT node_id, node_id * 100, t, scenario.at('00:00:00') - interval '1 day' + node_id * interval '7 minutes',
       scenario.at('06:00:00') + node_id * interval '31 minutes' FROM peerscope.node, unnest(ARRAY['mempool:added', 'mempool:removed']) t
UNION ALL
SELECT node_id, node_id * 100, t, scenario.at('06:05:00') + node_id * interval '31 minutes', NULL
  FROM peerscope.node, unnest(ARRAY['mempool:added', 'mempool:removed']) t;
UPDATE peerscope.process_run SET fee_floor = 1000 * (node_id % 3);
INSERT INTO peerscope.mempool_entry (node_id, run_id, txid, added_at, clk, vsize, fee, removed_at, reason)
SELECT n.node_id, n.node_id * 100, scenario.hash('R' || i), e.added_at, 1, 100, (i * 37) % 250,
       CASE WHEN i % 7 > 0 THEN e.added_at + random() * interval '3 hours' END, CASE WHEN i % 7 > 0 THEN 'block' END
  FROM generate_series(1, 300) i CROSS JOIN peerscope.node n
 CROSS JOIN LATERAL (SELECT scenario.at('00:00:00') + (i * 97 % 700) * interval '1 minute' - interval '2 hours' + random() * interval '40 minutes' AS added_at
                      WHERE i IS NOT NULL AND n.node_id IS NOT NULL) e
 WHERE (i * 31 + n.node_id * 17) % 5 > 0;
SELECT scenario.newest_event('12:00:00'), scenario.dirty('2026-07-01');
CALL peerscope.digest();
CREATE TABLE scenario.counted AS
WITH known AS (
    SELECT DISTINCT i.node_id, i.valid_from - c.corr AS known_from, i.valid_to - c.corr AS known_to, r.fee_floor
      FROM (SELECT node_id, run_id, valid_from, coalesce(valid_to, scenario.clock(n.name, '12:00:00')) AS valid_to
              FROM peerscope.capture_interval JOIN peerscope.node n USING (node_id) WHERE tracepoint = 'mempool:added') i
      JOIN peerscope.process_run r USING (node_id, run_id)
      JOIN (SELECT node_id, -corr_ns / 1000 * interval '1 microsecond' AS corr FROM peerscope.clock_segment) c USING (node_id)
),
stay AS (
    SELECT e.node_id, e.txid, k.known_from, e.fee * 10 AS rate,
           e.added_at + c.corr_ns / 1000 * interval '1 microsecond' AS added_at,
           least(coalesce(e.removed_at + c.corr_ns / 1000 * interval '1 microsecond', 'infinity'), k.known_to) AS removed_at
      FROM peerscope.mempool_entry e JOIN peerscope.clock_segment c USING (node_id, clk)
      JOIN known k ON k.node_id = e.node_id AND e.added_at + c.corr_ns / 1000 * interval '1 microsecond' >= k.known_from
                  AND e.added_at + c.corr_ns / 1000 * interval '1 microsecond' < k.known_to
),
sample AS (
    SELECT t.at, a.node_id AS a, b.node_id AS b, greatest(a.known_from, b.known_from) AS since, greatest(a.fee_floor, b.fee_floor) AS floor
      FROM generate_series(scenario.at('00:00:00'), scenario.at('11:50:00'), interval '10 minutes') AS t (at)
      JOIN known a ON t.at >= a.known_from + interval '10 minutes' AND t.at < a.known_to
      JOIN known b ON t.at >= b.known_from + interval '10 minutes' AND t.at < b.known_to AND b.node_id > a.node_id
),
-- Only stays of the day say when a mempool first held a transaction.
seen AS (
    SELECT txid, min(added_at) AS first_at FROM stay s
     WHERE EXISTS (SELECT FROM generate_series(scenario.at('00:00:00'), scenario.at('23:50:00'), interval '10 minutes') AS t (at)
                    WHERE t.at >= s.added_at + interval '60 s' AND t.at < s.removed_at AND t.at >= s.known_from + interval '10 minutes')
     GROUP BY txid
),
there AS (
    SELECT p.at, p.a, p.b, s.txid, bool_or(s.node_id = p.a) AS in_a, bool_or(s.node_id = p.b) AS in_b
      FROM sample p
      JOIN stay s ON s.node_id IN (p.a, p.b) AND s.added_at + interval '60 s' <= p.at AND s.removed_at > p.at AND s.rate >= p.floor
      JOIN seen f ON f.txid = s.txid AND f.first_at >= p.since
      JOIN known k ON k.node_id = s.node_id AND k.known_from = s.known_from AND p.at < k.known_to
     GROUP BY 1, 2, 3, 4
)
SELECT p.at, p.a, p.b, count(*) FILTER (WHERE t.in_a AND t.in_b) AS common, count(*) FILTER (WHERE t.in_a AND NOT t.in_b) AS only_a,
       count(*) FILTER (WHERE t.in_b AND NOT t.in_a) AS only_b
  FROM sample p LEFT JOIN there t USING (at, a, b) GROUP BY 1, 2, 3;
SELECT scenario.expect('counting together gives what counting one by one gives',
  $$ SELECT count(*) > 1500 AS many, count(*) FILTER (WHERE c.common > 3 AND c.only_a > 3 AND c.only_b > 3) > 500 AS of_substance,
            count(*) FILTER (WHERE (c.common, c.only_a, c.only_b) IS DISTINCT FROM (p.common, p.only_a, p.only_b)) AS differ
       FROM scenario.counted c
       FULL JOIN (SELECT * FROM peerscope.mempool_pair_sample WHERE at >= scenario.at('00:00:00')) p ON p.at = c.at AND p.node_a = c.a AND p.node_b = c.b $$,
  'true|true|0');
