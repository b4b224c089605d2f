-- A reorganisation two blocks deep, a node that never had the losing blocks, one that goes back and forth, one that connects
-- the same blocks again after a crash, and one whose background chain state is at work.
\ir lib/blocks.sql

SELECT scenario.node('deep'), scenario.node('never', '-40 s'), scenario.node('wavers'), scenario.node('crashed'),
       scenario.node('snapshot');

SELECT scenario.header('deep', '08:00:00', 'R', 'before'), scenario.header('deep', '08:10:00', 'A1', 'R'),
       scenario.header('deep', '08:20:00', 'A2', 'A1'), scenario.header('never', '08:15:00', 'B1', 'R'),
       scenario.header('never', '08:25:00', 'B2', 'B1'), scenario.header('never', '08:30:00', 'B3', 'B2');

SELECT scenario.connect('deep', at, block, height)
  FROM (VALUES ('08:00:00', 'R', 100), ('08:10:00', 'A1', 101), ('08:20:00', 'A2', 102), ('08:30:00', 'B1', 101),
               ('08:30:00.1', 'B2', 102), ('08:30:00.2', 'B3', 103)) AS v (at, block, height);
SELECT scenario.connect('never', at, block, height)
  FROM (VALUES ('08:00:00', 'R', 100), ('08:15:00', 'B1', 101), ('08:25:00', 'B2', 102), ('08:30:00', 'B3', 103))
       AS v (at, block, height);
-- Somebody invalidates and reconsiders blocks there: it ends on B like the others.
SELECT scenario.connect('wavers', at, block, height)
  FROM (VALUES ('08:00:00', 'R', 100), ('08:10:00', 'A1', 101), ('08:15:01', 'B1', 101), ('08:16:00', 'A1', 101),
               ('08:20:00', 'A2', 102), ('08:30:00', 'B1', 101), ('08:30:01', 'B2', 102), ('08:30:02', 'B3', 103))
       AS v (at, block, height);
-- Killed with unwritten blocks: it connects A1 again before it goes on with A2, and changes over later.
SELECT scenario.connect('crashed', at, block, height)
  FROM (VALUES ('08:00:00', 'R', 100), ('08:10:00', 'A1', 101), ('08:20:00', 'A2', 102), ('08:21:00', 'R', 100),
               ('08:21:01', 'A1', 101), ('08:30:00', 'B2', 102), ('08:30:01', 'B3', 103)) AS v (at, block, height);
UPDATE peerscope.process_run SET exited_at = scenario.at('08:20:30') WHERE node_id = scenario.id('crashed');
-- It follows the chain from a snapshot, and validates the old blocks in between.
SELECT scenario.connect('snapshot', at, block, height)
  FROM (VALUES ('08:00:00', 'S0', 100000), ('08:01:00', 'old 500', 500), ('08:15:00', 'S1', 100001),
               ('08:16:00', 'old 501', 501), ('08:25:00', 'S2', 100002), ('08:26:00', 'old 502', 502))
       AS v (at, block, height);

SELECT scenario.commit();
CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');

-- crashed: at 08:21 it connects what it had, which is no change; at 08:30:00 B2 takes A2's place. (B1 is missing there: the
-- depth is what it can be told from, one block.)
SELECT scenario.expect('each change of branch is told once, with its depth; no change is told where there was none',
  $$ SELECT node, to_char(at, 'HH24:MI:SS') AS at, scenario.name_of("from") AS "from", scenario.name_of("to") AS "to", depth,
            round(error_ms::numeric, 3) AS error_ms
       FROM peerscope.reorganisations ORDER BY node, at $$,
  $$
  crashed|08:30:00|A2|B3|1|0.100
  deep|08:30:00|A2|B3|2|0.100
  wavers|08:15:01|A1|B1|1|0.100
  wavers|08:16:00|B1|A2|1|0.100
  wavers|08:30:00|A2|B3|2|0.100
  $$);
SELECT scenario.expect('the branch of most nodes is kept, the node that never had the other one among them',
  $$ SELECT height, scenario.names_of(block_hashes) AS stale, scenario.name_of(kept_hash) AS kept
       FROM peerscope.stale_blocks ORDER BY height $$,
  $$
  101|A1|B1
  102|A2|B2
  $$);
