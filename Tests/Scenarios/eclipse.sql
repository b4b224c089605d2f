-- An eclipse: at 10:24 all outbound peers of the node victim are lost and others of one network group take their places; from
-- 10:40 on it sees no blocks, until the attack ends at 11:45:30. Two other nodes see what happens. A patched node tells of its
-- address tables.
\ir lib/peers.sql

SELECT scenario.node(n) FROM unnest(ARRAY['victim', 'h1', 'h2', 'patched']) n;
UPDATE peerscope.capture_interval SET valid_from = '2026-07-01 08:00+00';

-- Ten peers of ten groups until 10:24, and after that ten of 104.16.0.0/16.
SELECT scenario.session('victim', p, '93.' || p || '.1.1:8333', '07:00:00', '10:24:00',
                        conn_type => CASE WHEN p <= 8 THEN 'outbound-full-relay' ELSE 'block-relay-only' END)
  FROM generate_series(1, 10) p;
SELECT scenario.session('victim', 10 + p, '104.16.' || p || '.1:8333', '10:24:00', NULL,
                        conn_type => CASE WHEN p <= 8 THEN 'outbound-full-relay' ELSE 'block-relay-only' END)
  FROM generate_series(1, 10) p;
-- What is no peer: feelers, and the like; and what is no replacement: a peer of nine minutes, a manual one.
SELECT scenario.session('victim', 30 + p, '85.' || p || '.1.1:8333', '09:' || 10 + p || ':00', '09:' || 15 + p || ':00', conn_type => t)
  FROM unnest(ARRAY['feeler', 'addr-fetch', 'private-broadcast']) WITH ORDINALITY AS u (t, p);
SELECT scenario.session('h1', 1, '1.2.3.4:8333', '09:00:00', '09:09:00', conn_type => 'outbound-full-relay'),
       scenario.session('h1', 2, '1.2.3.5:8333', '09:00:00', '09:30:00', conn_type => 'manual'),
       scenario.session('h1', 3, '1.2.3.6:8333', '09:00:00', '09:30:00', conn_type => 'outbound-full-relay');
-- Inbound: one all the hour, one half of it, at h1; of the four opened in the hour one is evicted.
SELECT scenario.session('h1', 11, '5.1.1.1:1000', '08:30:00', NULL),
       scenario.session('h1', 12, '5.2.1.1:1000', '09:30:00', '10:00:00', evicted => true),
       scenario.session('h1', 13, '5.3.1.1:1000', '09:59:59', '09:59:59'),
       scenario.session('h1', 14, '5.3.1.1:1001', '09:59:59', '09:59:59'),
       scenario.session('h1', 15, '5.3.1.1:1002', '09:59:59', '09:59:59');

-- Blocks every ten minutes from 09:00 on.
SELECT scenario.gets(n, to_char(timestamp '2026-07-01 09:00' + i * interval '10 minutes', 'HH24:MI:SS'), 'B' || i, 100 + i)
  FROM generate_series(0, 18) i CROSS JOIN unnest(ARRAY['h1', 'h2', 'patched', 'victim']) n
 WHERE n <> 'victim' OR i < 10 OR i > 16;
SELECT scenario.gets('victim', '11:45:30.' || lpad((i - 10)::text, 2, '0'), 'B' || i, 100 + i) FROM generate_series(10, 16) i;
SELECT scenario.commit();

-- The patched node: ten addresses from 9.9.0.0/16's node and from itself into the new table; at 09:30 one of them moves to
-- the tried table, and another takes the slot of the first.
SELECT peerscope.ensure_day('2026-06-30');
INSERT INTO peerscope.addrman_add (node_id, run_id, ts, clk, seq, inserted, bucket, position, addr, addr_as, source, source_as)
SELECT scenario.id('patched'), scenario.run('patched'), scenario.at('09:1' || i || ':00'), 1, i, true, i, i,
       (ARRAY['20.1', '20.1', '20.2', '20.3'])[i] || '.1.' || i || ':8333', 0, CASE WHEN i = 4 THEN '8.8.1.1' ELSE '9.9.1.1' END, 0
  FROM generate_series(1, 4) i
UNION ALL
SELECT scenario.id('patched'), scenario.run('patched'), scenario.at('09:20:00'), 1, 5, false, -1, -1, '20.1.1.1:8333', 0, '7.7.7.7', 0
UNION ALL
SELECT scenario.id('patched'), scenario.run('patched'), scenario.at('09:40:00'), 1, 7, true, 1, 1, '20.5.5.5:8333', 0, '9.9.1.2', 0;
INSERT INTO peerscope.addrman_good (node_id, run_id, ts, clk, seq, bucket, position, addr, addr_as, source, source_as)
VALUES (scenario.id('patched'), scenario.run('patched'), scenario.at('09:30:00'), 1, 6, 7, 8, '20.3.1.4:8333', 0, '8.8.1.1', 0);

SELECT scenario.newest_event('13:00:00'), scenario.dirty('2026-07-01');
CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');

-- In hour 10 each old peer is there for 24 of 60 minutes, so that a group has 0.04 and the attacker's 0.6 of the time:
-- HHI = 10 × 0.0016 + 0.36, and e^H = (1/0.04)^0.4 × (1/0.6)^0.6 = 3.6239 × 1.3587.
SELECT scenario.expect('ten groups become one while the attack builds up, and all ten peers are replaced',
  $$ SELECT to_char(hour, 'HH24') AS hour, round(netgroup_hhi::numeric, 4) AS hhi, round(effective_groups::numeric, 3) AS groups,
            round(top_group_share::numeric, 4) AS top, outbound_replacements, round(members::numeric, 2) AS members,
            CASE WHEN top_group_share > 0.5 THEN top_group END AS top_group
       FROM peerscope.eclipse_indicators
      WHERE node = 'victim' AND population = 'outbound' AND hour >= scenario.at('09:00:00') AND hour < scenario.at('12:00:00')
      ORDER BY hour $$,
  $$
  09|0.1000|10.000|0.1000|0|10.00|∅
  10|0.3760|4.924|0.6000|10|10.00|104.16.0.0/16
  11|1.0000|1.000|1.0000|0|10.00|104.16.0.0/16
  $$);
-- Block 110 came at 10:40:00.02 to the others and at 11:45:30.02 to the victim: 1200 s of hour 10, 3930 s in all. What came
-- after that came at once; blocks 101 to 109 came to all of them at the same time.
SELECT scenario.expect('the tip falls behind while the attack lasts, and not at those who see it',
  $$ SELECT node, to_char(hour, 'HH24') AS hour, round(tip_lag_s::numeric, 1) AS lag FROM peerscope.eclipse_indicators
      WHERE population = 'outbound' AND node IN ('h1', 'victim') AND hour BETWEEN scenario.at('09:00:00') AND scenario.at('12:00:00')
      ORDER BY node, hour $$,
  $$
  h1|09|0.0
  h1|10|0.0
  h1|11|0.0
  h1|12|0.0
  victim|09|0.0
  victim|10|1200.0
  victim|11|3930.0
  victim|12|0.0
  $$);
SELECT scenario.expect('neither a young nor a manual peer is a replacement, one of 30 minutes is',
  $$ SELECT outbound_replacements FROM peerscope.eclipse_indicators
      WHERE node = 'h1' AND population = 'outbound' AND hour = scenario.at('09:00:00') $$, '1');
-- Of the time: 5.1.0.0/16 60 minutes, 5.2.0.0/16 30. HHI = 4/9 + 1/9; e^H = 1.5^(2/3) × 3^(1/3).
SELECT scenario.expect('inbound peers count by the time they are there; the evicted one is of the hour in which it went',
  $$ SELECT to_char(hour, 'HH24') AS hour, round(netgroup_hhi::numeric, 4) AS hhi, round(effective_groups::numeric, 4) AS groups,
            round(evicted_per_inbound::numeric, 4) AS evicted, round(members::numeric, 2) AS members
       FROM peerscope.eclipse_indicators
      WHERE node = 'h1' AND population = 'inbound' AND hour BETWEEN scenario.at('08:00:00') AND scenario.at('10:00:00') ORDER BY hour $$,
  $$
  08|1.0000|1.0000|0.0000|0.50
  09|0.5556|1.8899|0.0000|1.50
  10|1.0000|1.0000|∅|1.00
  $$);
SELECT scenario.expect('hours without capture have no rows, captured ones have three a node',
  $$ SELECT to_char(hour, 'HH24') AS hour, count(*) FROM peerscope.eclipse_indicators
      WHERE hour < scenario.at('10:00:00') OR hour >= scenario.at('12:00:00') GROUP BY 1 ORDER BY 1 $$,
  $$
  08|12
  09|12
  12|12
  $$);
-- At 10:00: slots 1 (20.5, from 9.9), 2 (20.1), 3 (20.2) of the new table and 20.3 in the tried one (from 8.8): four groups of one slot.
SELECT scenario.expect('the address tables of a patched node are known by what was put into them',
  $$ SELECT node, to_char(hour, 'HH24') AS hour, round(netgroup_hhi::numeric, 4) AS hhi, round(effective_groups::numeric, 4) AS groups,
            top_group_share, top_source_share, table_occupancy * 81920 AS slots
       FROM peerscope.eclipse_indicators
      WHERE population = 'addrman' AND node IN ('patched', 'h1') AND hour BETWEEN scenario.at('08:00:00') AND scenario.at('10:00:00')
      ORDER BY node, hour $$,
  $$
  h1|08|∅|∅|∅|∅|∅
  h1|09|∅|∅|∅|∅|∅
  h1|10|∅|∅|∅|∅|∅
  patched|08|∅|∅|∅|∅|∅
  patched|09|0.2500|4.0000|0.25|0.75|4
  patched|10|0.2500|4.0000|0.25|0.75|4
  $$);
-- A day later the same four are still there; on 10 July nothing is known any more.
SELECT scenario.newest_event('2 05:00:00'), scenario.dirty('2026-07-02');
CALL peerscope.digest();
SELECT scenario.expect('what was known of the tables is known the day after',
  $$ SELECT table_occupancy * 81920 AS slots FROM peerscope.eclipse_indicators
      WHERE node = 'patched' AND population = 'addrman' AND hour = '2026-07-02 03:00+00' $$, '4');

-- From ten minutes after block 110 until the node has it.
SELECT scenario.expect('the alerts of an eclipse open and close with it',
  $$ SELECT kind, node, subject, to_char(opened_at, 'HH24:MI:SS') AS opened, to_char(closed_at, 'HH24:MI:SS') AS closed, measures, round(worst::numeric, 1) AS worst
       FROM peerscope.alert WHERE kind IN ('stale_tip', 'netgroup_concentration', 'outbound_rotation') ORDER BY kind $$,
  $$
  netgroup_concentration|victim|outbound|10:00:00|∅|["outbound"]|1.0
  outbound_rotation|victim||10:00:00|11:00:00|["replacements"]|10.0
  stale_tip|victim||10:50:00|11:45:30|["height","time"]|7.0
  $$);

-- The attacker goes at 05:00 of the next day; ten others come.
UPDATE peerscope.peer_session SET closed_at = '2026-07-02 05:00+00' WHERE peer_id BETWEEN 11 AND 20 AND node_id = scenario.id('victim');
SELECT scenario.session('victim', 50 + p, '93.' || p || '.1.1:8333', '2 05:00:00', NULL, conn_type => 'outbound-full-relay')
  FROM generate_series(1, 10) p;
SELECT scenario.newest_event('2 09:00:00'), scenario.dirty('2026-07-02');
CALL peerscope.digest();
SELECT scenario.expect('the concentration ends when the peers are of many groups again',
  $$ SELECT to_char(opened_at, 'MM-DD HH24:MI') AS opened, to_char(closed_at, 'MM-DD HH24:MI') AS closed
       FROM peerscope.alert WHERE kind = 'netgroup_concentration' $$, '07-01 10:00|07-02 05:00');
