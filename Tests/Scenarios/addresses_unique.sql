-- A week of the same addresses, and a day of ten times as many.
\ir lib/addresses.sql

SELECT scenario.node('a'), scenario.node('b');
-- From 24 to 30 June: a is told 30 addresses and one of them with another port, b is told 20, ten of them the same, and
-- five that a knows in answer to a getaddr.
SELECT scenario.receive('a', 1, d, 'gossip', scenario.addrs('203.0.113', 1, 30)),
       scenario.receive('a', 1, d + interval '1 h', 'gossip', '{203.0.113.1}', 18333),
       -- Told twice they count once.
       scenario.receive('a', 2, d + interval '2 h', 'gossip', scenario.addrs('203.0.113', 1, 10)),
       scenario.receive('b', 1, d, 'gossip', scenario.addrs('203.0.113', 21, 40)),
       scenario.receive('b', 2, d, 'getaddr_response', scenario.addrs('203.0.113', 1, 5))
  FROM generate_series(timestamptz '2026-06-24 10:00Z', '2026-06-30 10:00Z', interval '1 day') d;
-- On 1 July the same, and a is told 368 addresses never seen, and a known IP with a port never seen.
SELECT scenario.receive('a', 1, d, 'gossip', scenario.addrs('203.0.113', 1, 30)),
       scenario.receive('a', 1, d, 'gossip', '{203.0.113.1}', 18333),
       scenario.receive('b', 1, d, 'gossip', scenario.addrs('203.0.113', 21, 40)),
       scenario.receive('a', 3, d, 'gossip', scenario.addrs('198.51.100', 1, 184)),
       scenario.receive('a', 3, d, 'gossip', scenario.addrs('192.0.2', 1, 184)),
       scenario.receive('a', 3, d, 'gossip', '{203.0.113.2}', 18444)
  FROM (VALUES (scenario.at('10:00:00'))) v (d);
-- On the last second of 1 July, and the first of 2 July.
SELECT scenario.receive('b', 3, scenario.at('23:59:59'), 'self', '{abcd}', of_network => 'onion');
SELECT scenario.receive('b', 3, scenario.at('2 00:00:01'), 'self', '{abcd}', of_network => 'onion');

CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() $$, '∅');

-- 24 June: union 40 IPs and one more key; a 30 and 31, b 20. The five of b's getaddr add to b's, not to the union.
SELECT scenario.expect('the union counts each address once, the median is over the nodes',
  $$ SELECT network, class, unit, union_count, median_per_node, nodes, new_addrs, vs_7d_median
       FROM peerscope.addr_unique_daily WHERE day = '2026-06-24' ORDER BY class, unit $$,
  $$
  ipv4|all|ip|40|27.5|2|40|∅
  ipv4|all|ip:port|41|28|2|41|∅
  ipv4|getaddr_response|ip|5|5|1|5|∅
  ipv4|getaddr_response|ip:port|5|5|1|5|∅
  ipv4|gossip|ip|40|25|2|40|∅
  ipv4|gossip|ip:port|41|25.5|2|41|∅
  $$);
SELECT scenario.expect('what was told before is not new on the next day',
  $$ SELECT class, unit, union_count, new_addrs, vs_7d_median
       FROM peerscope.addr_unique_daily WHERE day = '2026-06-30' AND class <> 'getaddr_response' ORDER BY class, unit $$,
  $$
  all|ip|40|0|1
  all|ip:port|41|0|1
  gossip|ip|40|0|1
  gossip|ip:port|41|0|1
  $$);
-- 1 July: 41 + 369 = 410 keys, 40 + 368 = 408 IPs; a: 400 and 398, b: 20.
SELECT scenario.expect('a day with ten times as many stands out against the median of the week',
  $$ SELECT class, unit, union_count, median_per_node, new_addrs, vs_7d_median
       FROM peerscope.addr_unique_daily WHERE day = '2026-07-01' AND network = 'ipv4' ORDER BY class, unit $$,
  $$
  all|ip|408|209|368|10.2
  all|ip:port|410|210|369|10
  gossip|ip|408|209|368|10.2
  gossip|ip:port|410|210|369|10
  $$);
SELECT scenario.expect('each day has its own count of what comes around midnight',
  $$ SELECT day, class, unit, union_count, new_addrs, vs_7d_median
       FROM peerscope.addr_unique_daily WHERE network = 'onion' AND unit = 'ip' ORDER BY day, class $$,
  $$
  2026-07-01|all|ip|1|1|∅
  2026-07-01|self|ip|1|1|∅
  2026-07-02|all|ip|1|0|1
  2026-07-02|self|ip|1|0|1
  $$);
