-- A node whose clock contradicts itself: it says three hours too early, and nobody knows its error. The others must not suffer.
\ir lib/peers.sql

SELECT scenario.node('a'), scenario.node('b'), scenario.node('wrong', '3 h');
UPDATE peerscope.clock_segment SET corr_ns = 0, eps_ns = NULL, quality = 'clock_fault' WHERE node_id = scenario.id('wrong');
CREATE FUNCTION scenario.as_told(node text, at text) RETURNS text LANGUAGE sql AS $$
  SELECT to_char(scenario.at(at) - CASE node WHEN 'wrong' THEN interval '3 h' ELSE '0' END, 'FMDD HH24:MI:SS.US')
$$;
-- Three blocks and three transactions, each at a, 200 ms later at b, and 100 ms later at wrong.
SELECT scenario.gets(n.node, scenario.as_told(n.node, '1 ' || to_char(timestamp '2026-07-01 10:00' + i * interval '1 hour' + n.ms * interval '1 ms', 'HH24:MI:SS.US')),
                     'b' || i, 1000 + i)
  FROM generate_series(0, 2) i CROSS JOIN (VALUES ('a', 0), ('b', 200), ('wrong', 100)) AS n (node, ms);
SELECT scenario.heard(n.node, scenario.as_told(n.node, '1 ' || to_char(timestamp '2026-07-01 10:00' + i * interval '1 hour' + n.ms * interval '1 ms', 'HH24:MI:SS.US')),
                      'X' || i)
  FROM generate_series(0, 2) i CROSS JOIN (VALUES ('a', 0), ('b', 200), ('wrong', 100)) AS n (node, ms);
SELECT scenario.commit(), scenario.newest_event('15:00:00'), scenario.dirty('2026-07-01');
UPDATE peerscope.stream SET last_event_at = scenario.at('12:00:00') WHERE node_id = scenario.id('wrong');
CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');
-- Delays of 0 and 200 ms, thrice: half of them is at 100 ms, by interpolation.
SELECT scenario.expect('the propagation of a day is that of the nodes whose clocks are known',
  $$ SELECT stage, blocks, nodes, round(p50_ms) AS p50_ms FROM peerscope.block_propagation_daily WHERE stage IN ('s0', 's6') ORDER BY 1 $$,
  $$
  s0|3|2|100
  s6|3|2|120
  $$);
SELECT scenario.expect('a block was first at a node that can tell when',
  $$ SELECT DISTINCT n.name, to_char(t0, 'MI:SS') AS t0 FROM peerscope.block_summary b JOIN peerscope.node n ON n.node_id = b.first_node_id $$,
  'a|00:00');
SELECT scenario.expect('and a transaction reached all that heard of it',
  $$ SELECT to_char(t0, 'HH24:MI:SS') AS t0, nodes, round(p90_ms) AS p90_ms FROM peerscope.tx_propagation ORDER BY 1 $$,
  $$
  10:00:00|3|180
  11:00:00|3|180
  12:00:00|3|180
  $$);
