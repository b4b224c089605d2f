-- A spy in one /24 at every node: it takes what is announced, asks for nothing and gives nothing. Beside it honest peers of one
-- provider, a silent /48, a crawler at two nodes only, Tor, and links of the fleet itself.
\ir lib/peers.sql

SELECT scenario.node(n) FROM unnest(ARRAY['a', 'b', 'c', 'd', 'e']) n;

-- 93.1.2.0/24: five nodes from five addresses, the last of them at 10:20; at node a it comes back twice. Lives: 600 s (three
-- times), 1200 s, and three that last.
SELECT scenario.session('a', 1, '93.1.2.10:50001', '10:00:00', '10:10:00', agent => '/one/', inv_out => 1000),
       scenario.session('a', 2, '93.1.2.10:50002', '10:30:00', '10:40:00', agent => '/two/', inv_out => 1000),
       scenario.session('a', 3, '93.1.2.10:50003', '10:50:00', '11:10:00', agent => '/two/', inv_out => 1000),
       scenario.session('b', 1, '93.1.2.11:50001', '10:05:00', '10:15:00', agent => '/one/', inv_out => 1500),
       scenario.session('c', 1, '93.1.2.12:50001', '10:10:00', NULL, agent => '/one/', inv_out => 1500),
       scenario.session('d', 1, '93.1.2.13:50001', '10:15:00', NULL, agent => '/three/', inv_out => 1500),
       scenario.session('e', 1, '93.1.2.14:50001', '10:20:00', NULL, agent => '/one/', inv_out => 1500);
-- Two at a time from one address are no reconnection.
SELECT scenario.session(n, 2, '85.5.5.' || p || ':8333', '09:00:00', CASE n WHEN 'd' THEN '12:00:00' END, inv_out => 3000, getdata_in => 150, tx_in => 16)
  FROM (VALUES ('b', 1), ('c', 2), ('d', 3)) v (n, p);
SELECT scenario.session('d', 3, '85.5.5.3:8334', '09:30:00', NULL, inv_out => 3000, getdata_in => 150, tx_in => 16);
SELECT scenario.session(n, 4, '[2a02:1:2:' || p || '::1]:9000', '09:00:00', NULL, network => 'ipv6', inv_out => 1000)
  FROM (VALUES ('a', 1), ('b', 2), ('c', 3)) v (n, p);
SELECT scenario.session(n, 5, '77.7.7.7:1000', '09:00:00', NULL, inv_out => 5000) FROM unnest(ARRAY['a', 'b']) n;
SELECT scenario.session(n, 6, '127.0.0.1:' || 4000, '09:00:00', NULL, network => 'onion', inv_out => 5000)
  FROM unnest(ARRAY['a', 'b', 'c', 'd', 'e']) n;
-- Outbound connections are our own choice.
SELECT scenario.session(n, 7, '66.6.6.6:8333', '09:00:00', NULL, conn_type => 'outbound-full-relay', inv_out => 5000)
  FROM unnest(ARRAY['a', 'b', 'c', 'd', 'e']) n;
-- The window is of seven days: the end of the first session lies in it, that of the others before it.
SELECT scenario.session('a', 8, '55.5.5.5:1000', '09:00:00', NULL, inv_out => 5000),
       scenario.session('b', 8, '55.5.5.6:1000', '09:00:00', NULL, inv_out => 5000),
       scenario.session('c', 8, '55.5.5.7:1000', '09:00:00', NULL, inv_out => 5000),
       scenario.session('c', 9, '44.4.4.7:1000', '09:00:00', NULL, inv_out => 5000);
UPDATE peerscope.peer_session
   SET opened_at = '2026-06-20 00:00+00', handshaked_at = NULL, protocol_version = NULL, own_version = NULL,
       closed_at = '2026-06-25 00:00:01+00'
 WHERE node_id = scenario.id('c') AND peer_id = 8;
INSERT INTO peerscope.peer_session (node_id, run_id, peer_id, addr, network, conn_type, inbound, opened_at, closed_at, group24, inv_out)
SELECT scenario.id(n), 1, 99, '44.4.4.8:1000', 'ipv4', 'inbound', true, '2026-06-20 00:00+00', '2026-06-24 23:59:59+00', '44.4.4.0/24', 5000
  FROM unnest(ARRAY['a', 'b']) n;
-- Node e is reached at a, b and c from 33.3.3.0/24: its own version messages tell.
SELECT scenario.session(n, 10, '33.3.3.3:' || 5000 + p, '08:00:00', NULL, inv_out => 5000) FROM (VALUES ('a', 1), ('b', 2), ('c', 3)) v (n, p);
SELECT scenario.session('e', 10 + p, '22.2.2.' || p || ':8333', '08:00:00', NULL, conn_type => 'outbound-full-relay')
  FROM generate_series(1, 3) p;
UPDATE peerscope.peer_session SET peer_nonce = 1000 + node_id, own_nonce = 2000 + node_id
 WHERE peer_id = 10 AND node_id <> scenario.id('e');
UPDATE peerscope.peer_session s SET own_nonce = 1000 + n.node_id, peer_nonce = 2000 + n.node_id
  FROM peerscope.node n WHERE s.node_id = scenario.id('e') AND s.peer_id > 10 AND n.name = chr(96 + (s.peer_id - 10)::int);

SELECT scenario.newest_event('20:00:00'), scenario.dirty('2026-07-01');
CALL peerscope.digest();

-- Kaplan-Meier of 93.1.2.0/24: seven lives, three of 600 s ended (4/7 = 0.571 go on), one of 1200 s of the four left ended
-- (3/7 = 0.43 go on): the median is 1200 s. Score: 5/5 × 9000/10000 ÷ 1.
-- 85.5.5.0/24, of whose four sessions one ends (3/4 go on): 3/5 × 12000/13000 ÷ (1 + 100 × 664/12001) = 0.55385 / 6.53287. 2a02:1:2::/48: 3/5 × 3000/4000.
-- 55.5.5.0/24: 3/5 × 15000/16000; of c's session the beginning was not seen, so it has no life here, and the others last.
SELECT scenario.expect('who is at three nodes or more is a candidate, and the score tells spies from honest peers',
  $$ SELECT "group", nodes, sessions, median_life_s, reconnects, inv_out, getdata_in, tx_in, agents, round(score::numeric, 5) AS score
       FROM peerscope.spy_candidates ORDER BY score DESC, "group" $$,
  $$
  93.1.2.0/24|5|7|1200|2|9000|0|0|3|0.90000
  55.5.5.0/24|3|3|∅|0|15000|0|0|1|0.56250
  2a02:1:2::/48|3|3|∅|0|3000|0|0|1|0.45000
  85.5.5.0/24|3|4|∅|0|12000|600|64|1|0.08478
  $$);

SELECT scenario.expect('a spy is an alert of the whole fleet from the moment it is at the third node',
  $$ SELECT to_char(opened_at, 'MM-DD HH24:MI:SS') AS opened_at, closed_at, node, kind, subject, round(worst::numeric, 2) AS worst
       FROM peerscope.alert WHERE kind = 'spy_candidate' AND subject LIKE '93%' $$,
  $$
  07-01 10:10:00|∅|∅|spy_candidate|93.1.2.0/24|0.90
  $$);
SELECT scenario.expect('the evidence of the alert shows the group''s sessions', format('SELECT count(*) FROM (%s) e', evidence), '7')
  FROM peerscope.alert WHERE kind = 'spy_candidate' AND subject = '93.1.2.0/24';

-- A score grows with every node.
SELECT scenario.session('a', 20, '85.5.5.9:8333', '12:00:00', NULL);
SELECT scenario.dirty('2026-07-01');
CALL peerscope.digest();
SELECT scenario.expect('a group at one node more has a higher score',
  $$ SELECT nodes, round(score::numeric, 5) AS score FROM peerscope.spy_candidates WHERE "group" = '85.5.5.0/24' $$, '4|0.11304');

-- Eight days later nothing of it is left in the window.
SELECT peerscope.ensure_day('2026-07-09');
UPDATE peerscope.peer_session SET closed_at = '2026-07-02 00:00+00' WHERE closed_at IS NULL;
UPDATE peerscope.stream SET last_event_at = '2026-07-09 12:00+00';
SELECT scenario.dirty('2026-07-09');
CALL peerscope.digest();
SELECT scenario.expect('the window slides with the data', $$ SELECT count(*) FROM peerscope.spy_candidates $$, '0');
SELECT scenario.expect('and the alert ends with it',
  $$ SELECT closed_at IS NOT NULL AS closed FROM peerscope.alert WHERE kind = 'spy_candidate' AND subject = '93.1.2.0/24' $$, 'true');
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');
