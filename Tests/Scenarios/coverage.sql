-- Where each node was looking: gaps, a second process, a clock an hour behind, and an initial download.
\ir lib/blocks.sql

SELECT scenario.node('whole', '1 hour'), scenario.node('gap'), scenario.node('restarted'), scenario.node('syncing'),
       scenario.node('reindexing');

-- gap: nothing of inbound messages from 10:00 to 10:05.
UPDATE peerscope.capture_interval SET valid_to = scenario.at('10:00:00')
 WHERE node_id = scenario.id('gap') AND tracepoint = 'net:inbound_message';
INSERT INTO peerscope.capture_interval (node_id, run_id, tracepoint, valid_from)
VALUES (scenario.id('gap'), scenario.run('gap'), 'net:inbound_message', scenario.at('10:05:00'));

-- restarted: the first process was killed unseen, the next one began at 15:00 and is captured from 15:00:01 on.
INSERT INTO peerscope.process_run (node_id, run_id, stream_id, started_at)
VALUES (scenario.id('restarted'), 999, scenario.id('restarted') * 10, scenario.at('15:00:00'));
INSERT INTO peerscope.capture_interval (node_id, run_id, tracepoint, valid_from)
VALUES (scenario.id('restarted'), 999, 'net:inbound_message', scenario.at('15:00:01'));

-- syncing: started at 06:00, connects blocks of years ago, and at 09:00 the first one of yesterday noon.
UPDATE peerscope.process_run SET started_at = scenario.at('06:00:00') WHERE node_id = scenario.id('syncing');
UPDATE peerscope.capture_interval SET valid_from = scenario.at('06:00:00') WHERE node_id = scenario.id('syncing');
SELECT scenario.header('syncing', '06:01:00', 'old', 'older', age => '9 years'), scenario.connect('syncing', '06:01:00', 'old', 5);
SELECT scenario.header('syncing', '06:01:00', 'recent', 'old', age => '18 hours'), scenario.connect('syncing', '09:00:00', 'recent', 6);
-- An old block after that does not take it back: Core leaves initial download for good.
SELECT scenario.connect('syncing', '09:10:00', 'old', 5);
-- reindexing: at it for days; its own clock is set by mocktime, ten days ahead, and so are its blocks.
UPDATE peerscope.process_run SET node_clock_lo_s = 863999.5, node_clock_hi_s = 864000.5 WHERE node_id = scenario.id('reindexing');
SELECT scenario.header('reindexing', '06:01:00', 'of the past', 'old', age => '-8 days'),
       scenario.connect('reindexing', '06:01:00', 'of the past', 7);
-- whole: connects a block of mocktime's age, which is new by its clock.
SELECT scenario.connect('whole', '12:00:00', 'new', 8);

SELECT scenario.commit();
CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');

SELECT scenario.expect('each node''s spans in corrected time, of the day and what lies around it',
  $$ SELECT n.name, to_char(c.covered_from, 'DD HH24:MI:SS') AS covered_from, to_char(c.covered_to, 'DD HH24:MI:SS') AS covered_to,
            c.downloading
       FROM peerscope.coverage_span c JOIN peerscope.node n USING (node_id)
      WHERE c.day = '2026-07-01' AND c.tracepoint = 'net:inbound_message' ORDER BY n.name, c.covered_from $$,
  $$
  gap|30 00:00:00|01 10:00:00|false
  gap|01 10:05:00|02 00:00:10|false
  reindexing|30 00:00:00|02 00:00:10|true
  restarted|30 00:00:00|01 15:00:00|false
  restarted|01 15:00:01|02 00:00:10|false
  syncing|01 06:00:00|01 09:00:00|true
  syncing|01 09:00:00|02 00:00:10|false
  whole|30 00:00:00|02 00:00:10|false
  $$);
SELECT scenario.expect('each tracepoint has its own spans',
  $$ SELECT tracepoint, count(*) FROM peerscope.coverage_span c JOIN peerscope.node n USING (node_id)
      WHERE n.name = 'gap' AND c.day = '2026-07-01' GROUP BY tracepoint ORDER BY tracepoint $$,
  $$
  net:inbound_message|2
  net:outbound_message|1
  validation:block_connected|1
  $$);
SELECT scenario.expect('a node is eligible where it was captured and not in initial download',
  $$ SELECT n.name, v.captured @> scenario.at('07:00:00') AS captured_at_7, v.synced @> scenario.at('07:00:00') AS synced_at_7,
            v.synced @> tstzrange(scenario.at('09:59:00'), scenario.at('10:01:00')) AS synced_around_10
       FROM peerscope.node_coverage v JOIN peerscope.node n USING (node_id) ORDER BY n.name $$,
  $$
  gap|true|true|false
  reindexing|true|false|false
  restarted|true|true|true
  syncing|true|false|true
  whole|true|true|true
  $$);
