-- How many gossiped addresses are nodes: handshakes before, after, inbound, failed, and by other networks.
\ir lib/addresses.sql

SELECT scenario.node('a'), scenario.node('b');
-- On 1 July ten addresses are new in gossip, at a, at b or both; 203.0.113.1 is gossiped again on the 2nd.
SELECT scenario.receive('a', 1, scenario.at('10:00:00'), 'gossip', scenario.addrs('203.0.113', 1, 6)),
       scenario.receive('b', 1, scenario.at('11:00:00'), 'gossip', scenario.addrs('203.0.113', 4, 10)),
       scenario.receive('a', 1, scenario.at('2 10:00:00'), 'gossip', '{203.0.113.1}');
-- Answers to a getaddr are not gossip; the same address with another port is another address.
SELECT scenario.receive('a', 1, scenario.at('10:00:00'), 'getaddr_response', scenario.addrs('198.51.100', 1, 50)),
       scenario.receive('a', 1, scenario.at('2 10:00:00'), 'gossip', '{203.0.113.2}', 18333),
       scenario.receive('a', 1, scenario.at('2 10:00:00'), 'gossip', '{198.51.100.1,2001:db8::7}'),
       scenario.receive('a', 1, scenario.at('2 10:00:00'), 'gossip', '{2001:db8::7,2001:db8::8}', of_network => 'ipv6'),
       scenario.receive('b', 1, scenario.at('2 23:59:59'), 'gossip',
                        '{pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion}', of_network => 'onion');

-- .1: connected to a week before; .2 on the day; .3 two days after, by the other node.
SELECT scenario.peer('b', 11, '203.0.113.1:8333', false, '1 09:00:00'),
       scenario.peer('a', 12, '203.0.113.2:8333', false, '12:00:00', '12:01:00'),
       scenario.peer('b', 13, '203.0.113.3:8333', false, '3 12:00:00'),
-- No proof: .4 came to us, .5 never answered, of .6 somebody listens on another port, .7 was only told.
       scenario.peer('a', 14, '203.0.113.4:8333', true, '12:00:00'),
       scenario.peer('a', 15, '203.0.113.5:8333', false, '12:00:00', shaken => false),
       scenario.peer('a', 16, '203.0.113.6:18333', false, '12:00:00'),
-- A handshake just before midnight and one just after, twice.
       scenario.peer('a', 17, '[2001:db8::7]:8333', false, '2 23:59:58'),
       scenario.peer('a', 18, '[2001:db8::8]:8333', false, '2 23:59:59.5'),
       scenario.peer('b', 18, '[2001:db8::8]:8333', false, '3 12:00:00'),
       scenario.peer('a', 19, 'pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion:8333', false, '3 12:00:00'),
       scenario.peer('a', 20, 'seed.example.org:8333', false, '3 12:00:00');
UPDATE peerscope.peer_session SET opened_at = '2026-06-24 09:00Z', handshaked_at = '2026-06-24 09:00:01Z' WHERE peer_id = 11;
INSERT INTO peerscope.dirty_day VALUES (scenario.id('b'), '2026-06-24');

CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() $$, '∅');
SELECT scenario.expect('an address counts on the day gossip first names it, as a node if the fleet ever connected to it',
  $$ SELECT day, network, newly_gossiped, handshaked, share FROM peerscope.addr_truth ORDER BY day, network $$,
  $$
  2026-07-01|ipv4|10|3|0.3
  2026-07-02|ipv4|3|0|0
  2026-07-02|ipv6|2|2|1
  2026-07-02|onion|1|1|1
  $$);

-- b reports late: it had heard .9 on 30 June already, and connected to .10 then.
SELECT scenario.receive('b', 1, '2026-06-30 10:00Z', 'gossip', '{203.0.113.9}');
SELECT scenario.peer('b', 21, '203.0.113.10:8333', false, '2 09:00:00');
UPDATE peerscope.peer_session SET opened_at = '2026-06-30 09:00Z', handshaked_at = '2026-06-30 09:00:01Z' WHERE peer_id = 21;
CALL peerscope.digest();
SELECT scenario.expect('what comes late moves to its day',
  $$ SELECT day, newly_gossiped, handshaked, share FROM peerscope.addr_truth WHERE network = 'ipv4' ORDER BY day $$,
  $$
  2026-06-30|1|0|0
  2026-07-01|9|4|0.4444444444444444
  2026-07-02|3|0|0
  $$);
