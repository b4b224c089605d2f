-- Two processes in one day: the host of cut lost power at 12:00 and came back at 12:30, and nothing told of the end of what had run.
\ir lib/peers.sql

SELECT scenario.node('cut'), scenario.node('steady'), scenario.node('uncut');
SELECT scenario.watch();
-- Ten peers of cut, last heard at 12:00:00; Core numbers the new ones from 0 again.
SELECT scenario.session('cut', i, i || '.1.1.1:1', '06:00:00', NULL, last => '12:00:00') FROM generate_series(1, 10) i;
-- X was in all mempools; Y only in that of cut; Z came later to steady and uncut, while cut was down.
SELECT scenario.stay(n, 'X', '11:00:00') FROM unnest(ARRAY['cut', 'steady', 'uncut']) n;
SELECT scenario.stay('cut', 'Y', '11:00:00');
SELECT scenario.stay(n, 'Z', '12:10:00') FROM unnest(ARRAY['steady', 'uncut']) n;

INSERT INTO peerscope.process_run (node_id, run_id, stream_id, started_at, user_agent)
VALUES (scenario.id('cut'), 999, scenario.id('cut') * 10, scenario.at('12:30:00'), '/Satoshi:30.0.0/');
INSERT INTO peerscope.capture_interval (node_id, run_id, tracepoint, valid_from)
SELECT scenario.id('cut'), 999, tracepoint, scenario.at('12:30:00') FROM peerscope.capture_interval WHERE node_id = scenario.id('steady');
SELECT scenario.session('cut', i, i || '.1.1.1:1', '12:30:00', NULL, last => '15:00:00') FROM generate_series(1, 10) i;
-- From its file the new process has X and Y again, and is told of W with the others.
SELECT scenario.stay('cut', 'X', '12:30:10'), scenario.stay('cut', 'Y', '12:30:10');
SELECT scenario.stay(n, 'W', '12:45:00') FROM unnest(ARRAY['cut', 'steady', 'uncut']) n;
SELECT scenario.newest_event('15:00:00'), scenario.dirty('2026-07-01');
CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');

-- At 12:00 the old process is at its end: X in both, Y at cut alone. Until 12:40 the new one is not known for ten minutes; then what
-- nobody had before 12:30 counts: nothing at 12:40, W at 12:50. At steady and uncut X and Z are the same all the time, and W from 12:50.
SELECT scenario.expect('a mempool is known as long as its process ran, and counts once',
  $$ SELECT to_char(at, 'HH24:MI') AS at, node_a, node_b, common, only_a, only_b FROM peerscope.mempool_divergence
      WHERE at IN (scenario.at('11:50:00'), scenario.at('12:10:00'), scenario.at('12:40:00'), scenario.at('12:50:00'))
      ORDER BY mempool_divergence.at, node_a, node_b $$,
  $$
  11:50|cut|steady|1|1|0
  11:50|cut|uncut|1|1|0
  11:50|steady|uncut|1|0|0
  12:10|steady|uncut|1|0|0
  12:40|cut|steady|0|0|0
  12:40|cut|uncut|0|0|0
  12:40|steady|uncut|2|0|0
  12:50|cut|steady|1|0|0
  12:50|cut|uncut|1|0|0
  12:50|steady|uncut|3|0|0
  $$);
SELECT scenario.expect('the half hour without a process is not captured, and peers are counted in the other half',
  $$ SELECT to_char(h.hour, 'HH24') AS hour, captured_s, inbound FROM peerscope.node_hour h
      WHERE node_id = scenario.id('cut') AND hour BETWEEN scenario.at('11:00:00') AND scenario.at('13:00:00') ORDER BY 1 $$,
  $$
  11|3600|10
  12|1800|10
  13|3600|10
  $$);
SELECT scenario.expect('nor does it make the node eligible',
  $$ SELECT to_char(covered_from, 'DD HH24:MI') AS since, to_char(covered_to, 'DD HH24:MI') AS until FROM peerscope.coverage_span
      WHERE node_id = scenario.id('cut') AND day = '2026-07-01' AND tracepoint = 'net:inbound_message' ORDER BY covered_from $$,
  $$
  30 00:00|01 12:00
  01 12:30|01 15:00
  $$);
SELECT scenario.expect('nor is anything of it alarming', $$ SELECT node, kind FROM peerscope.alert WHERE kind IN ('inbound_drop', 'mempool_divergence') $$, '');

-- The next day the same happens to steady, whose clock says 08:00 when it comes back at 12:30. By it two processes ran from 08:00 to 12:00.
UPDATE peerscope.peer_session SET last_ts = scenario.at('2 15:00:00') WHERE node_id = scenario.id('cut') AND run_id = 999;
SELECT scenario.session('steady', 1, '1.1.1.1:1', '06:00:00', NULL, last => '2 12:00:00');
INSERT INTO peerscope.process_run (node_id, run_id, stream_id, started_at, user_agent)
VALUES (scenario.id('steady'), 998, scenario.id('steady') * 10, scenario.at('2 08:00:00'), '/Satoshi:30.0.0/');
INSERT INTO peerscope.capture_interval (node_id, run_id, tracepoint, valid_from)
SELECT node_id, 998, tracepoint, scenario.at('2 08:00:00') FROM peerscope.capture_interval WHERE node_id = scenario.id('steady');
INSERT INTO peerscope.clock_segment (node_id, clk, valid_from, corr_ns, eps_ns, reference, quality)
VALUES (scenario.id('steady'), 2, scenario.at('2 08:00:00'), 16200000000000, 100000, '00000000-0000-0000-0000-000000000001', 'exchange');
INSERT INTO peerscope.mempool_entry (node_id, run_id, txid, added_at, clk, vsize, fee)
SELECT node_id, 998, txid, scenario.at('2 08:00:10'), 2, vsize, fee FROM peerscope.mempool_entry WHERE node_id = scenario.id('steady');
SELECT scenario.newest_event('2 15:00:00');
UPDATE peerscope.stream SET last_event_at = scenario.at('2 10:30:00') WHERE node_id = scenario.id('steady');
SELECT scenario.dirty('2026-07-02');
CALL peerscope.digest();
SELECT scenario.expect('a clock that a reboot set back fails nothing', $$ SELECT scenario.digest_errors() AS errors $$, '∅');
-- Until the reboot X, Z and W are in both; after it nothing that nobody had before.
SELECT scenario.expect('and a node is still compared once at a time',
  $$ SELECT count(*) AS samples, count(DISTINCT at) AS times, max(common) AS common, max(only_a + only_b) AS others
       FROM peerscope.mempool_divergence
      WHERE node_a = 'steady' AND node_b = 'uncut' AND at >= scenario.at('2 00:00:00') AND at < scenario.at('2 12:00:00') $$,
  '72|72|3|0');
