-- Pings between nodes of the fleet: two good clocks, and one that is wrong by more than it says.
\ir lib/blocks.sql

SELECT scenario.node('good', '2 s', 1), scenario.node('right', '0', 1), scenario.node('wrong', '0', 1);
-- Its clock is 20 ms ahead, and nobody knows.
CREATE FUNCTION scenario.ping(from_node text, from_peer bigint, sent text, to_node text, to_peer bigint, taken text, nonce bigint)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO peerscope.ping_event (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, nonce)
  VALUES (scenario.id(from_node), scenario.run(from_node),
          scenario.clock(from_node, sent) + CASE from_node WHEN 'wrong' THEN interval '20 ms' ELSE '0' END, 1,
          nextval('scenario.seq'), from_peer, false, 'ping', nonce),
         (scenario.id(to_node), scenario.run(to_node),
          scenario.clock(to_node, taken) + CASE to_node WHEN 'wrong' THEN interval '20 ms' ELSE '0' END, 1,
          nextval('scenario.seq'), to_peer, true, 'ping', nonce)
$$;
CREATE FUNCTION scenario.session(node text, peer bigint, inbound bool, own bigint, theirs bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO peerscope.peer_session (node_id, run_id, peer_id, inbound, opened_at, own_nonce, peer_nonce, last_ts)
  VALUES (scenario.id(node), scenario.run(node), peer, inbound, scenario.clock(node, '06:00:00'), own, theirs,
          scenario.clock(node, '18:00:00'))
$$;

-- good and right opened their session before capture began: pings tell. wrong and right: their version messages do.
SELECT scenario.session('good', 1, false, NULL, NULL), scenario.session('right', 2, true, NULL, NULL);
SELECT scenario.session('wrong', 3, false, 51, 52), scenario.session('right', 4, true, 52, 51);
SELECT scenario.ping('good', 1, '10:00:00', 'right', 2, '10:00:00.004', 101),
       scenario.ping('good', 1, '10:02:00', 'right', 2, '10:02:00.003', 102),
       scenario.ping('good', 1, '10:04:00', 'right', 2, '10:04:00.010', 103),
       scenario.ping('right', 2, '10:00:30', 'good', 1, '10:00:30.005', 104);
-- 5 ms on their way, 20 ms wrong: 25 ms one way, -15 ms the other, with an error of 2 ms. The last takes 25 ms, which hides it.
SELECT scenario.ping('right', 4, '10:00:00', 'wrong', 3, '10:00:00.005', 201),
       scenario.ping('wrong', 3, '10:00:10', 'right', 4, '10:00:10.005', 202),
       scenario.ping('wrong', 3, '10:00:20', 'right', 4, '10:00:20.025', 203);
-- A peer of good and wrong passes good's nonce on to wrong, 10 ms after it got it. What it told the two in its version
-- messages does not fit; and neither does it where one of these was not captured, for it does so with two nodes.
SELECT scenario.session('good', 7, true, 61, 62), scenario.session('wrong', 8, true, 63, 64);
SELECT scenario.ping('good', 7, '11:00:00', 'wrong', 8, '11:00:00.010', 301);
SELECT scenario.session('right', 9, true, NULL, NULL), scenario.session('good', 10, false, NULL, NULL),
       scenario.session('wrong', 11, false, NULL, NULL);
SELECT scenario.ping('right', 9, '12:00:00', 'good', 10, '12:00:00.010', 401),
       scenario.ping('right', 9, '12:02:00', 'wrong', 11, '12:02:00.010', 402);
-- Nonces of 0 are no nonces, and a pong proves nothing.
SELECT scenario.ping('good', 1, '13:00:00', 'right', 2, '12:59:00', 0);
INSERT INTO peerscope.ping_event (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, nonce)
SELECT node_id, run_id, ts - interval '1 s', clk, nextval('scenario.seq'), peer_id, NOT inbound, 'pong', nonce
  FROM peerscope.ping_event WHERE nonce = 101;

CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');

SELECT scenario.expect('sessions between nodes are known by version messages, else by pings, and a replayed nonce makes none',
  $$ SELECT n.name AS node, l.peer_id, o.name AS other, l.other_peer_id, l.known_by
       FROM peerscope.fleet_link l JOIN peerscope.node n USING (node_id) JOIN peerscope.node o ON o.node_id = l.other_node_id
      ORDER BY n.name, l.peer_id $$,
  $$
  good|1|right|2|ping
  right|2|good|1|ping
  right|4|wrong|3|version
  wrong|3|right|4|version
  $$);
SELECT scenario.expect('a ping that arrives before it was sent convicts a clock, and no other does',
  $$ SELECT link, samples, round(min_ms::numeric, 3) AS min, round(median_ms::numeric, 3) AS median, violations,
            round(error_ms::numeric, 3) AS error, day
       FROM peerscope.clock_audit ORDER BY link $$,
  $$
  good→right|3|3.000|4.000|0|2.000|2026-07-01
  right→good|1|5.000|5.000|0|2.000|2026-07-01
  right→wrong|1|25.000|25.000|0|2.000|2026-07-01
  wrong→right|2|-15.000|-5.000|1|2.000|2026-07-01
  $$);
