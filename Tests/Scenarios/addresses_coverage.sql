-- Which share of four nodes gossip reaches, how fast, and who could not have heard of it.
\ir lib/addresses.sql

SELECT scenario.node('a'), scenario.node('b', '5 s'), scenario.node('c', '-3 s'), scenario.node('gap');
-- gap is not captured from 12:01:30 to 13:00.
UPDATE peerscope.capture_interval SET valid_to = scenario.at('12:01:30') WHERE node_id = scenario.id('gap');
INSERT INTO peerscope.capture_interval (node_id, run_id, tracepoint, valid_from)
VALUES (scenario.id('gap'), scenario.id('gap') * 100, 'net:inbound_message', scenario.at('13:00:00'));

-- A new IPv4 address: a at once, b after 20 s, c after 100 s; gap hears of it 34 minutes later.
SELECT scenario.receive('a', 1, scenario.at('12:00:00'), 'gossip', '{203.0.113.1}');
SELECT scenario.receive('b', 1, scenario.at('12:00:20'), 'gossip', '{203.0.113.1}');
SELECT scenario.receive('c', 1, scenario.at('12:01:40'), 'gossip', '{203.0.113.1}');
SELECT scenario.receive('gap', 1, scenario.at('12:34:00'), 'gossip', '{203.0.113.1}');
-- Another at 13:30: b after exactly 60 s.
SELECT scenario.receive('a', 1, scenario.at('13:30:00'), 'gossip', '{203.0.113.2}');
SELECT scenario.receive('b', 1, scenario.at('13:31:00'), 'gossip', '{203.0.113.2}');
-- One that c knew of, over midnight: a at 23:59, b after 90 s.
SELECT scenario.receive('c', 1, scenario.at('08:00:00'), 'getaddr_response', '{2001:db8::1}', of_network => 'ipv6');
SELECT scenario.receive('a', 1, scenario.at('23:59:00'), 'gossip', '{2001:db8::1}', of_network => 'ipv6');
SELECT scenario.receive('b', 1, scenario.at('2 00:00:30'), 'gossip', '{2001:db8::1}', of_network => 'ipv6');

CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() $$, '∅');

-- IPv4: of the first episode 4 nodes are eligible for 30 and 60 s, and 3 from 120 s on, when gap is not captured; of the
-- second always 4. Reached after 30 s: a, b and a; after 60 s: the other b as well; after 120 s: c.
SELECT scenario.expect('coverage counts eligible nodes, and those reached by then',
  $$ SELECT day, network, novel, delta_s, reached, eligible, coverage FROM peerscope.addr_coverage_curve
      ORDER BY day, network, delta_s $$,
  $$
  2026-07-01|ipv4|true|30|3|8|0.375
  2026-07-01|ipv4|true|60|4|8|0.5
  2026-07-01|ipv4|true|120|5|7|0.7142857142857143
  2026-07-01|ipv4|true|300|5|7|0.7142857142857143
  2026-07-01|ipv4|true|600|5|7|0.7142857142857143
  2026-07-01|ipv4|true|1200|5|7|0.7142857142857143
  2026-07-01|ipv6|false|30|1|4|0.25
  2026-07-01|ipv6|false|60|1|4|0.25
  2026-07-01|ipv6|false|120|2|4|0.5
  2026-07-01|ipv6|false|300|2|4|0.5
  2026-07-01|ipv6|false|600|2|4|0.5
  2026-07-01|ipv6|false|1200|2|4|0.5
  $$);
