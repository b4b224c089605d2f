-- How often peers announce themselves: over midnights and days, over a reconnection, and with a report that is late.
\ir lib/addresses.sql

SELECT scenario.node('a', '10 s'), scenario.node('b');
SELECT scenario.peer('a', 1, '203.0.113.1:51000', true, '08:00:00', '3 12:00:00'),
       scenario.peer('a', 2, '203.0.113.1:52000', true, '3 13:00:00'),
       scenario.peer('b', 1, '203.0.113.1:53000', true, '08:00:00');
-- Session 1 announces itself at 10:00, 23:59:55 (by a's clock 23:59:45), two days later at 6:00, and is heard of in gossip
-- in between, which is no self-announcement. Another address of its own has intervals of its own.
SELECT scenario.receive('a', 1, scenario.at('10:00:00'), 'self', '{203.0.113.1}', age => '0'),
       scenario.receive('a', 1, scenario.at('23:59:55'), 'self', '{203.0.113.1}', age => '0'),
       scenario.receive('a', 1, scenario.at('2 12:00:00'), 'gossip', '{203.0.113.1}'),
       scenario.receive('a', 1, scenario.at('3 06:00:00'), 'self', '{203.0.113.1}', age => '0'),
       scenario.receive('a', 1, scenario.at('2 00:00:05'), 'self', '{2001:db8::1}', age => '0', of_network => 'ipv6'),
       scenario.receive('a', 1, scenario.at('2 00:30:05'), 'self', '{2001:db8::1}', age => '0', of_network => 'ipv6');
-- It reconnects; and b hears of it as well.
SELECT scenario.receive('a', 2, scenario.at('3 13:00:10'), 'self', '{203.0.113.1}', age => '0'),
       scenario.receive('b', 1, scenario.at('2 10:00:00'), 'self', '{203.0.113.1}', age => '0'),
       scenario.receive('b', 1, scenario.at('3 10:00:00'), 'self', '{203.0.113.1}', age => '0');
CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() $$, '∅');

-- 13:59:55 = 50 395 s; from there to 6:00 two days later 30 h and 5 s = 108 005 s.
SELECT scenario.expect('each self-announcement has its interval inside the session and per address',
  $$ SELECT node, peer, addr, port, interval_s, at FROM peerscope.addr_self_announcements ORDER BY node, peer, addr DESC, at $$,
  $$
  a|1|203.0.113.1|8333|∅|2026-07-01T10:00:00+00:00
  a|1|203.0.113.1|8333|50395|2026-07-01T23:59:55+00:00
  a|1|203.0.113.1|8333|108005|2026-07-03T06:00:00+00:00
  a|1|2001:db8::1|8333|∅|2026-07-02T00:00:05+00:00
  a|1|2001:db8::1|8333|1800|2026-07-02T00:30:05+00:00
  a|2|203.0.113.1|8333|∅|2026-07-03T13:00:10+00:00
  b|1|203.0.113.1|8333|∅|2026-07-02T10:00:00+00:00
  b|1|203.0.113.1|8333|86400|2026-07-03T10:00:00+00:00
  $$);

-- What b had spooled of 1 July, and between the two, arrives.
SELECT scenario.receive('b', 1, scenario.at('10:00:00'), 'self', '{203.0.113.1}', age => '0'),
       scenario.receive('b', 1, scenario.at('2 18:00:00'), 'self', '{203.0.113.1}', age => '0');
CALL peerscope.digest();
SELECT peerscope.digest_addresses_self('2026-07-01'), peerscope.digest_addresses_self('2026-07-03');
SELECT scenario.expect('what comes late changes the interval of what follows',
  $$ SELECT interval_s, at FROM peerscope.addr_self_announcements WHERE node = 'b' ORDER BY at $$,
  $$
  ∅|2026-07-01T10:00:00+00:00
  86400|2026-07-02T10:00:00+00:00
  28800|2026-07-02T18:00:00+00:00
  57600|2026-07-03T10:00:00+00:00
  $$);
