-- What nodes send on, and what a peer carries from one to another: a peer with 21 connections.
\ir lib/addresses.sql

SELECT scenario.node('a'), scenario.node('b', '30 s'), scenario.node('c'), scenario.node('d');

-- Fan-out. a hears an address at 12:00:00 and sends it to peers 1, 2 and again 2, and to 3 after more than 10 minutes.
SELECT scenario.receive('a', 5, scenario.at('12:00:00'), 'gossip', '{203.0.113.1}');
SELECT scenario.send('a', p.peer, scenario.at(p.at), '{203.0.113.1}', scenario.at('11:59:20'))
  FROM (VALUES (2, '12:00:12.5'), (1, '12:00:47'), (2, '12:05:00'), (3, '12:10:00.1')) p (peer, at);
-- b hears it twice and sends it to two peers, over midnight; its clock is slow, which does not show.
SELECT scenario.receive('b', 5, scenario.at('23:59:50'), 'gossip', '{203.0.113.2}'),
       scenario.receive('b', 6, scenario.at('23:59:55'), 'gossip', '{203.0.113.2}', age => '45 s');
SELECT scenario.send('b', p.peer, scenario.at(p.at), '{203.0.113.2}', scenario.clock('b', scenario.at('23:59:10')))
  FROM (VALUES (7, '2 00:00:05'), (8, '2 00:09:49')) p (peer, at);
-- A peer's announcement of itself is sent on as well; an answer to a getaddr is not relay, and what we say of ourselves
-- came from nobody.
SELECT scenario.receive('a', 6, scenario.at('14:00:00'), 'self', '{203.0.113.3}', age => '0'),
       scenario.receive('a', 6, scenario.at('14:00:00'), 'getaddr_response', '{203.0.113.4}');
SELECT scenario.send('a', 1, scenario.at('14:00:20'), '{203.0.113.3}', scenario.at('14:00:00')),
       scenario.send('a', 1, scenario.at('14:00:20'), '{203.0.113.4}', scenario.at('13:59:20')),
       scenario.send('a', 1, scenario.at('14:00:20'), '{192.0.2.200}', scenario.at('14:00:20'));

-- Degree. The peer listens at 192.0.2.9:8333: a connected to it there; it connected to b and announced itself there; it
-- connected to c from the same IP but announced another port, so that may be another node; and d is connected to it until
-- 15:05.
SELECT scenario.peer('a', 20, '192.0.2.9:8333', false, '08:00:00'),
       scenario.peer('b', 21, '192.0.2.9:51234', true, '08:00:00'),
       scenario.peer('c', 22, '192.0.2.9:51235', true, '08:00:00'),
       scenario.peer('d', 23, '192.0.2.9:8333', false, '08:00:00', '15:05:00');
SELECT scenario.receive('a', 20, scenario.at('08:01:00'), 'getaddr_response', '{198.18.0.1}'),
       scenario.receive('b', 21, scenario.at('08:01:00'), 'self', '{192.0.2.9}', age => '0'),
       scenario.receive('c', 22, scenario.at('08:01:00'), 'self', '{192.0.2.9}', 18333, age => '0'),
       scenario.receive('d', 23, scenario.at('08:01:00'), 'getaddr_response', '{198.18.0.1}');
-- a is the first to tell it 100 addresses, one each minute from 15:00 on; b gets every tenth from it 25 s later.
SELECT scenario.send('a', 20, t.at, ARRAY['198.51.100.' || i], t.at - interval '60 s')
  FROM generate_series(1, 100) i, LATERAL (SELECT scenario.at('15:00:00') + i * interval '1 minute') t (at);
SELECT scenario.receive('b', 21, t.at + interval '25 s', 'gossip', ARRAY['198.51.100.' || i],
                        age => t.at + interval '25 s' - (t.at - interval '60 s') - interval '30 s')
  FROM generate_series(10, 100, 10) i, LATERAL (SELECT scenario.at('15:00:00') + i * interval '1 minute') t (at);
-- c as well: but it is not known to be the same peer.
SELECT scenario.receive('c', 22, t.at + interval '25 s', 'gossip', ARRAY['198.51.100.' || i], age => '85 s')
  FROM generate_series(1, 100) i, LATERAL (SELECT scenario.at('15:00:00') + i * interval '1 minute') t (at);
-- What does not count for b: five addresses the peer had told b before; four that b told it as well; three that a tells it
-- again, with another nTime; one that is not IPv4.
SELECT scenario.receive('b', 21, scenario.at('17:00:00'), 'gossip', scenario.addrs('198.51.101', 1, 5));
SELECT scenario.send('a', 20, scenario.at('17:01:00'), scenario.addrs('198.51.101', 1, 5), scenario.at('17:00:00'));
SELECT scenario.send('a', 20, scenario.at('17:02:00'), scenario.addrs('198.51.102', 1, 4), scenario.at('17:01:00'));
SELECT scenario.send('b', 21, scenario.at('17:04:00'), scenario.addrs('198.51.102', 1, 4), scenario.at('17:01:00'));
SELECT scenario.send('a', 20, scenario.at('17:30:00'), scenario.addrs('198.51.100', 1, 3), scenario.at('17:29:00'));
SELECT scenario.send('a', 20, scenario.at('17:30:00'), '{2001:db8::5}', scenario.at('17:29:00'), of_network => 'ipv6');
-- What counts as told but not as returned: it came after more than 10 minutes, or with another nTime.
SELECT scenario.send('a', 20, scenario.at('18:00:00'), '{198.51.103.1,198.51.103.2}', scenario.at('17:59:00'));
SELECT scenario.receive('b', 21, scenario.at('18:10:01'), 'stale', '{198.51.103.1}', age => '10 minutes 31 s'),
       scenario.receive('b', 21, scenario.at('18:00:30'), 'gossip', '{198.51.103.2}', age => '20 s');
-- And one over midnight, of b's slow clock as well, that counts, for the day on which a told it.
SELECT scenario.send('a', 20, scenario.at('23:59:40'), '{198.51.104.1}', scenario.at('23:59:00'));
SELECT scenario.receive('b', 21, scenario.at('2 00:00:45'), 'gossip', '{198.51.104.1}', age => '75 s');

CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() $$, '∅');

SELECT scenario.expect('fan-out counts distinct peers within ten minutes of the first copy',
  $$ SELECT node, (announcement).network, (announcement).addr, (announcement).port, (announcement).announced_at, fanout,
            forward_delay_s, at
       FROM peerscope.addr_relay_fanout WHERE (announcement).addr LIKE '203.0.113.%' OR (announcement).addr LIKE '192.0.2.2%'
      ORDER BY at $$,
  $$
  a|ipv4|203.0.113.1|8333|2026-07-01T11:59:20+00:00|2|12.5|2026-07-01T12:00:00+00:00
  a|ipv4|203.0.113.3|8333|2026-07-01T14:00:00+00:00|1|20|2026-07-01T14:00:00+00:00
  b|ipv4|203.0.113.2|8333|2026-07-01T23:58:40+00:00|2|15|2026-07-01T23:59:50+00:00
  $$);

-- a to b: 100 + 2 + 1 = 103 told, 10 + 1 = 11 returned. d's session ends at 15:05, so that no address told from 15:01 on
-- has ten minutes left.
SELECT scenario.expect('what the shared peer carries from a to b',
  $$ SELECT node_a, peer, node_b, s, r, p, day FROM peerscope.addr_relay_degree ORDER BY node_a, node_b $$,
  $$
  a|192.0.2.9:8333|b|103|11|0.10679611650485436|2026-07-01
  $$);
-- 1 + 2 * 103 / 11 = 19.7272…; the interval is that of scipy.stats.beta.ppf, 0.025 of (11, 93) and 0.975 of (12, 92).
SELECT scenario.expect('the degree follows from it, with its interval',
  $$ SELECT round(degree::numeric, 9) AS degree, round(p_lo::numeric, 9) AS p_lo, round(p_hi::numeric, 9) AS p_hi,
            round(degree_lo::numeric, 6) AS degree_lo, round(degree_hi::numeric, 6) AS degree_hi
       FROM peerscope.addr_relay_degree WHERE node_a = 'a' AND node_b = 'b' $$,
  '19.727272727|0.054531617|0.183057018|11.925558|37.675971');

-- Known values of the interval: none and all of n have closed forms, (0.025)^(1/n) from 0 or 1.
SELECT scenario.expect('the interval of Clopper and Pearson is right at its ends and symmetric',
  $$ SELECT round(a.lo::numeric, 12) AS lo, round((a.hi - (1 - 0.025 ^ (1 / 50.0)))::numeric, 12) AS off_0,
            round((b.lo - 0.025 ^ (1 / 50.0))::numeric, 12) AS off_n, b.hi,
            round((c.lo + d.hi - 1)::numeric, 12) AS symmetric
       FROM peerscope.clopper_pearson(0, 50) a, peerscope.clopper_pearson(50, 50) b,
            peerscope.clopper_pearson(7, 2000) c, peerscope.clopper_pearson(1993, 2000) d $$,
  '0.000000000000|0.000000000000|0.000000000000|1|0.000000000000');

-- Below 50 addresses there is no degree: on 3 July a tells the peer 49.
SELECT scenario.receive('a', 20, scenario.at('3 08:00:00'), 'gossip', '{198.18.0.2}'),
       scenario.receive('b', 21, scenario.at('3 08:00:00'), 'gossip', '{198.18.0.3}');
SELECT scenario.send('a', 20, scenario.at('3 09:00:00'), scenario.addrs('198.51.110', 1, 49), scenario.at('3 08:59:00'));
SELECT scenario.receive('b', 21, scenario.at('3 09:00:10'), 'gossip', '{198.51.110.1}', age => '40 s');
CALL peerscope.digest();
SELECT scenario.expect('below fifty there is no degree and no interval',
  $$ SELECT s, r, degree, p_lo, p_hi, degree_lo, degree_hi FROM peerscope.addr_relay_degree WHERE day = '2026-07-03' $$,
  '49|1|∅|∅|∅|∅|∅');
SELECT scenario.send('a', 20, scenario.at('3 10:00:00'), scenario.addrs('198.51.111', 1, 1), scenario.at('3 09:59:00'));
DELETE FROM peerscope.addr_entry WHERE addr = '198.51.110.1' AND inbound;
CALL peerscope.digest();
-- 1 + 2 / (1 - 0.025^(1/50)) = 29.121…
SELECT scenario.expect('without any returned there is no degree but a lower bound',
  $$ SELECT s, r, degree, round(p_hi::numeric, 9) AS p_hi, round(degree_lo::numeric, 6) AS degree_lo, degree_hi
       FROM peerscope.addr_relay_degree WHERE day = '2026-07-03' $$,
  '50|0|∅|0.071121736|29.120798|∅');
