-- How transactions travel: announced by wtxid and by txid, from a wallet of our own, across midnight, told again, and to nodes
-- that could not hear of them.
\ir lib/peers.sql

-- The clock of b is 5 s behind. late is captured from noon on.
SELECT scenario.node('a'), scenario.node('b', '5 s', 2), scenario.node('c'), scenario.node('d'), scenario.node('late');
UPDATE peerscope.capture_interval SET valid_from = '2026-07-01 12:00+00' WHERE node_id = scenario.id('late');
SELECT scenario.watch();

-- T1: a hears of it by wtxid, b by txid, c by both, by txid first. d has it from its own wallet. late is not captured.
SELECT scenario.heard('a', '10:00:00', 'T1', peer => 11), scenario.heard('b', '10:00:01', 'T1', true, peer => 12),
       scenario.heard('c', '10:00:02', 'T1', peer => 13), scenario.heard('c', '10:00:01.5', 'T1', true, peer => 14),
       scenario.whole('c', '10:00:03', 'T1');
SELECT scenario.stay('d', 'T1', '09:59:59', '2 00:00:05'), scenario.stay('a', 'T1', '10:00:02', '2 00:00:05'),
       scenario.stay('b', 'T1', '10:00:02', '2 00:00:04', 'sizelimit'), scenario.stay('c', 'T1', '10:00:03');
-- T2: d is told too late, c not at all; b lets it go on the same day.
SELECT scenario.heard('a', '11:00:00', 'T2', peer => 11), scenario.heard('b', '11:00:00.3', 'T2', peer => 12), scenario.heard('d', '11:10:00.1', 'T2'),
       scenario.whole('a', '11:00:01', 'T2'), scenario.stay('b', 'T2', '11:00:02', '11:30:00', 'conflict');
-- T3 by txid only, T4 by wtxid only, never seen whole. S has no witness, so that its two ids are the same.
SELECT scenario.heard('a', '12:30:00', 'T3', true), scenario.heard('c', '12:30:01', 'T4');
INSERT INTO peerscope.tx_sighting (node_id, run_id, ts, clk, seq, peer_id, hash, is_wtxid, via)
VALUES (scenario.id('a'), 100, scenario.at('12:40:00'), 1, 900, 1, scenario.known('S'), true, 'inv'),
       (scenario.id('c'), 300, scenario.at('12:40:02'), 1, 901, 1, scenario.known('S'), false, 'inv');
-- T5 crosses midnight; T6 was told on the day before, and is told again.
SELECT scenario.heard('a', '23:59:59.9', 'T5'), scenario.heard('b', '2 00:00:00.4', 'T5'), scenario.heard('c', '2 00:00:01.9', 'T5'),
       scenario.heard('d', '2 00:00:02.9', 'T5'), scenario.heard('late', '2 00:00:03.9', 'T5');
INSERT INTO peerscope.tx_sighting (node_id, run_id, ts, clk, seq, peer_id, hash, is_wtxid, via)
VALUES (scenario.id('d'), 400, '2026-06-30 20:00+00', 1, 902, 1, scenario.known('wT6'), true, 'inv');
SELECT scenario.heard('a', '09:00:00', 'T6');
-- b's row of T7 is of 30 June by its own clock: it is the first all the same.
SELECT scenario.heard('b', '00:00:01', 'T7'), scenario.heard('a', '00:00:02', 'T7');

SELECT scenario.session('a', 11, '1.1.1.1:8333', '08:00:00', NULL, bytes => 2000000, agent => '/x/'), scenario.session('b', 12, '1.1.1.1:8333', '08:00:00', NULL, bytes => 2000000, agent => '/x/'),
       scenario.session('c', 14, '2.2.2.2:8333', '08:00:00', '2 00:00:06', bytes => 500000, agent => '/y/', evicted => true),
       scenario.session('c', 13, '3.3.3.3:8333', '08:00:00', NULL, bytes => 500000);
SELECT scenario.newest_event('2 00:20:00');
SELECT scenario.dirty(d) FROM unnest(ARRAY['2026-06-30', '2026-07-01', '2026-07-02']::date[]) d;
CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');

-- T1: delays of 0, 1000 and 1500 ms: median 1000, the ninetieth percentile 0.8 of the way from the second to the third. Eligible are a, b
-- and c. The error: b's clock ±2 ms, and the first's ±0.1.
-- T2: 0 and 300 ms; eligible a, b, c, d. T5: 0, 500, 2000, 3000, 4000; eligible all five. T7: 0 and 1000 ms of a, b, c, d.
SELECT scenario.expect('a transaction''s way through the fleet',
  $$ SELECT scenario.name_of(wtxid) AS wtxid, scenario.name_of(txid) AS txid, to_char(t0, 'DD HH24:MI:SS.MS') AS at, nodes, eligible,
            round(p50_ms::numeric, 3) AS p50, round(p90_ms::numeric, 3) AS p90, coverage, removal_reason, round(error_ms::numeric, 3) AS error
       FROM (SELECT wtxid, coalesce(txid, '\x') AS txid, t0, nodes, eligible, p50_ms, p90_ms, coverage, removal_reason, error_ms FROM peerscope.tx_propagation) t
      ORDER BY t0 $$,
  $$
  wT6||30 20:00:00.000|1|4|0.000|0.000|0.25|∅|0.200
  wT7||01 00:00:01.000|2|4|500.000|900.000|0.5|∅|4.000
  wT1|T1|01 10:00:00.000|3|3|1000.000|1400.000|1|block|2.100
  wT2|T2|01 11:00:00.000|2|4|150.000|270.000|0.5|conflict|2.100
  ∅|T3|01 12:30:00.000|1|5|0.000|0.000|0.2|∅|0.200
  wT4||01 12:30:01.000|1|5|0.000|0.000|0.2|∅|0.200
  S||01 12:40:00.000|2|5|1000.000|1800.000|0.4|∅|0.200
  wT5||01 23:59:59.900|5|5|2000.000|3600.000|1|∅|2.100
  $$);

-- On the day after, what most nodes say: block twice, sizelimit once. Conflict was said a day before.
SELECT scenario.stay('a', 'T2', '11:00:02', '2 00:15:00');
SELECT scenario.newest_event('2 00:30:00'), scenario.dirty('2026-07-02');
CALL peerscope.digest();
SELECT scenario.expect('the first day on which a mempool let it go says why',
  $$ SELECT scenario.name_of(txid) AS tx, removal_reason FROM peerscope.tx_propagation WHERE removal_reason IS NOT NULL ORDER BY t0 $$,
  $$
  T1|block
  T2|conflict
  $$);

-- The last ten minutes are too fresh to judge coverage by.
SELECT scenario.heard('a', '2 00:25:00', 'T8');
SELECT scenario.dirty('2026-07-02');
CALL peerscope.digest();
SELECT scenario.expect('nobody is eligible until the time has passed in which it should have been told',
  $$ SELECT nodes, eligible, coverage FROM peerscope.tx_propagation WHERE wtxid = scenario.hash('wT8') $$, '1|0|∅');

-- Credits. Peer 11 of a: T1, T2; peer 12 of b: T1, T2; peer 14 of c: T1, which peer 13 told only later. Two sessions of 2 MB each.
SELECT scenario.expect('who told a node first gets the credit, by host and agent',
  $$ SELECT peer, "group", agent, nodes, sessions, first_blocks, first_transactions, megabytes, first_transactions_per_mb, evicted
       FROM peerscope.peer_value ORDER BY peer $$,
  $$
  1.1.1.1|1.1.1.0/24|/x/|2|2|0|4|4|1|0
  2.2.2.2|2.2.2.0/24|/y/|1|1|0|1|0.5|2|1
  3.3.3.3|3.3.3.0/24|/Satoshi:30.0.0/|1|1|0|0|0.5|0|0
  $$);
-- A block that c's peer 13 announces first and peer 14 second; and one that a mined itself.
SELECT scenario.header('c', '2 00:26:00', 'B1', 'before'), scenario.message('c', '2 00:26:00', 'B1', 'inv', 13, true),
       scenario.message('c', '2 00:26:00.1', 'B1', 'cmpctblock', 14, true), scenario.connect('c', '2 00:26:01', 'B1', 101, removed => 1990);
SELECT scenario.connect('a', '2 00:26:02', 'B2', 102, removed => 1999), scenario.header('a', '2 00:26:02', 'B2', 'B1');
SELECT scenario.commit();
SELECT scenario.dirty('2026-07-02');
CALL peerscope.digest();
SELECT scenario.expect('a block is the credit of who named it first, and nobody''s when it was mined here',
  $$ SELECT peer, first_blocks, first_blocks_per_mb FROM peerscope.peer_value ORDER BY peer $$,
  $$
  1.1.1.1|0|0
  2.2.2.2|0|0
  3.3.3.3|1|2
  $$);

-- Of 2000 transactions one is the coinbase: 1990 left the mempool of c, 1999 that of a, which made the block of them. d's removals
-- were captured until one second after its block only.
SELECT scenario.connect('d', '2 00:27:00', 'B1', 101, removed => 5);
UPDATE peerscope.capture_interval SET valid_to = scenario.at('2 00:27:00.5') WHERE node_id = scenario.id('d') AND tracepoint = 'mempool:removed';
SELECT scenario.commit(), scenario.dirty('2026-07-02');
CALL peerscope.digest();
SELECT scenario.expect('what of a block was not in a mempool, where it is known',
  $$ SELECT height, node, missing, scenario.name_of(block_hash) AS block, transactions FROM peerscope.missing_at_block ORDER BY height, node $$,
  $$
  101|c|9|B1|2000
  101|d|∅|B1|2000
  102|a|0|B2|2000
  $$);

INSERT INTO peerscope.mempool_reject_hour (node_id, hour, reason, count) VALUES
  (1, '2026-07-02 00:00+00', 'min relay fee not met', 7),
  (1, '2026-07-02 00:00+00', 'mempool-script-verify-flag-failed (Signature must be zero for failed CHECK(MULTI)SIG operation)', 3),
  (1, '2026-07-02 00:00+00', 'TRUC-violation, tx x would exceed descendant count limit', 2),
  (1, '2026-07-02 00:00+00', 'of a Core to come', 1);
SELECT scenario.expect('reasons to refuse a transaction fall into classes',
  $$ SELECT node, reject_class, count FROM peerscope.mempool_rejects ORDER BY count DESC $$,
  $$
  a|fee|7
  a|script|3
  a|limits|2
  a|other|1
  $$);
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');
