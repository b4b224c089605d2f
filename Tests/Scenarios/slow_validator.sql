-- Two builds validate the same 600 blocks; the older one is slower, and not evenly so.
\ir lib/blocks.sql

SELECT scenario.node('old', agent => '/Satoshi:27.1.0/'), scenario.node('new1', agent => '/Satoshi:31.0.0/'),
       scenario.node('new2', agent => '/Satoshi:31.0.0/'), scenario.node('idle', agent => '/Satoshi:26.0.0/');
UPDATE peerscope.node SET labels = '{"host": "rack 7"}' WHERE name = 'new2';
-- new1 was started with the first block, a second before it.
UPDATE peerscope.process_run SET started_at = scenario.at('00:09:59') WHERE node_id = scenario.id('new1');

-- Block i of 0 ... 599 every 30 s from 00:10 on. new1 takes 10 to 20 ms; new2 2 ms more; old takes 1.1, 1.2 or 1.3 times what new1
-- takes, in turns of 144 blocks. Block 5 is empty: its one input is the coinbase's.
SELECT scenario.connect(node, to_char(time '00:10' + i * interval '30 s', 'HH24:MI:SS'), 'block ' || i, 500000 + i, ms,
                        CASE i WHEN 5 THEN 1 ELSE 1001 END)
  FROM generate_series(0, 599) i,
       LATERAL (VALUES ('new1', 10 + (i * 7919 % 1000) / 100.0), ('new2', 12 + (i * 7919 % 1000) / 100.0),
                       ('old', (10 + (i * 7919 % 1000) / 100.0) * (1.1 + i / 144 % 3 * 0.1))) AS v (node, ms);
-- One that old connects a second time, from its signature cache.
SELECT scenario.connect('old', '06:00:00', 'block 0', 500000, 1);

-- Flushes, each right after a block: node, block, mode, for pruning.
INSERT INTO peerscope.utxocache_flush (node_id, run_id, ts, clk, seq, duration_us, mode, coins, bytes, for_prune)
SELECT scenario.id(node), scenario.run(node),
       scenario.at(to_char(time '00:10' + after * interval '30 s', 'HH24:MI:SS')) + interval '1 s', 1,
       (SELECT max(seq) FROM peerscope.block_connected c
         WHERE c.node_id = scenario.id(node) AND c.hash = scenario.hash('block ' || after)) , 1000, mode, 1000, 1000000, prune
  FROM (VALUES ('new1', 100, 1, false),  -- while it is cold anyway
               ('new1', 200, 1, false),  -- for want of room
               ('new1', 210, 1, true),   -- for pruning: writes only
               ('new1', 220, 2, false),  -- five minutes after the one before: the cache was large
               ('new1', 230, 2, true),   -- for pruning
               ('new1', 300, 3, false),  -- told to empty
               ('new1', 310, 4, false),  -- told to write
               ('new1', 430, 2, false),  -- an hour after the one before: in its time
               ('old', 400, 2, true),    -- before v28 every flush empties
               ('new2', 400, 2, true)) AS v (node, after, mode, prune);

SELECT scenario.commit();
CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');

SELECT scenario.expect('a validation is told with its build, its host and its cost by input',
  $$ SELECT node, user_agent, host, cache_state, height, duration_ns, inputs, round(ns_per_input::numeric, 3) AS ns_per_input
       FROM peerscope.block_validation_benchmark WHERE height IN (500000, 500005) ORDER BY height, node $$,
  $$
  new1|/Satoshi:31.0.0/|host-of-new1|cold|500000|10000000|1001|10000.000
  new2|/Satoshi:31.0.0/|rack 7|warm|500000|12000000|1001|12000.000
  old|/Satoshi:27.1.0/|host-of-old|warm|500000|11000000|1001|11000.000
  new1|/Satoshi:31.0.0/|host-of-new1|cold|500005|15950000|1|∅
  new2|/Satoshi:31.0.0/|rack 7|warm|500005|17950000|1|∅
  old|/Satoshi:27.1.0/|host-of-old|warm|500005|17545000|1|∅
  $$);
SELECT scenario.expect('the coins cache is cold for 144 blocks after the start, emptied after flushes that empty it, else warm',
  $$ SELECT node, cache_state, count(*), CASE WHEN count(*) < 10 THEN string_agg((height - 500000)::text, ' ' ORDER BY height)
            ELSE min(height - 500000) || ' to ' || max(height - 500000) END AS blocks
       FROM peerscope.block_validation_benchmark GROUP BY node, cache_state ORDER BY node, cache_state $$,
  $$
  new1|cold|144|0 to 143
  new1|emptied|3|201 221 301
  new1|warm|453|144 to 599
  new2|warm|600|0 to 599
  old|emptied|1|401
  old|warm|599|0 to 599
  $$);

-- Computed apart from the database, in Python: the sums of the durations, and numpy.percentile of the ratios of 1000 draws of five
-- runs (144, 144, 144, 144, 24 blocks), run number int(md5(f"{draw}:{place}").hexdigest()[:8], 16) % 5. 20 000 draws
-- of numpy's own generator give the same percentiles, since five runs can be drawn in few ways only.
SELECT scenario.expect('two nodes are compared on the blocks that both validated, with an interval of their ratio',
  $$ SELECT blocks, round(base_s::numeric, 6) AS base_s, round(candidate_s::numeric, 6) AS candidate_s, round(ratio::numeric, 6) AS ratio,
            round(ratio_lo::numeric, 6) AS lo, round(ratio_hi::numeric, 6) AS hi, runs
       FROM peerscope.block_validation_comparison('new1', 'old', 500000, 500599) $$,
  $$ 600|9.003000|10.585192|1.175741|1.103979|1.259848|5 $$);
-- The two nodes of the newer build stand for it together: their mean is 1 ms above new1.
SELECT scenario.expect('user agents stand for all processes that gave them',
  $$ SELECT blocks, round(base_s::numeric, 6) AS base_s, round(candidate_s::numeric, 6) AS candidate_s, runs
       FROM peerscope.block_validation_comparison('/Satoshi:31.0.0/', '/Satoshi:27.1.0/', 500000, 500599) $$,
  $$ 600|9.603000|10.585192|5 $$);
SELECT scenario.expect('from less than two runs of blocks there is a ratio, but no interval',
  $$ SELECT blocks, round(ratio::numeric, 6) AS ratio, ratio_lo, ratio_hi, runs
       FROM peerscope.block_validation_comparison('new1', 'old', 500000, 500099) $$, '100|1.100000|∅|∅|1');
SELECT scenario.expect('without a common block there is nothing to say',
  $$ SELECT blocks, base_s, ratio, ratio_lo, runs FROM peerscope.block_validation_comparison('new1', 'idle', 500000, 500599) $$,
  '0|∅|∅|∅|0');

-- The events of the next day go on where these ended: the cache that a flush emptied at 23:59 is empty for the first block of it.
INSERT INTO peerscope.utxocache_flush (node_id, run_id, ts, clk, seq, duration_us, mode, coins, bytes, for_prune)
VALUES (scenario.id('new1'), scenario.run('new1'), scenario.at('23:59:00'), 1, nextval('scenario.seq'), 1000, 3, 1000, 1000000, false);
SELECT scenario.connect('new1', '2 00:05:00', 'block 600', 500600), scenario.connect('new1', '2 00:06:00', 'block 601', 500601);
SELECT scenario.commit();
INSERT INTO peerscope.dirty_day (node_id, day) VALUES (scenario.id('new1'), '2026-07-02');
CALL peerscope.digest();
SELECT scenario.expect('midnight changes nothing of the cache''s state',
  $$ SELECT height, cache_state FROM peerscope.block_validation_benchmark WHERE height >= 500600 ORDER BY height $$,
  $$
  500600|emptied
  500601|warm
  $$);
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');
