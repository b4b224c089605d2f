-- A partition of the network: three nodes with one side, two with the other, from height 101 on. Each side makes blocks; the
-- smaller one makes more, and when the partition heals everybody takes its branch.
\ir lib/blocks.sql

SELECT scenario.node(n) FROM unnest(ARRAY['a1', 'a2', 'a3', 'b1', 'b2']) n;

SELECT scenario.header('a1', '10:00:00', 'root', 'before');
SELECT scenario.gets(n, '10:00:00', 'root', 100) FROM unnest(ARRAY['a1', 'a2', 'a3', 'b1', 'b2']) n;

SELECT scenario.header('a1', '10:10:00', 'A1', 'root'), scenario.header('a1', '10:20:00', 'A2', 'A1');
SELECT scenario.gets(n, '10:10:00', 'A1', 101), scenario.gets(n, '10:20:00', 'A2', 102)
  FROM unnest(ARRAY['a1', 'a2', 'a3']) n;
SELECT scenario.header('b1', '10:08:00', 'B1', 'root'), scenario.header('b1', '10:18:00', 'B2', 'B1');
SELECT scenario.gets(n, '10:08:00', 'B1', 101), scenario.gets(n, '10:18:00', 'B2', 102) FROM unnest(ARRAY['b1', 'b2']) n;

SELECT scenario.commit();
CALL peerscope.digest();
SELECT scenario.expect('while the partition lasts, the branch of fewer nodes counts as stale, though it came first',
  $$ SELECT height, scenario.names_of(block_hashes) AS blocks, scenario.name_of(kept_hash) AS kept
       FROM peerscope.stale_blocks ORDER BY height $$,
  $$
  101|B1|A1
  102|B2|A2
  $$);
SELECT scenario.expect('nobody has changed over', $$ SELECT count(*) FROM peerscope.reorganisations $$, '0');

-- b1 makes a third block; at 10:40 the sides meet: a1 and a2 fetch what they lack and change over; a3 was killed before, and
-- stays with what it had.
SELECT scenario.header('b1', '10:28:00', 'B3', 'B2');
SELECT scenario.gets(n, '10:28:00', 'B3', 103) FROM unnest(ARRAY['b1', 'b2']) n;
SELECT scenario.message(n, '10:40:00', 'B3', 'headers', 9, true),
       scenario.connect(n, '10:40:01', 'B1', 101), scenario.connect(n, '10:40:01.1', 'B2', 102),
       scenario.connect(n, '10:40:01.2', 'B3', 103)
  FROM unnest(ARRAY['a1', 'a2']) n;
SELECT scenario.commit();
INSERT INTO peerscope.dirty_day (node_id, day) SELECT node_id, '2026-07-01' FROM peerscope.node;
CALL peerscope.digest();

SELECT scenario.expect('after it has healed, the branch that was left is stale',
  $$ SELECT height, scenario.names_of(block_hashes) AS blocks, array_to_string(first_nodes, ' ') AS nodes,
            scenario.name_of(kept_hash) AS kept
       FROM peerscope.stale_blocks ORDER BY height $$,
  $$
  101|A1|a1|B1
  102|A2|a1|B2
  $$);
SELECT scenario.expect('the nodes of the losing side left two blocks for the third of the other',
  $$ SELECT node, to_char(at, 'HH24:MI:SS.MS') AS at, scenario.name_of("from") AS "from", scenario.name_of("to") AS "to",
            depth, from_height, scenario.name_of(first_new) AS first_new
       FROM peerscope.reorganisations ORDER BY node $$,
  $$
  a1|10:40:01.000|A2|B3|2|102|B1
  a2|10:40:01.000|A2|B3|2|102|B1
  $$);
-- 10:40:00 against 10:28:00.
SELECT scenario.expect('the partition shows in how far apart the block was heard of',
  $$ SELECT node, round(skew_ms) AS skew, significant FROM peerscope.block_arrival_skew
      WHERE block_hash = scenario.hash('B3') AND stage = 's0' ORDER BY node $$,
  $$
  a1|720000|true
  a2|720000|true
  b1|0|false
  b2|0|false
  $$);
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');
