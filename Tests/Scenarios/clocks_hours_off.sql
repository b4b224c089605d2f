-- Clocks that are hours off around midnight UTC: a's is right, that of ahead is five hours ahead, that of behind five hours behind.
-- All three lived through the same, so that nothing may set them apart.
\ir lib/peers.sql

CREATE FUNCTION scenario.stamp(at timestamptz) RETURNS text LANGUAGE sql AS $$ SELECT to_char(at, 'FMDD HH24:MI:SS.US') $$;

-- 1. The fleet is one node whose clock is ahead. All it has lived is the evening of 1 July, which it takes for 2 July.
SELECT scenario.node('ahead', '-5 h');
SELECT scenario.gets('ahead', '1 20:05:00', 'first', 999);
SELECT scenario.commit(), scenario.newest_event('1 20:10:00');
UPDATE peerscope.capture_interval SET valid_from = scenario.clock('ahead', '1 20:00:00');
UPDATE peerscope.process_run SET started_at = scenario.clock('ahead', '1 20:00:00');
UPDATE peerscope.clock_segment SET valid_from = scenario.clock('ahead', '1 20:00:00');
UPDATE peerscope.dirty_day SET day = '2026-07-02';
CALL peerscope.digest();
SELECT scenario.expect('a day that no node calls so is computed when rows fall into it in true time',
  $$ SELECT day, blocks FROM (SELECT t0::date AS day, count(*) AS blocks FROM peerscope.block_summary GROUP BY 1) s $$, '2026-07-01|1');
SELECT scenario.expect('and is there for the views',
  $$ SELECT node, to_char(s0, 'DD HH24:MI') AS s0 FROM peerscope.block_stage_latency $$, 'ahead|01 20:05');

-- 2. Three nodes from noon on. A block every ten minutes until 06:05 of 2 July, 100 ms apart at a, ahead and behind.
SELECT scenario.node('a'), scenario.node('behind', '5 h');
-- A segment an hour, by each node's own clock; rows are those of the first.
INSERT INTO peerscope.clock_segment (node_id, clk, valid_from, valid_to, corr_ns, eps_ns, reference, quality, provisional)
SELECT node_id, 2 + h, at, at + interval '1 hour', corr_ns, eps_ns, reference, quality, provisional
  FROM peerscope.clock_segment
 CROSS JOIN generate_series(0, 54) h
 CROSS JOIN LATERAL (SELECT timestamptz '2026-06-30 00:00+00' - corr_ns / 1000 * interval '1 microsecond' + h * interval '1 hour' AS at) t;
UPDATE peerscope.process_run SET started_at = '2026-06-28 00:00+00';
UPDATE peerscope.capture_interval i SET valid_from = scenario.clock(n.name, '1 12:00:00')
  FROM peerscope.node n WHERE n.node_id = i.node_id;
SELECT scenario.watch();
SELECT scenario.gets(n.node, scenario.stamp(scenario.at('1 12:05:00') + i * interval '10 minutes' + n.ms * interval '1 ms'), 'b' || i, 1000 + i)
  FROM generate_series(0, 108) i CROSS JOIN (VALUES ('a', 0), ('ahead', 100), ('behind', 200)) AS n (node, ms);
SELECT scenario.commit();
-- X is in all mempools over midnight; Y was heard by all, and only ahead tells why it left: at 22:00.
SELECT scenario.heard(n, '1 21:00:00', t, peer => 7), scenario.whole(n, '1 21:00:00', t)
  FROM unnest(ARRAY['a', 'ahead', 'behind']) n, unnest(ARRAY['X', 'Y']) t;
SELECT scenario.stay(n, 'X', '1 21:00:00', '2 00:25:00') FROM unnest(ARRAY['a', 'ahead', 'behind']) n;
SELECT scenario.stay('ahead', 'Y', '1 21:00:00', '1 22:00:00', 'expiry');
-- O and P reach a from outside at 22:00:05. P was in the mempool of ahead five seconds before, and nobody had told it: its own.
SELECT scenario.heard('a', '1 22:00:05', t, peer => 7), scenario.whole('a', '1 22:00:05', t) FROM unnest(ARRAY['O', 'P']) t;
INSERT INTO peerscope.mempool_added (node_id, run_id, ts, clk, seq, txid, vsize, fee)
VALUES (scenario.id('ahead'), scenario.run('ahead'), scenario.clock('ahead', '1 22:00:00'), 1, nextval('scenario.seq'), scenario.known('P'), 100, 1000);
-- An address that ahead alone is told, at 23:00; and pings from a that ahead and behind take up 4 ms later, late and early in the day.
INSERT INTO peerscope.addr_announcement (node_id, network, addr, port, announced_at, class, first_seen, clk, run_id, first_peer, last_seen)
SELECT scenario.id('ahead'), 'ipv4', '1.2.3.4', 8333, at, 'gossip', at, 1, scenario.run('ahead'), 1, at
  FROM (SELECT scenario.clock('ahead', '1 23:00:00') AS at) t;
INSERT INTO peerscope.addr_sighting (node_id, network, addr, port, first_seen, last_seen)
SELECT node_id, network, addr, port, first_seen, last_seen FROM peerscope.addr_announcement;
CREATE FUNCTION scenario.ping(from_peer bigint, sent text, to_node text, taken text, nonce bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO peerscope.ping_event (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, nonce)
  VALUES (scenario.id('a'), scenario.run('a'), scenario.clock('a', sent), 1, nextval('scenario.seq'), from_peer, false, 'ping', nonce),
         (scenario.id(to_node), scenario.run(to_node), scenario.clock(to_node, taken), 1, nextval('scenario.seq'), 1, true, 'ping', nonce)
$$;
SELECT scenario.ping(1, '1 22:00:00', 'ahead', '1 22:00:00.004', 11), scenario.ping(2, '1 01:00:00', 'behind', '1 01:00:00.004', 12);
SELECT scenario.newest_event('2 06:10:00');
INSERT INTO peerscope.dirty_day (node_id, day)
SELECT node_id, d::date FROM peerscope.node CROSS JOIN generate_series(date '2026-06-30', date '2026-07-02', interval '1 day') d
ON CONFLICT DO NOTHING;
CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');

-- From 12:05 to 23:55 are 72 blocks and the first one, from 00:05 to 06:05 of the next day 37.
SELECT scenario.expect('each block is of the day it was found on, once, and at every node',
  $$ SELECT (s0 AT TIME ZONE 'UTC')::date AS day, node, count(*) FROM peerscope.block_stage_latency GROUP BY 1, 2 ORDER BY 1, 2 $$,
  $$
  2026-07-01|a|72
  2026-07-01|ahead|73
  2026-07-01|behind|72
  2026-07-02|a|37
  2026-07-02|ahead|37
  2026-07-02|behind|37
  $$);
SELECT scenario.expect('skews are those of true time',
  $$ SELECT DISTINCT node, skew_ms FROM peerscope.block_arrival_skew WHERE stage = 's6' AND height >= 1000 ORDER BY node $$,
  $$
  a|0
  ahead|100
  behind|200
  $$);
SELECT scenario.expect('no node is behind the fleet, and none connects fewer blocks than others',
  $$ SELECT node, kind, measures FROM peerscope.alert WHERE kind IN ('stale_tip', 'block_rate', 'mempool_divergence') ORDER BY 1, 2 $$, '');
SELECT scenario.expect('nor does an hour show one that is',
  $$ SELECT DISTINCT node, tip_lag_s > 1 AS behind FROM peerscope.eclipse_indicators WHERE tip_lag_s IS NOT NULL ORDER BY 1 $$,
  $$
  a|false
  ahead|false
  behind|false
  $$);
SELECT scenario.expect('mempools that are the same are found the same before and after midnight',
  $$ SELECT to_char(at, 'DD HH24:MI') AS at, min(jaccard), max(common), count(*) FROM peerscope.mempool_divergence
      WHERE at BETWEEN scenario.at('1 23:50:00') AND scenario.at('2 00:20:00') GROUP BY mempool_divergence.at ORDER BY 1 $$,
  $$
  01 23:50|1|1|3
  02 00:00|1|1|3
  02 00:10|1|1|3
  02 00:20|1|1|3
  $$);
SELECT scenario.expect('why a transaction left is known from whoever tells',
  $$ SELECT scenario.name_of(txid) AS tx, nodes, coverage, removal_reason FROM peerscope.tx_propagation
      WHERE txid IN (scenario.hash('X'), scenario.hash('Y')) ORDER BY 1 $$,
  $$
  X|3|1|block
  Y|3|1|expiry
  $$);
SELECT scenario.expect('pings convict no clock for being off by hours, and are found all day',
  $$ SELECT day, link, samples, min_ms, violations FROM peerscope.clock_audit ORDER BY 2 $$,
  $$
  2026-07-01|a→ahead|1|4|0
  2026-07-01|a→behind|1|4|0
  $$);
SELECT scenario.expect('an address is of the day on which it was told',
  $$ SELECT addr, to_char(episode_at, 'DD HH24:MI') AS at, node FROM peerscope.addr_propagation $$, '1.2.3.4|01 23:00|ahead');
SELECT peerscope.publish_transactions('2026-07-01');
SELECT scenario.expect('a transaction of our own stays ours, whatever the clock of its node',
  $$ SELECT string_agg(scenario.name_of(r.txid), ' ' ORDER BY scenario.name_of(r.txid)) AS published
       FROM peerscope.public_tx p JOIN peerscope.tx_reach r USING (day, id) WHERE day = '2026-07-01' $$, 'O X Y');

-- 3. What ahead heard at 23:30 of 1 July comes late, when the fleet is past 06:00 of 2 July: it calls that 2 July.
SELECT scenario.gets('ahead', '1 23:30:00', 'late', 2000);
SELECT scenario.commit();
INSERT INTO peerscope.dirty_day (node_id, day) VALUES (scenario.id('ahead'), '2026-07-02');
CALL peerscope.digest();
SELECT scenario.expect('late rows count for the day they are of',
  $$ SELECT to_char(s0, 'DD HH24:MI') AS at, node FROM peerscope.block_stage_latency WHERE block_hash = scenario.hash('late') $$,
  '01 23:30|ahead');

-- 4. At 07:00 somebody sets the clock of ahead right, and 1 July is computed again.
INSERT INTO peerscope.clock_segment (node_id, clk, valid_from, corr_ns, eps_ns, reference, quality)
VALUES (scenario.id('ahead'), 100, scenario.at('2 07:00:00'), 0, 100000, '00000000-0000-0000-0000-000000000001', 'exchange');
INSERT INTO peerscope.dirty_day (node_id, day) VALUES (scenario.id('a'), '2026-07-01');
CALL peerscope.digest();
SELECT scenario.expect('what was told by a clock that was wrong then stays where it was',
  $$ SELECT addr, to_char(episode_at, 'DD HH24:MI') AS at, node FROM peerscope.addr_propagation $$, '1.2.3.4|01 23:00|ahead');
SELECT scenario.expect('and so does the end of a transaction',
  $$ SELECT removal_reason FROM peerscope.tx_propagation WHERE txid = scenario.hash('Y') $$, 'expiry');

-- 5. A neighbour's part that failed is made up for, though nothing new came of its day.
UPDATE peerscope.digest_state SET error = 'canceled' WHERE day = '2026-06-30' AND part = 'blocks';
CALL peerscope.digest();
SELECT scenario.expect('what failed of a day without new rows is tried again', $$ SELECT scenario.digest_errors() AS errors $$, '∅');
