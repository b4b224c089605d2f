-- A flood as in 2021, ordinary gossip beside it, and a flood over midnight.
\ir lib/addresses.sql

SELECT scenario.node('a', '2 s'), scenario.node('b');
SELECT scenario.peer('a', 1, '192.0.2.66:51000', true, '12:00:00'),
       scenario.peer('a', 2, '198.51.100.2:8333', false, '08:00:00'),
       scenario.peer('a', 3, '192.0.2.67:51000', true, '23:58:00', '2 00:10:00'),
       scenario.peer('a', 4, '198.51.100.4:8333', false, '08:00:00');

-- The address at a place in a flood: the first byte is any of 1 … 200, as often as any other.
CREATE FUNCTION scenario.random_addrs(message int, salt int) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg((i % 200 + 1) || '.' || salt || '.' || i / 250 || '.' || i % 250 ORDER BY i)
    FROM generate_series(message * 10, message * 10 + 9) i
$$;

-- 24 of what will come b knows from the day before.
SELECT scenario.receive('b', 9, '2026-06-30 12:00Z', 'getaddr_response', scenario.random_addrs(1, 1)),
       scenario.receive('b', 9, '2026-06-30 12:00Z', 'getaddr_response', scenario.random_addrs(60, 1)),
       scenario.receive('b', 9, '2026-06-30 12:00Z', 'getaddr_response', (scenario.random_addrs(90, 1))[1:4]);
-- 120 messages of ten addresses, three a second from 12:00:30 on, dated nine minutes ahead. One address finds a token;
-- the rest is counted, and the first two messages of it make it into the rollups.
SELECT scenario.receive('a', 1, scenario.at('12:00:30') + i * interval '333 ms', 'gossip', scenario.random_addrs(i, 1),
                        age => '-9 minutes', passed => CASE WHEN i = 0 THEN 1 ELSE 0 END,
                        kept => CASE WHEN i < 2 THEN 10 ELSE 0 END)
  FROM generate_series(0, 119) i;
-- b hears of the first address a little later: that does not make it one seen before.
SELECT scenario.receive('b', 5, scenario.at('12:01:00'), 'gossip', '{1.1.0.0}', age => '-9 minutes');

-- Ordinary gossip: a message each half minute for two hours, mostly of few entries, each tenth one of exactly ten; and
-- a full answer to a getaddr.
SELECT scenario.receive('a', 2, scenario.at('10:00:00') + i * interval '30 s', 'gossip',
                        scenario.addrs('203.0.' || i, 1, CASE WHEN i % 10 = 0 THEN 10 ELSE 1 + i % 4 END))
  FROM generate_series(0, 239) i;
SELECT scenario.receive('a', 4, scenario.at('08:00:10'), 'getaddr_response', scenario.addrs('100.64.1', 1, 1000));
-- Four messages of ten in one minute are not yet a flood, and another one hours later does not make them one.
SELECT scenario.receive('a', 4, scenario.at('09:00:10') + i * interval '10 s', 'gossip', scenario.addrs('100.65.' || i, 1, 10))
  FROM generate_series(0, 3) i;
SELECT scenario.receive('a', 4, scenario.at('11:00:00'), 'gossip', scenario.addrs('100.66.1', 1, 10));

-- Ten messages a minute from 23:59:30 to 0:00:30 by a's clock; all with first byte 77, and 5 minutes old.
SELECT scenario.receive('a', 3, scenario.at('23:59:32') + i * interval '6 s', 'gossip', scenario.addrs('77.7.' || i, 1, 10),
                        age => '5 minutes', passed => 0)
  FROM generate_series(0, 9) i;
-- After half an hour of quiet it goes on: that is another stretch.
SELECT scenario.receive('a', 3, scenario.at('2 00:31:02') + i * interval '1 s', 'gossip', scenario.addrs('77.8.' || i, 1, 10),
                        age => '5 minutes', passed => 0)
  FROM generate_series(0, 5) i;

CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() $$, '∅');

-- 1 200 addresses of which 24 were known: 98 % novel. 200 first bytes, six each: log2 200 = 7.643856 bits.
SELECT scenario.expect('the flood has the signature of 2021',
  $$ SELECT node, run_id, peer_id, addr, "from", "to", messages, exact10, entries, novel_pct, future_pct,
            round(prefix_entropy::numeric, 6) AS prefix_entropy, passed_rate_limit
       FROM peerscope.addr_flood_candidates WHERE "from" < '2026-07-01 13:00Z' $$,
  $$
  a|100|1|192.0.2.66:51000|2026-07-01T12:00:30+00:00|2026-07-01T12:01:09.627+00:00|120|120|1200|98|100|7.643856|1
  $$);
SELECT scenario.expect('ordinary gossip, four full messages and an answer to a getaddr are no candidates',
  $$ SELECT peer_id FROM peerscope.addr_flood_candidates WHERE peer_id NOT IN (1, 3) $$, '');
-- By a's clock five messages come before midnight and five after: 23:59:30 … 54 and 0:00:00 … 24.
SELECT scenario.expect('a flood over midnight is a row on either day, one with a pause two',
  $$ SELECT "from", "to", messages, entries, novel_pct, future_pct, prefix_entropy, passed_rate_limit
       FROM peerscope.addr_flood_candidates WHERE peer_id = 3 ORDER BY "from" $$,
  $$
  2026-07-01T23:59:32+00:00|2026-07-01T23:59:56+00:00|5|50|100|0|0|0
  2026-07-02T00:00:02+00:00|2026-07-02T00:00:26+00:00|5|50|100|0|0|0
  2026-07-02T00:31:02+00:00|2026-07-02T00:31:07+00:00|6|60|100|0|0|0
  $$);

-- Peer 2: of twenty messages two have ten entries; of the others four have 1, five 2, four 3 and five 4: 20 + 46 = 66,
-- and twelve times that in 240.
SELECT scenario.expect('the rate limit adds up what each session sent, and what found no token',
  $$ SELECT session, entries, tokens, est_limited FROM peerscope.addr_rate_limit WHERE session LIKE 'a/%' ORDER BY session $$,
  $$
  a/100/1|1200|1|1199
  a/100/2|792|1|0
  a/100/3|160|1|160
  a/100/4|1050|1|0
  $$);
SELECT scenario.expect('sessions of a day are found by when they were opened',
  $$ SELECT session, opened_at FROM peerscope.addr_rate_limit
      WHERE opened_at >= '2026-07-01 23:00Z' AND opened_at < '2026-07-02 00:00Z' $$,
  'a/100/3|2026-07-01T23:57:58+00:00');
-- What a flood pushes beyond the bucket and the budget does not count as addresses: of 1 200 the 20 that were kept.
SELECT scenario.expect('the flood cannot inflate the count of addresses',
  $$ SELECT count(*) FROM peerscope.addr_sighting WHERE addr ~ '^\d+\.1\.' AND node_id = scenario.id('a') $$, '20');
