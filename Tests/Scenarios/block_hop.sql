-- A block goes from one node of the fleet to another, whose request waits behind validation; and what is no link of the fleet.
\ir lib/blocks.sql

SELECT scenario.node('giver', '4 s', 0.1), scenario.node('taker', '-1 s', 0.2), scenario.node('third');

CREATE FUNCTION scenario.session(node text, peer bigint, opened text, inbound bool, own bigint, theirs bigint) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO peerscope.peer_session (node_id, run_id, peer_id, inbound, opened_at, own_nonce, peer_nonce, last_ts)
  VALUES (scenario.id(node), scenario.run(node), peer, inbound, scenario.clock(node, opened), own, theirs,
          scenario.clock(node, opened))
$$;
-- taker connects to giver.
SELECT scenario.session('taker', 11, '11:00:00', false, 1001, 1002), scenario.session('giver', 22, '11:00:00.05', true, 1002, 1001);
-- A stranger that third connected to connects to giver, and repeats what third told it.
SELECT scenario.session('third', 31, '11:00:01', false, 2001, 666), scenario.session('giver', 23, '11:00:02', true, 2002, 2001);

-- giver validates the block from 12:00:00.000 to .040 and has told taker at .010, before it was done. taker misses something:
-- its request leaves at .015, arrives while giver validates, and is taken up at .045. The answer of .046 arrives at .048, taker
-- validates from .050 to .090.
SELECT scenario.header('giver', '12:00:00', 'block', 'parent');
SELECT scenario.message('giver', '11:59:59.9', 'block', 'cmpctblock', 99, true, NULL, 12000, 1, 1999);
SELECT scenario.message('giver', '12:00:00.010', 'block', 'cmpctblock', 22, false, NULL, 12000, 1, 1999);
SELECT scenario.message('taker', '12:00:00.012', 'block', 'cmpctblock', 11, true, NULL, 12000, 1, 1999);
SELECT scenario.message('taker', '12:00:00.015', 'block', 'getblocktxn', 11, false, 3);
SELECT scenario.connect('giver', '12:00:00.040', 'block', 100, 40);
SELECT scenario.message('giver', '12:00:00.045', 'block', 'getblocktxn', 22, true, 3);
SELECT scenario.message('giver', '12:00:00.046', 'block', 'blocktxn', 22, false, 3);
SELECT scenario.message('taker', '12:00:00.048', 'block', 'blocktxn', 11, true, 3);
SELECT scenario.connect('taker', '12:00:00.090', 'block', 100, 40);
-- giver's own announcement to the stranger, and what third got from it, are no hop.
SELECT scenario.message('giver', '12:00:00.050', 'block', 'cmpctblock', 23, false);
SELECT scenario.message('third', '12:00:00.060', 'block', 'cmpctblock', 31, true);

SELECT scenario.commit();
CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');

SELECT scenario.expect('a link is known at once by the nonces of both version messages, and not by a nonce that was passed on',
  $$ SELECT n.name AS node, l.peer_id, o.name AS other, l.other_peer_id, l.known_by, l.day
       FROM peerscope.fleet_link l JOIN peerscope.node n USING (node_id) JOIN peerscope.node o ON o.node_id = l.other_node_id
      ORDER BY n.name $$,
  $$
  giver|22|taker|11|version|2026-07-01
  taker|11|giver|22|version|2026-07-01
  $$);

-- The request: 30 ms on its way, of which it may have waited all since giver began at .000, so at most 30. The answer: 2 ms, and
-- nothing to wait for. Errors of both clocks: 0.1 + 0.2 ms.
SELECT scenario.expect('the way of the block is split into the wire, the queue and validation',
  $$ SELECT height, from_node, to_node, side, round(queue_ms::numeric, 3) AS queue, round(network_ms::numeric, 3) AS network,
            round(validation_ms::numeric, 3) AS validation, msg_type, to_char(at, 'SS.MS') AS at, round(error_ms::numeric, 3) AS error
       FROM peerscope.block_hop ORDER BY side $$,
  $$
  100|giver|taker|from|30.000|0.000|40.000|getblocktxn|00.045|0.300
  100|giver|taker|to|0.000|2.000|40.000|blocktxn|00.048|0.300
  $$);

-- Capture at taker misses the answer: two went out, one arrived, and which one is anybody's guess.
SELECT scenario.message('giver', '12:00:00.200', 'block', 'blocktxn', 22, false, 3);
SELECT scenario.commit();
INSERT INTO peerscope.dirty_day (node_id, day) VALUES (scenario.id('giver'), '2026-07-01');
CALL peerscope.digest();
SELECT scenario.expect('where one end saw fewer messages than the other, none of them is taken for a pair',
  $$ SELECT side, msg_type, round(network_ms::numeric, 3) AS network FROM peerscope.block_hop ORDER BY side $$,
  $$
  from|getblocktxn|0.000
  to|cmpctblock|2.000
  $$);
