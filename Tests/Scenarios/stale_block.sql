-- Two blocks of height 100 within a second, just before midnight; a third one, and one on top of it, that nobody gets more of
-- than their headers; and at the next height a rival that is seen after midnight.
\ir lib/blocks.sql

SELECT scenario.node('n1');
SELECT scenario.node('n2', '3 s');
SELECT scenario.node('n3');
SELECT scenario.node('n4');
INSERT INTO peerscope.dirty_day (node_id, day) SELECT node_id, '2026-07-02' FROM peerscope.node;

SELECT scenario.header('n1', '23:50:00', 'root', 'before');
SELECT scenario.gets(n, '23:50:00', 'root', 99) FROM unnest(ARRAY['n1', 'n2', 'n3', 'n4']) n;

-- n1 gets A first, the others B; n1 hears of B too. n3 is told of C and C2 in a message of 2000 headers,
-- which is no announcement.
INSERT INTO peerscope.pool (pattern, name) VALUES ('mined by antpool sb7', 'AntPool East');
SELECT scenario.header('n1', '23:59:57', 'A', 'root', 'Mined by AntPool sb7xq');
SELECT scenario.gets('n1', '23:59:57', 'A', 100);
SELECT scenario.header('n2', '23:59:57.5', 'B', 'root', '/ViaBTC/Mined by someone/');
SELECT scenario.gets(n, '23:59:57.5', 'B', 100) FROM unnest(ARRAY['n2', 'n3', 'n4']) n;
SELECT scenario.message('n2', '23:59:58', 'A', 'headers', 2, true);
SELECT scenario.message('n1', '23:59:58', 'B', 'headers', 2, true);
SELECT scenario.header('n3', '23:59:58.2', 'C', 'root'), scenario.header('n3', '23:59:58.2', 'C2', 'C');

-- D on B: n1 changes over. E, on B as well, comes after midnight and to n4 alone, which stays with D.
SELECT scenario.header('n2', '23:59:59', 'D', 'B', '/ViaBTC/');
SELECT scenario.gets(n, '23:59:59', 'D', 101) FROM unnest(ARRAY['n2', 'n3', 'n4']) n;
SELECT scenario.connect('n1', '23:59:59.2', 'B', 100);
SELECT scenario.gets('n1', '23:59:59.3', 'D', 101);
SELECT scenario.header('n4', '2 00:00:01', 'E', 'B', 'a pool of my own');
SELECT scenario.message('n4', '2 00:00:01', 'E', 'cmpctblock', 5, true, NULL, 9000, 1, 1999);

SELECT scenario.commit();
CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');

SELECT scenario.expect('blocks beside the chain that most nodes ended up on are stale, headers included, with who first knew them',
  $$ SELECT height, scenario.names_of(block_hashes) AS blocks, array_to_string(first_nodes, ' ') AS nodes,
            (SELECT string_agg(to_char(t, 'HH24:MI:SS.MS'), ' ' ORDER BY t) FROM unnest(first_times) t) AS times,
            day, scenario.name_of(kept_hash) AS kept
       FROM peerscope.stale_blocks ORDER BY height $$,
  $$
  100|A C|n1 n3|23:59:57.000 23:59:58.200|2026-07-01|B
  101|C2 E|n3 n4|23:59:58.200 00:00:01.000|2026-07-01|D
  $$);

SELECT scenario.expect('a node that changed over left one block',
  $$ SELECT node, to_char(at, 'HH24:MI:SS.MS') AS at, scenario.name_of("from") AS "from", scenario.name_of("to") AS "to", depth
       FROM peerscope.reorganisations $$, 'n1|23:59:59.200|A|D|1');

SELECT scenario.expect('pools are told by their marks, whatever else they write, and who is not known keeps its text',
  $$ SELECT day, pool, blocks, stale, missing_tx FROM peerscope.block_pools ORDER BY day, pool $$,
  $$
  2026-07-01|*unknown*|3|2|0
  2026-07-01|AntPool East|1|1|0
  2026-07-01|ViaBTC|2|0|0
  2026-07-02|a pool of my own|1|1|0
  $$);

-- B: n2, n3, n4 at 57.520, n1 at 59.200; D: three at 59.020, n1 at 59.320. Skews 0 0 0 1680 0 0 0 300: p90 at 6.3 of 7 between
-- 300 and 1680, p99 at 6.93.
SELECT scenario.expect('a pool''s skews are those of its blocks at all nodes',
  $$ SELECT round(p50_ms::numeric, 3) AS p50, round(p90_ms::numeric, 3) AS p90, round(p99_ms::numeric, 3) AS p99
       FROM peerscope.block_pools WHERE pool = 'ViaBTC' $$, '0.000|714.000|1583.400');

-- Nodes of a test network, whose chain happens to be as high, and has a stale block as well.
SELECT scenario.node('t1'), scenario.node('t2');
SELECT scenario.header('t1', '23:40:00', 'T0', 'before T0'), scenario.header('t1', '23:58:00', 'T1', 'T0'),
       scenario.header('t2', '23:59:00', 'U1', 'T0');
SELECT scenario.gets(n, '23:40:00', 'T0', 99), scenario.gets(n, '23:58:00', 'T1', 100) FROM unnest(ARRAY['t1', 't2']) n;
SELECT scenario.commit();
CALL peerscope.digest();
SELECT scenario.expect('blocks of another network are no rivals, of whatever height',
  $$ SELECT height, scenario.names_of(block_hashes) AS blocks, scenario.name_of(kept_hash) AS kept
       FROM peerscope.stale_blocks ORDER BY height, kept $$,
  $$
  100|A C|B
  100|U1|T1
  101|C2 E|D
  $$);

-- Thirty signatures that nobody knows, of one block each: twenty are named, the first by the alphabet.
SELECT scenario.header('n1', '13:' || to_char(i, 'FM00') || ':00', 'block ' || i, 'block ' || i - 1, 'miner ' || to_char(i, 'FM00')),
       scenario.gets('n1', '13:' || to_char(i, 'FM00') || ':00', 'block ' || i, 200 + i)
  FROM generate_series(1, 30) i;
SELECT scenario.commit();
INSERT INTO peerscope.dirty_day (node_id, day) VALUES (scenario.id('n1'), '2026-07-01');
CALL peerscope.digest();
SELECT scenario.expect('unknown signatures are bounded in number',
  $$ SELECT count(*) FILTER (WHERE pool LIKE 'miner%') AS named, min(pool) FILTER (WHERE pool LIKE 'miner%') AS first,
            max(pool) FILTER (WHERE pool LIKE 'miner%') AS last, sum(blocks) FILTER (WHERE pool = '*other*') AS other
       FROM peerscope.block_pools WHERE day = '2026-07-01' $$, '20|miner 01|miner 20|10');
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');
