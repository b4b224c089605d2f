-- Three nodes whose clocks are 5 s behind, right, and 2 s ahead get a block 0, 40 and 700 ms after one of the fleet's own
-- nodes began to validate what it had mined.
\ir lib/blocks.sql

SELECT scenario.node('miner', '0', 0.1);
SELECT scenario.node('near', '5 s', 0.5);
SELECT scenario.node('far', '-2 s', 1);
SELECT scenario.node('unsure', '0', 50);

-- The miner: validation from 12:00:00.000 to .010, announced at .012.
SELECT scenario.header('miner', '12:00:00.010', 'block', 'parent', '/solo.ckpool.org/');
SELECT scenario.connect('miner', '12:00:00.010', 'block', 100, 10);
SELECT scenario.message('miner', '12:00:00.012', 'block', 'cmpctblock', 7, false);
-- near: hears at .040, tells others before it has validated, connects at .100 after 50 ms.
SELECT scenario.message('near', '12:00:00.040', 'block', 'cmpctblock', 3, true, NULL, 9000, 1, 1999);
SELECT scenario.message('near', '12:00:00.045', 'block', 'cmpctblock', 4, false, NULL, 9000, 1, 1999);
SELECT scenario.connect('near', '12:00:00.100', 'block', 100, 50);
SELECT scenario.message('near', '12:00:00.101', 'block', 'headers', 5, false);
-- far: busy with another block from .600 to .690, takes the message up at .700 right behind it.
SELECT scenario.header('far', '11:59:00', 'other', 'grandparent');
SELECT scenario.connect('far', '12:00:00.690', 'other', 99, 90);
SELECT scenario.message('far', '12:00:00.700', 'block', 'headers', 1, true);
SELECT scenario.message('far', '12:00:00.701', 'block', 'getdata', 1, false);
SELECT scenario.message('far', '12:00:00.800', 'block', 'block', 1, true, NULL, 1500000);
SELECT scenario.connect('far', '12:00:01.000', 'block', 100, 150);
-- unsure: 45 ms after the start, by a clock that may be 50 ms off.
SELECT scenario.message('unsure', '12:00:00.045', 'block', 'inv', 2, true);

SELECT scenario.commit();
CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');

-- Stage s0 counts from the miner's start: 40, 700, 45 ms. Earliest for far is 700 - 100 ms of queue - 1 ms of error, against
-- the miner's latest 0.1 ms; near: 40 - 0.5 - 0.1. Others' earliest: the miner's -0.1 ms, but unsure's 45 - 50 = -5 for
-- all but itself. unsure may be as early as -5 ms: not significant.
SELECT scenario.expect('each node''s skew and its bounds count from the validation of the miner, clocks and queues included',
  $$ SELECT node, stage, round(skew_ms::numeric, 3) AS skew, round(skew_lo_ms::numeric, 3) AS lo,
            round(skew_hi_ms::numeric, 3) AS hi, round(queue_ms::numeric, 3) AS queue, significant
       FROM peerscope.block_arrival_skew
      WHERE block_hash = scenario.hash('block') AND stage IN ('s0', 's6') ORDER BY stage, skew_ms $$,
  $$
  near|s0|40.000|39.400|45.500|∅|true
  unsure|s0|45.000|0.000|95.100|∅|false
  far|s0|700.000|598.900|706.000|100.000|true
  miner|s6|0.000|0.000|0.000|∅|false
  near|s6|90.000|89.400|90.600|∅|true
  far|s6|990.000|988.900|991.100|∅|true
  $$);

SELECT scenario.expect('a day''s skews are found by time, and another day has none',
  $$ SELECT count(*) FILTER (WHERE at >= '2026-07-01' AND at < '2026-07-02') AS that_day,
            count(*) FILTER (WHERE at < '2026-07-01' OR at >= '2026-07-02') AS others
       FROM peerscope.block_arrival_skew WHERE block_hash = scenario.hash('block') $$, '13|0');

SELECT scenario.expect('the life of the block is told in corrected time',
  $$ SELECT node, to_char(s0, 'SS.MS') AS s0, to_char(s1, 'SS.MS') AS s1, to_char(s2, 'SS.MS') AS s2,
            to_char(s3, 'SS.MS') AS s3, to_char(s4, 'SS.MS') AS s4, to_char(s5, 'SS.MS') AS s5,
            to_char(s6, 'SS.MS') AS s6, to_char(s7, 'SS.MS') AS s7, mode, completed_by, first_peer
       FROM peerscope.block_stage_latency WHERE block_hash = scenario.hash('block') ORDER BY node $$,
  $$
  far|00.700|00.701|∅|∅|00.800|∅|01.000|∅|block|1|1
  miner|∅|∅|∅|∅|∅|00.012|00.010|00.012|local|∅|∅
  near|00.040|∅|00.040|∅|∅|00.045|00.100|00.101|compact|3|3
  unsure|00.045|∅|∅|∅|∅|∅|∅|∅|∅|∅|2
  $$);

-- Delays since the start of the miner's validation. s0: 40, 45, 700; s6: 10, 100, 1000, and the other block's only node
-- does not count. p90 of three lies at 1.8 of 0 to 2: 45 + 0.8 * 655, 100 + 0.8 * 900; p99 at 1.98. Mean 261 2/3 and
-- 370 ms. No delay is off by more than unsure's 50 ms and the miner's 0.1.
SELECT scenario.expect('the day''s propagation counts from when the fleet first knew',
  $$ SELECT day, stage, blocks, nodes, round(p50_ms::numeric, 3) AS p50, round(p90_ms::numeric, 3) AS p90,
            round(p99_ms::numeric, 3) AS p99, round(expected_stale::numeric, 9) AS stale, round(error_ms::numeric, 3) AS error
       FROM peerscope.block_propagation_daily WHERE stage IN ('s0', 's6') ORDER BY stage $$,
  $$
  2026-07-01|s0|1|3|45.000|569.000|686.900|0.000436016|50.100
  2026-07-01|s6|1|3|100.000|820.000|982.000|0.000616477|1.100
  $$);

-- A gap in far's capture from 11:59 to 12:00:00.5: it may have heard of the block meanwhile.
UPDATE peerscope.capture_interval SET valid_to = scenario.clock('far', '11:59:00') WHERE node_id = scenario.id('far');
INSERT INTO peerscope.capture_interval (node_id, run_id, tracepoint, valid_from)
SELECT node_id, run_id, tracepoint, scenario.clock('far', '12:00:00.5')
  FROM peerscope.capture_interval WHERE node_id = scenario.id('far');
INSERT INTO peerscope.dirty_day (node_id, day) VALUES (scenario.id('far'), '2026-07-01');
CALL peerscope.digest();
SELECT scenario.expect('a node that was not looking when the fleet got to know a block is not counted',
  $$ SELECT stage, nodes, round(p99_ms::numeric, 3) AS p99 FROM peerscope.block_propagation_daily
      WHERE stage IN ('s0', 's6') ORDER BY stage $$,
  $$
  s0|2|44.950
  s6|2|99.100
  $$);

-- Computing a day again changes nothing, not even the rows' versions.
CREATE TABLE scenario.before AS SELECT ctid AS version, hash, node_id, stage FROM peerscope.block_skew;
INSERT INTO peerscope.dirty_day (node_id, day) VALUES (scenario.id('far'), '2026-07-01');
CALL peerscope.digest();
SELECT scenario.expect('computing a day again changes no row',
  $$ SELECT count(*) FROM peerscope.block_skew s FULL JOIN scenario.before b USING (hash, node_id, stage)
      WHERE s.ctid IS DISTINCT FROM b.version $$, '0');

-- The same block a week later at a node in initial download is no propagation.
SELECT peerscope.ensure_day('2026-07-08');
SELECT scenario.node('late');
SELECT scenario.message('late', '8 09:00:00', 'block', 'headers', 1, true);
SELECT scenario.connect('late', '8 09:00:01', 'block', 100);
UPDATE peerscope.stream SET last_event_at = scenario.at('8 09:00:02') WHERE node_id = scenario.id('late');
INSERT INTO peerscope.dirty_day (node_id, day) VALUES (scenario.id('late'), '2026-07-08');
SELECT scenario.commit();
CALL peerscope.digest();
SELECT scenario.expect('a block fetched in initial download is not compared',
  $$ SELECT count(*) FILTER (WHERE node = 'late') AS late, count(DISTINCT node) FROM peerscope.block_arrival_skew
      WHERE block_hash = scenario.hash('block') $$, '0|4');
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');
