-- Fills a database with what a fleet of mainnet nodes reports, so that sizes and times can be measured. Run again with later days
-- it goes on where it ended: same nodes, same lasting peers.
--
--     psql -v nodes=10 -v days=10 -v scale=0.0075 -f Tests/Volume/mainnet_day.sql
--
--   nodes     nodes of the fleet (default 1)
--   days      days, the last of which is `last_day` (default 1)
--   scale     share of a mainnet node's traffic (default 1). What DESIGN.md (Volume) says of a node with 125 connections and a
--             day is reached at 1: 9 M messages, 42 M inventory entries of which one transaction in 64 is kept, 2.5 M address
--             entries, 0.5 M transactions. Blocks stay 144 a day at any scale, and connections do not fall below twelve.
--   last_day  the last day, UTC (default yesterday)
--
-- Rows are as the aggregator writes them: event tables in the order of time, nodes interleaved; hashes and payloads are
-- random, so that nothing compresses that would not in reality; the same transaction, block or address is seen by all
-- nodes, each a little later than the first.
-- peerscope.digest() is left to the caller.

\set ON_ERROR_STOP 1
\if :{?nodes}
\else
\set nodes 1
\endif
\if :{?days}
\else
\set days 1
\endif
\if :{?scale}
\else
\set scale 1
\endif
SET client_min_messages = warning;
SET timezone = 'UTC';
SET synchronous_commit = off;
-- Rows stay in the order in which they are made: a hash join keeps the order of its probing side.
SET enable_mergejoin = off;
SET work_mem = '256MB';
SET temp_buffers = '256MB';
\if :{?last_day}
\else
SELECT ((now() AT TIME ZONE 'UTC')::date - 1)::text AS last_day \gset
\endif
SELECT setseed(0.5) \gset ignored_
SELECT NOT EXISTS (SELECT FROM peerscope.node) AS begins \gset

SELECT (:'last_day'::date - :days + 1)::text AS first_day,
       greatest(12, round(125 * sqrt(:scale)))::int AS peers,
       round(3500 * :scale)::int + 25 AS visits,
       round(8300000 * :scale)::bigint AS plain_messages,
       round(500000 * :scale)::int AS txs,
       round(600000 * :scale)::int + 200 AS known_addresses,
       round(60000 * :scale)::int + 20 AS new_addresses,
       round(400000 * :scale)::int + 100 AS announcements,
       round(360000 * :scale)::bigint AS pings \gset

-- A mainnet's numbers are out of place in a comment of time: microseconds of a day.
CREATE OR REPLACE FUNCTION pg_temp.at(day_no int, us float8) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
$$ SELECT timestamptz '2000-01-01 00:00+00' + day_no * interval '1 day' + least(us, 86399e6) * interval '1 microsecond' $$;
-- Clock segments are minutes; day 0 is 2000-01-01, so that a segment's number fits an int for ever.
CREATE OR REPLACE FUNCTION pg_temp.clk(day_no int, us float8) RETURNS int LANGUAGE sql IMMUTABLE AS
$$ SELECT day_no * 1440 + (least(us, 86399e6) / 60e6)::int $$;
CREATE OR REPLACE FUNCTION pg_temp.hash(kind bigint, day_no bigint, number bigint) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT sha256(int8send(kind * 1000000000000000 + day_no * 10000000000 + number)) $$;
-- Payloads are pieces of one large random value: no piece compresses.
CREATE TEMP TABLE noise (value bytea);
ALTER TABLE noise ALTER value SET STORAGE EXTERNAL;
INSERT INTO noise SELECT string_agg(sha256(int8send(i)), '') FROM generate_series(1, 4096) AS i;
CREATE OR REPLACE FUNCTION pg_temp.noise(bytes int) RETURNS bytea LANGUAGE sql VOLATILE AS
$$ SELECT substr(value, 1 + (random() * 100000)::int, bytes) FROM noise $$;
-- An exponential delay of the given mean.
CREATE OR REPLACE FUNCTION pg_temp.delay(mean_us float8) RETURNS float8 LANGUAGE sql VOLATILE AS
$$ SELECT -mean_us * ln(1 - random()) $$;
-- Addresses by number: six in ten IPv4, a quarter onion; as Core prints them.
CREATE OR REPLACE FUNCTION pg_temp.network(number bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT (ARRAY['ipv4', 'onion', 'ipv4', 'ipv6', 'ipv4', 'onion', 'ipv4', 'i2p', 'ipv4', 'ipv4', 'onion', 'ipv4', 'ipv6', 'ipv4',
                 'onion', 'ipv4', 'cjdns', 'ipv4', 'onion', 'ipv4'])[1 + number % 20] $$;
CREATE OR REPLACE FUNCTION pg_temp.address(number bigint) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    h    bytea := sha256(int8send(number));
    hex  text := encode(h, 'hex');
    text_ text := '';
BEGIN
    CASE pg_temp.network(number)
        WHEN 'ipv4' THEN
            RETURN (1 + get_byte(h, 0) % 222) || '.' || get_byte(h, 1) || '.' || get_byte(h, 2) || '.' || (1 + get_byte(h, 3) % 254);
        WHEN 'ipv6' THEN
            RETURN '2a0' || substr(hex, 1, 1) || ':' || substr(hex, 2, 4) || ':' || substr(hex, 6, 4) || '::' || substr(hex, 10, 4);
        WHEN 'cjdns' THEN
            RETURN 'fc' || substr(hex, 1, 2) || regexp_replace(substr(hex, 3, 28), '(.{4})', ':\1', 'g');
        ELSE
            FOR i IN 0 .. 51 LOOP
                text_ := text_ || substr('abcdefghijklmnopqrstuvwxyz234567', 1 + (get_byte(h, i % 32) + i / 32 * 7) % 32, 1);
            END LOOP;
            RETURN CASE pg_temp.network(number) WHEN 'onion' THEN text_ || 'abqd.onion' ELSE text_ || '.b32.i2p' END;
    END CASE;
END $$;

\echo the fleet and its clocks
-- Days as numbers since 2000-01-01, and what each node is.
CREATE TEMP TABLE day AS
SELECT (d::date - date '2000-01-01') AS day_no, d::date AS day
  FROM generate_series(:'first_day'::timestamp, :'last_day'::timestamp, '1 day') AS d;
CREATE TEMP TABLE fleet AS
SELECT n AS node_id, 1000000000000 + n AS run_id, 7000000000000 + n AS stream_id, -- how late it tends to hear of things
       20000.0 + 15000 * (n % 7) AS lag_us, n * 500000 AS corr_ns,
       (ARRAY['/Satoshi:29.0.0/', '/Satoshi:28.1.0/', '/Satoshi:30.0.0/'])[1 + n % 3] AS user_agent
  FROM generate_series(1, :nodes) AS n;
SELECT sum(peerscope.ensure_day(d)) AS partitions
  FROM (SELECT day AS d FROM day UNION ALL SELECT :'last_day'::date + 1 ORDER BY 1) s \gset

\if :begins
INSERT INTO peerscope.node (node_id, name, network, first_seen_at)
SELECT node_id, 'node' || node_id, 'main', :'first_day'::timestamp AT TIME ZONE 'UTC' FROM fleet;
SELECT setval(pg_get_serial_sequence('peerscope.node', 'node_id'), :nodes) \gset ignored_
INSERT INTO peerscope.agent (agent_id, version, kernel, source, last_seen_at)
SELECT 'host' || node_id, '0.1.0', '6.12.0', 'ebpf', NULL FROM fleet;
INSERT INTO peerscope.clock_reference VALUES ('00000000-0000-4000-8000-000000000001', 1700000000000000000);
INSERT INTO peerscope.process_run (node_id, run_id, stream_id, boot_id, pid, start_ticks, started_at, exe, dev, inode,
                                   user_agent, node_clock_lo_s, node_clock_hi_s, fee_floor, fee_floor_at)
SELECT node_id, run_id, stream_id, '00000000-0000-4000-8000-000000000002', 1000 + node_id, 1, pg_temp.at(day_no, 0),
       '/usr/bin/bitcoind', 1, 1, user_agent, -0.5, 0.5, 100, pg_temp.at(day_no, 0)
  FROM fleet, (SELECT min(day_no) AS day_no FROM day) d;
INSERT INTO peerscope.attached_probe (node_id, tracepoint, dev, inode, attached_at, status, nargs, sites, semaphore, layout, path)
SELECT node_id, t, 1, 1, pg_temp.at(day_no, 0), 'attached', 6, 1, true, 0, '/usr/bin/bitcoind'
  FROM fleet, (SELECT min(day_no) AS day_no FROM day) d, unnest(ARRAY['net:inbound_message', 'net:outbound_message',
       'net:inbound_connection', 'net:outbound_connection', 'net:closed_connection', 'net:evicted_inbound_connection',
       'net:misbehaving_connection', 'validation:block_connected', 'mempool:added', 'mempool:removed', 'mempool:replaced',
       'mempool:rejected', 'utxocache:flush']) AS t;
INSERT INTO peerscope.capture_interval (node_id, run_id, tracepoint, valid_from)
SELECT p.node_id, f.run_id, p.tracepoint, p.attached_at FROM peerscope.attached_probe p JOIN fleet f USING (node_id);
\endif
UPDATE peerscope.agent SET last_seen_at = pg_temp.at((SELECT max(day_no) FROM day), 86399e6);
INSERT INTO peerscope.agent_status
SELECT node_id, pg_temp.at((SELECT max(day_no) FROM day), 86399e6), 0, 30000000, 0, 1000 FROM fleet
    ON CONFLICT (node_id) DO UPDATE SET ts = excluded.ts;
INSERT INTO peerscope.clock_segment (node_id, clk, boot_id, valid_from, valid_to, corr_ns, eps_ns, reference, ref_maxerror_ns,
                                     quality, provisional, from_mono_ns, to_mono_ns, real_minus_mono_ns)
SELECT node_id, day_no * 1440 + minute, '00000000-0000-4000-8000-000000000002', pg_temp.at(day_no, minute * 60e6),
       pg_temp.at(day_no, minute * 60e6 + 60e6), corr_ns + (random() * 20000)::bigint, 150000 + (random() * 100000)::bigint,
       '00000000-0000-4000-8000-000000000001', 2000000, 'exchange', false,
       (day_no * 1440 + minute) * 60000000000, (day_no * 1440 + minute + 1) * 60000000000, 1700000000000000000
  FROM day, generate_series(0, 1440) AS minute, fleet
    ON CONFLICT (node_id, clk) DO NOTHING;
INSERT INTO peerscope.clock_sample (node_id, ts, clk, mono_ns, lo_ns, hi_ns, reference, reference_offset_ns, agg_real_minus_mono_ns,
                                    agg_maxerror_ns, agg_sync, node_real_minus_mono_ns, node_maxerror_ns, node_sync, boot_id)
SELECT node_id, pg_temp.at(day_no, s * 10e6), day_no * 1440 + s / 6, (day_no * 8640 + s) * 10000000000, -150000, 150000,
       '00000000-0000-4000-8000-000000000001', 1700000000000000000, 1700000000000000000, 2000000, true, 1700000000000000000,
       3000000, true, '00000000-0000-4000-8000-000000000002'
  FROM day, generate_series(0, 8639) AS s, fleet;

\echo peers
-- Peers that stay are numbered from 1, a dozenth of them outbound; peer 1 of each node is the next node of the fleet, and peer 2
-- the one before; peers 3 to 5 are the same at all nodes. Visits are short: feelers, crawlers, and peers that come and go; every tenth of them is of one /24 that
-- visits all nodes and only listens.
CREATE TEMP TABLE peer AS
SELECT node_id, run_id, p::bigint AS peer_id, NULL::int AS day_no,
       CASE WHEN p = 1 THEN '203.0.113.' || node_id % :nodes + 1 WHEN p = 2 THEN '203.0.113.' || (node_id + :nodes - 2) % :nodes + 1
            WHEN p <= 5 THEN pg_temp.address(20 * p) ELSE pg_temp.address(node_id * 1000000 + p) END AS host,
       CASE WHEN p <= 2 THEN 'ipv4' WHEN p <= 5 THEN pg_temp.network(20 * p) ELSE pg_temp.network(node_id * 1000000 + p) END AS network,
       CASE WHEN p IN (1, 3, 4, 5, 6, 7, 8, 9) THEN 'outbound-full-relay' WHEN p IN (10, 11) THEN 'block-relay-only'
            ELSE 'inbound' END AS conn_type,
       p AS open_us, NULL::float8 AS life_us, false AS spies
  FROM fleet, generate_series(1, :peers) AS p
UNION ALL
SELECT node_id, run_id, 1000 + day_no::bigint * 1000000 + v, day_no,
       CASE WHEN v % 10 = 9 THEN '198.51.100.' || 1 + v % 40 ELSE pg_temp.address(node_id * 1000000 + 50000 + v % 20000) END,
       CASE WHEN v % 10 = 9 THEN 'ipv4' ELSE pg_temp.network(node_id * 1000000 + 50000 + v % 20000) END,
       CASE WHEN v % 10 = 9 THEN 'inbound' WHEN v % 5 = 1 THEN 'feeler' ELSE 'inbound' END,
       86000e6 * v / :visits, CASE WHEN v % 10 = 9 THEN 3600e6 ELSE 1e6 + pg_temp.delay(900e6) END, v % 10 = 9
  FROM day, fleet, generate_series(1, :visits) AS v;
CREATE INDEX ON peer (node_id, peer_id);
ANALYZE peer;
CREATE TEMP TABLE session AS
SELECT *, CASE network WHEN 'ipv6' THEN '[' || host || ']' WHEN 'cjdns' THEN '[' || host || ']' ELSE host END
             || ':' || CASE WHEN conn_type = 'inbound' THEN 10000 + (peer_id * 7919) % 50000 ELSE 8333 END AS addr,
       pg_temp.at(coalesce(day_no, (SELECT min(d.day_no) FROM day d)), open_us) AS opened_at,
       CASE WHEN life_us IS NOT NULL AND open_us + life_us < 86399e6 THEN pg_temp.at(day_no, open_us + life_us) END AS closed_at
  FROM peer;
CREATE INDEX ON session (node_id, peer_id);
ANALYZE session;

INSERT INTO peerscope.connection_event (node_id, run_id, ts, clk, seq, event, peer_id, addr, conn_type, network, connections,
                                        connected_at, reason)
SELECT node_id, run_id, at, pg_temp.clk(coalesce(day_no, (SELECT min(d.day_no) FROM day d)), us),
       row_number() OVER (ORDER BY at), event, peer_id, addr, conn_type, network, CASE WHEN event IN ('inbound', 'outbound') THEN :peers END,
       CASE WHEN event IN ('closed', 'evicted') THEN opened_at END, CASE event WHEN 'misbehaving' THEN 'headers message size = 2001' END
  FROM (SELECT s.*, CASE conn_type WHEN 'inbound' THEN 'inbound' ELSE 'outbound' END AS event, opened_at AS at, open_us AS us FROM session s
         WHERE :'begins'::bool OR day_no IS NOT NULL
        UNION ALL
        SELECT s.*, 'closed', closed_at, open_us + life_us FROM session s WHERE closed_at IS NOT NULL
        UNION ALL
        SELECT s.*, 'evicted', closed_at, open_us + life_us FROM session s
         WHERE closed_at IS NOT NULL AND conn_type = 'inbound' AND peer_id % 50 = 0
        UNION ALL
        SELECT s.*, 'misbehaving', closed_at, open_us + life_us FROM session s WHERE closed_at IS NOT NULL AND peer_id % 500 = 3) e
 ORDER BY at;

\echo blocks
-- A block every ten minutes, and one a day that loses against another of its height. stale: the loser; by whom: who saw it.
CREATE TEMP TABLE block AS
SELECT day_no, j, false AS stale, pg_temp.hash(1, day_no, j) AS hash,
       CASE WHEN j > 0 THEN pg_temp.hash(1, day_no, j - 1) ELSE pg_temp.hash(1, day_no - 1, 143) END AS prev_hash,
       700000 + (day_no - 9000) * 144 + j AS height, j * 600e6 + 300e6 AS us, 3000 + j AS transactions
  FROM day, generate_series(0, 143) AS j
UNION ALL
SELECT day_no, 77, true, pg_temp.hash(2, day_no, 77), pg_temp.hash(1, day_no, 76), 700000 + (day_no - 9000) * 144 + 77, 77 * 600e6 + 298e6, 2900
  FROM day;
-- How it came to each node. Half of the nodes connect the stale block first and leave it with the next one.
CREATE TEMP TABLE arrival AS
SELECT b.*, f.node_id, f.run_id, f.lag_us, b.us + f.lag_us + pg_temp.delay(150000) AS s0_us,
       3 + (b.j + f.node_id) % 7 AS first_peer, (b.j + f.node_id) % 4 = 0 AS lacks,
       (60000000 + random() * 120000000)::bigint AS duration_ns, NOT b.stale OR f.node_id % 2 = 0 AS connects
  FROM block b, fleet f;
CREATE INDEX ON arrival (node_id, day_no);
ANALYZE arrival;

INSERT INTO peerscope.block_header (hash, prev_hash, height, time, first_node, first_ts, pool_tag, version, bits, transactions)
SELECT DISTINCT ON (hash) hash, prev_hash, height, pg_temp.at(day_no, us - 20e6), node_id, pg_temp.at(day_no, s0_us),
       (ARRAY['/Foundry USA Pool #dropgold/', '/AntPool/', '/ViaBTC/Mined by x/', 'Mined by F2Pool', '/SpiderPool/'])[1 + j % 5],
       536870912, 386089497, transactions
  FROM arrival ORDER BY hash, s0_us, node_id;
INSERT INTO peerscope.block_connected (node_id, run_id, ts, clk, seq, hash, height, transactions, inputs, sigops_cost, duration_ns, tid)
SELECT node_id, run_id, pg_temp.at(day_no, s0_us + 100000 + duration_ns / 1000), pg_temp.clk(day_no, s0_us + 100000 + duration_ns / 1000),
       j, hash, height, transactions, transactions * 2, transactions * 10, duration_ns, 4242
  FROM arrival WHERE connects ORDER BY day_no, s0_us;
INSERT INTO peerscope.validation_window (node_id, run_id, tid, connected_ts, clk, start_ts, last_removal_ts, hash, removed)
SELECT node_id, run_id, 4242, pg_temp.at(day_no, s0_us + 100000 + duration_ns / 1000),
       pg_temp.clk(day_no, s0_us + 100000 + duration_ns / 1000), pg_temp.at(day_no, s0_us + 100000),
       pg_temp.at(day_no, s0_us + 120000 + duration_ns / 1000), hash, transactions - 1 - j % 40
  FROM arrival WHERE connects;
INSERT INTO peerscope.compact_missing_tx (node_id, hash, wtxid, txid, run_id, peer_id, ts, clk, size)
SELECT node_id, hash, pg_temp.hash(3, day_no, t), pg_temp.hash(4, day_no, t), run_id, first_peer, pg_temp.at(day_no, s0_us + 90000),
       pg_temp.clk(day_no, s0_us + 90000), 400
  FROM (SELECT a.*, ((a.j * 3000 + i * 17) % greatest(:txs, 1))::bigint AS t FROM arrival a, generate_series(1, 20) AS i WHERE lacks) m
    ON CONFLICT DO NOTHING;
-- Who named it: every peer that stays, one or two messages each, some of them compact blocks.
CREATE TEMP TABLE naming AS
SELECT a.node_id, a.run_id, a.day_no, a.hash, p.peer_id, m.inbound, m.msg_type, least(a.s0_us + m.after_us + CASE WHEN p.peer_id = a.first_peer
       THEN 0 ELSE 2000 + pg_temp.delay(400000) END, 86399e6) AS us, m.size, a.transactions
  FROM arrival a
 CROSS JOIN generate_series(1, :peers) AS p (peer_id)
 CROSS JOIN LATERAL (
       SELECT true AS inbound, CASE WHEN p.peer_id IN (a.first_peer, 3, 4) THEN 'cmpctblock' ELSE 'headers' END AS msg_type, 0 AS after_us,
              CASE WHEN p.peer_id IN (a.first_peer, 3, 4) THEN 11000 + (random() * 9000)::int ELSE 82 END AS size
       UNION ALL
       SELECT false, CASE WHEN p.peer_id IN (12, 13, 14) THEN 'cmpctblock' ELSE 'headers' END, 200000,
              CASE WHEN p.peer_id IN (12, 13, 14) THEN 11000 + (random() * 9000)::int ELSE 82 END WHERE p.peer_id % 2 = 0
       UNION ALL SELECT true, 'getdata', 400000, 37 WHERE p.peer_id % 6 = 0 AND p.peer_id > 14
       UNION ALL SELECT false, 'cmpctblock', 410000, 11000 + (random() * 9000)::int WHERE p.peer_id % 6 = 0 AND p.peer_id > 14
       UNION ALL SELECT false, 'getblocktxn', 3000, 60 WHERE a.lacks AND p.peer_id = a.first_peer
       UNION ALL SELECT true, 'blocktxn', 90000, 8000 WHERE a.lacks AND p.peer_id = a.first_peer) m;
-- One block in ten a node asks the next node of the fleet for: four messages over their link, seen at both ends.
INSERT INTO naming (node_id, run_id, day_no, hash, peer_id, inbound, msg_type, us, size, transactions)
SELECT e.node_id, f.run_id, a.day_no, a.hash, e.peer_id, e.inbound, e.msg_type, a.s0_us + 500000 + e.after_us, e.size, a.transactions
  FROM arrival a
 CROSS JOIN LATERAL (VALUES (a.node_id, 1, false, 'getdata', 0, 37), (a.node_id % :nodes + 1, 2, true, 'getdata', 20000, 37),
                            (a.node_id % :nodes + 1, 2, false, 'cmpctblock', 21000, 12000), (a.node_id, 1, true, 'cmpctblock', 41000, 12000)
                    ) AS e (node_id, peer_id, inbound, msg_type, after_us, size)
  JOIN fleet f ON f.node_id = e.node_id
 WHERE a.j % 10 = 0 AND NOT a.stale AND :nodes > 1;
INSERT INTO peerscope.block_announcement (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, hash, entries, prefilled, short_ids,
                                          requested, size, tid)
SELECT node_id, run_id, pg_temp.at(day_no, us), pg_temp.clk(day_no, us), row_number() OVER (), peer_id, inbound, msg_type, hash,
       CASE WHEN msg_type IN ('headers', 'getdata') THEN 1 END, CASE msg_type WHEN 'cmpctblock' THEN 1 END,
       CASE msg_type WHEN 'cmpctblock' THEN transactions - 1 END, CASE WHEN msg_type IN ('getblocktxn', 'blocktxn') THEN 20 END, size, 4242
  FROM naming ORDER BY day_no, us;
-- block_arrival follows from these as it does for the writer.
CREATE TEMP TABLE touched_block AS SELECT node_id, hash FROM arrival;
SELECT peerscope.refresh_block_arrival() \gset ignored_
INSERT INTO peerscope.p2p_message (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, size, captured, decode_status, conn_type,
                                   addr, tid, payload)
SELECT n.node_id, n.run_id, pg_temp.at(n.day_no, n.us), pg_temp.clk(n.day_no, n.us), row_number() OVER (), n.peer_id, n.inbound, n.msg_type,
       n.size, n.size, 'ok', s.conn_type, s.addr, 4242,
       CASE WHEN n.msg_type IN ('cmpctblock', 'getblocktxn', 'headers') THEN pg_temp.noise(n.size) END
  FROM naming n JOIN session s USING (node_id, peer_id) ORDER BY n.day_no, n.us;
INSERT INTO peerscope.utxocache_flush (node_id, run_id, ts, clk, seq, duration_us, mode, coins, bytes, for_prune)
SELECT node_id, run_id, pg_temp.at(day_no, hour * 3600e6 + 1), pg_temp.clk(day_no, hour * 3600e6 + 1), hour, 800000, 2, 1000000, 90000000, false
  FROM day, generate_series(0, 23) AS hour, fleet;
INSERT INTO peerscope.tracepoint_count (node_id, run_id, ts, clk, seq, tracepoint, count)
SELECT node_id, run_id, pg_temp.at(day_no, minute * 60e6), day_no * 1440 + minute, minute, t, 3000
  FROM day, generate_series(0, 1439) AS minute, fleet, unnest(ARRAY['utxocache:add', 'utxocache:spent', 'utxocache:uncache']) AS t;

\echo messages
-- What kinds of messages there are, in thousandths, with their usual size and whether their payload is kept; numbers are of
-- plain relay, what belongs to blocks is above.
CREATE TEMP TABLE kind AS
SELECT row_number() OVER ()::int - 1 AS slot, k.inbound, k.msg_type, k.size, k.kept
  FROM (VALUES (true, 'inv', 230, 300, false), (false, 'inv', 280, 250, false), (true, 'getdata', 90, 150, false),
               (false, 'getdata', 75, 180, false), (true, 'tx', 58, 420, false), (false, 'tx', 90, 420, false),
               (true, 'ping', 11, 8, false), (false, 'ping', 11, 8, false), (true, 'pong', 11, 8, false), (false, 'pong', 11, 8, false),
               (true, 'addrv2', 42, 110, true), (false, 'addrv2', 60, 70, false), (true, 'feefilter', 8, 8, false),
               (false, 'feefilter', 8, 8, false), (true, 'notfound', 5, 60, false), (true, 'getheaders', 4, 1000, false),
               (true, 'addr', 3, 61, true), (true, 'sendcmpct', 2, 9, false), (true, 'version', 1, 110, true)
       ) AS k (inbound, msg_type, weight, size, kept), generate_series(1, k.weight);
INSERT INTO peerscope.p2p_message (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, size, captured, decode_status, conn_type,
                                   addr, tid, payload)
SELECT m.node_id, s.run_id, pg_temp.at(m.day_no, m.us), pg_temp.clk(m.day_no, m.us), 1000000 + m.number, m.peer_id, k.inbound, k.msg_type,
       m.size, m.size, 'ok', s.conn_type, s.addr, 4242, CASE WHEN k.kept THEN pg_temp.noise(m.size) END
  FROM (SELECT d.day_no, 1 + (i % :nodes)::int AS node_id, i AS number, 86399e6 * i / (:plain_messages * :nodes) AS us,
               1 + (random() * (:peers - 1))::int AS peer_id, (random() * 999)::int AS slot, random() AS size_factor
          FROM day d, generate_series(0, :plain_messages * :nodes - 1) AS i) r
  JOIN kind k USING (slot)
 CROSS JOIN LATERAL (SELECT r.*, greatest(8, k.size * (0.5 + r.size_factor))::int AS size) m
  JOIN session s ON s.node_id = m.node_id AND s.peer_id = m.peer_id;
-- A visit is its handshake, and what was asked.
INSERT INTO peerscope.p2p_message (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, size, captured, decode_status, conn_type,
                                   addr, tid, payload)
SELECT s.node_id, s.run_id, pg_temp.at(s.day_no, s.open_us + step * 20000), pg_temp.clk(s.day_no, s.open_us + step * 20000),
       row_number() OVER (), s.peer_id, v.inbound, v.msg_type, v.size, v.size, 'ok', s.conn_type, s.addr, 4242,
       CASE WHEN v.msg_type = 'version' THEN pg_temp.noise(v.size) END
  FROM session s
 CROSS JOIN (VALUES (1, true, 'version', 102), (2, false, 'version', 102), (3, true, 'wtxidrelay', 0), (4, true, 'sendaddrv2', 0),
                    (5, true, 'verack', 0), (6, false, 'verack', 0), (7, false, 'sendcmpct', 9), (8, true, 'sendcmpct', 9),
                    (9, false, 'ping', 8), (10, true, 'pong', 8), (11, true, 'getheaders', 1000), (12, false, 'feefilter', 8)
            ) AS v (step, inbound, msg_type, size)
 WHERE s.day_no IS NOT NULL
 ORDER BY s.day_no, s.open_us;
INSERT INTO peerscope.message_minute (node_id, minute, run_id, inbound, msg_type, conn_type, messages, bytes, truncated)
SELECT node_id, date_trunc('minute', ts) AS minute, run_id, inbound, msg_type, conn_type, count(*), sum(size), 0
  FROM peerscope.p2p_message WHERE ts >= :'first_day'::timestamp GROUP BY 2, 1, 3, 4, 5, 6 ORDER BY 2, 1;
CREATE TEMP TABLE traffic AS
SELECT node_id, run_id, peer_id, inbound, msg_type, count(*) AS messages, sum(size) AS bytes
  FROM peerscope.p2p_message WHERE ts >= :'first_day'::timestamp GROUP BY 1, 2, 3, 4, 5;
INSERT INTO peerscope.session_traffic AS t (node_id, run_id, peer_id, inbound, msg_type, messages, bytes)
SELECT node_id, run_id, peer_id, inbound, msg_type, messages, bytes FROM traffic
    ON CONFLICT (node_id, run_id, peer_id, inbound, msg_type) DO UPDATE
   SET messages = t.messages + excluded.messages, bytes = t.bytes + excluded.bytes;

\echo pings
-- Pings between nodes of the fleet are seen at both ends.
INSERT INTO peerscope.ping_event (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, nonce)
SELECT e.node_id, f.run_id, pg_temp.at(p.day_no, p.us + e.after_us), pg_temp.clk(p.day_no, p.us + e.after_us), p.i, e.peer_id, e.inbound,
       e.msg_type, p.nonce
  FROM (SELECT d.day_no, i, 1 + (i % :nodes)::int AS node_id, 86390e6 * i / (:pings / 4 * :nodes) AS us,
               CASE WHEN random() < 0.02 THEN 1 ELSE 3 + (random() * (:peers - 3))::int END AS peer_id,
               (random() * 9e18)::bigint AS nonce
          FROM day d, generate_series(0, :pings / 4 * :nodes - 1) AS i) p
 CROSS JOIN LATERAL (VALUES
       (p.node_id, p.peer_id::bigint, false, 'ping', 0), (p.node_id, p.peer_id, true, 'pong', 40000),
       (CASE WHEN p.peer_id = 1 AND :nodes > 1 THEN p.node_id % :nodes + 1 ELSE p.node_id END,
        CASE WHEN p.peer_id = 1 AND :nodes > 1 THEN 2 ELSE p.peer_id END, true, 'ping', 20000),
       (CASE WHEN p.peer_id = 1 AND :nodes > 1 THEN p.node_id % :nodes + 1 ELSE p.node_id END,
        CASE WHEN p.peer_id = 1 AND :nodes > 1 THEN 2 ELSE p.peer_id END, false, 'pong', 20100)
       ) AS e (node_id, peer_id, inbound, msg_type, after_us)
  JOIN fleet f ON f.node_id = e.node_id;

\echo sessions
INSERT INTO peerscope.peer_session AS o (node_id, run_id, peer_id, addr, network, conn_type, inbound, opened_at, handshaked_at, closed_at, evicted,
       misbehaviour, user_agent, services, protocol_version, addr_messages_in, addr_tokens, addr_tokens_at, msgs_in, msgs_out, bytes_in,
       bytes_out, last_ts, netgroup, group24, peer_height, peer_relay, peer_nonce, peer_time_s, own_user_agent, own_services, own_version,
       own_height, own_nonce, wants_addrv2, wants_wtxid, wants_headers, hb_from_peer, hb_to_peer, fee_filter, inv_in, inv_out, getdata_in,
       getdata_out, tx_in, tx_out, min_rtt_us)
SELECT s.node_id, s.run_id, s.peer_id, s.addr, s.network, s.conn_type, s.conn_type = 'inbound', s.opened_at,
       s.opened_at + interval '100 ms', s.closed_at, s.closed_at IS NOT NULL AND s.peer_id % 50 = 0 AND s.conn_type = 'inbound',
       CASE WHEN s.closed_at IS NOT NULL AND s.peer_id % 500 = 3 THEN 'headers message size = 2001' END,
       CASE WHEN s.spies THEN '/bitcoinj:0.14.4/Sniffer:1.0/' ELSE (ARRAY['/Satoshi:29.0.0/', '/Satoshi:28.0.0/', '/Satoshi:27.1.0/',
            '/Satoshi:25.0.0/', '/btcwire:0.5.0/btcd:0.24.2/'])[1 + s.peer_id % 5] END,
       1033, 70016, t.addr_in, 1, s.opened_at, t.msgs_in, t.msgs_out, t.bytes_in, t.bytes_out,
       coalesce(s.closed_at, pg_temp.at((SELECT max(day_no) FROM day), 86399e6)),
       CASE WHEN s.network = 'ipv4' THEN regexp_replace(s.host, '^(\d+\.\d+)\..*', '\1.0.0/16')
            WHEN s.network = 'onion' THEN 'onion:' || s.peer_id % 16 || '/4' END,
       CASE WHEN s.network = 'ipv4' THEN regexp_replace(s.host, '\.\d+$', '.0/24') END,
       800000, true, s.peer_id * 7919 + s.node_id, 0.1, f.user_agent, 1033, 70016, 800000, s.node_id * 1000003 + s.peer_id,
       true, true, true, s.peer_id % 9 = 0, s.peer_id IN (3, 4, 5), 1000, t.invs_in * 8, t.invs_out * 7, t.getdatas_in * 3, t.getdatas_out * 3,
       t.txs_in, t.txs_out, 20000 + (s.peer_id % 100) * 1000
  FROM session s
  JOIN fleet f USING (node_id)
  JOIN (SELECT node_id, run_id, peer_id, sum(messages) FILTER (WHERE inbound) AS msgs_in,
               coalesce(sum(messages) FILTER (WHERE NOT inbound), 0) AS msgs_out, sum(bytes) FILTER (WHERE inbound) AS bytes_in,
               coalesce(sum(bytes) FILTER (WHERE NOT inbound), 0) AS bytes_out,
               coalesce(sum(messages) FILTER (WHERE inbound AND msg_type = 'inv'), 0) AS invs_in,
               coalesce(sum(messages) FILTER (WHERE NOT inbound AND msg_type = 'inv'), 0) AS invs_out,
               coalesce(sum(messages) FILTER (WHERE inbound AND msg_type = 'getdata'), 0) AS getdatas_in,
               coalesce(sum(messages) FILTER (WHERE NOT inbound AND msg_type = 'getdata'), 0) AS getdatas_out,
               coalesce(sum(messages) FILTER (WHERE inbound AND msg_type = 'tx'), 0) AS txs_in,
               coalesce(sum(messages) FILTER (WHERE NOT inbound AND msg_type = 'tx'), 0) AS txs_out,
               coalesce(sum(messages) FILTER (WHERE inbound AND msg_type LIKE 'addr%'), 0)::int AS addr_in
          FROM traffic GROUP BY 1, 2, 3) t
    ON t.node_id = s.node_id AND t.run_id = s.run_id AND t.peer_id = s.peer_id
 ORDER BY s.opened_at
    ON CONFLICT (node_id, run_id, peer_id) DO UPDATE
   SET msgs_in = o.msgs_in + excluded.msgs_in, msgs_out = o.msgs_out + excluded.msgs_out, bytes_in = o.bytes_in + excluded.bytes_in,
       bytes_out = o.bytes_out + excluded.bytes_out, last_ts = excluded.last_ts, inv_in = o.inv_in + excluded.inv_in,
       inv_out = o.inv_out + excluded.inv_out, getdata_in = o.getdata_in + excluded.getdata_in,
       getdata_out = o.getdata_out + excluded.getdata_out, tx_in = o.tx_in + excluded.tx_in, tx_out = o.tx_out + excluded.tx_out,
       addr_messages_in = o.addr_messages_in + excluded.addr_messages_in;
-- The two ends of a link inside the fleet know each other's nonce.
UPDATE peerscope.peer_session o SET peer_nonce = i.own_nonce
  FROM peerscope.peer_session i
 WHERE o.peer_id = 1 AND i.peer_id = 2 AND i.node_id = o.node_id % :nodes + 1 AND :nodes > 1;
UPDATE peerscope.peer_session i SET peer_nonce = o.own_nonce
  FROM peerscope.peer_session o
 WHERE o.peer_id = 1 AND i.peer_id = 2 AND i.node_id = o.node_id % :nodes + 1 AND :nodes > 1;

\echo transactions
CREATE TEMP TABLE tx AS
SELECT day_no, i, pg_temp.hash(3, day_no, i) AS wtxid, CASE WHEN i % 12 = 0 THEN pg_temp.hash(3, day_no, i) ELSE pg_temp.hash(4, day_no, i) END AS txid,
       86300e6 * i / greatest(:txs, 1) AS us, 120 + (random() * 400)::int AS vsize, 200 + (random() * 5000)::bigint AS fee,
       -- Most go into the next block or the one after.
       (ceil((86300e6 * i / greatest(:txs, 1) - 300e6) / 600e6) + (i % 3)) * 600e6 + 300e6 AS mined_us
  FROM day, generate_series(0, :txs - 1) AS i;
ANALYZE tx;
-- Nineteen nodes in twenty hear of each, most within seconds.
CREATE TEMP TABLE heard AS
SELECT t.*, f.node_id, f.run_id, least(t.us + f.lag_us + pg_temp.delay(3e6), 86390e6) AS at_us, 3 + (random() * (:peers - 3))::int AS peer_id
  FROM tx t, fleet f WHERE (t.i + f.node_id) % 20 > 0;
ANALYZE heard;
INSERT INTO peerscope.tx_sighting (node_id, run_id, ts, clk, seq, peer_id, hash, is_wtxid, via)
SELECT node_id, run_id, pg_temp.at(day_no, at_us), pg_temp.clk(day_no, at_us), 2000000 + i, peer_id, wtxid, true, 'inv' FROM heard;
INSERT INTO peerscope.tx_seen (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, txid, wtxid, size, vsize)
SELECT node_id, run_id, pg_temp.at(day_no, at_us + e.after_us), pg_temp.clk(day_no, at_us + e.after_us), 2000000 + i,
       CASE WHEN e.inbound THEN peer_id ELSE 1 + (i * 7) % :peers END, e.inbound, 'tx', txid, wtxid, vsize + 60, vsize
  FROM heard CROSS JOIN (VALUES (true, 2000000, 1), (false, 5000000, 1), (false, 8000000, 2)) AS e (inbound, after_us, every)
 WHERE i % e.every = 0;
INSERT INTO peerscope.mempool_added (node_id, run_id, ts, clk, seq, txid, vsize, fee)
SELECT node_id, run_id, pg_temp.at(day_no, at_us + 2010000), pg_temp.clk(day_no, at_us + 2010000), 2000000 + i, txid, vsize, fee FROM heard;
INSERT INTO peerscope.mempool_removed (node_id, run_id, ts, clk, seq, txid, reason, vsize, fee, entry_time)
SELECT node_id, run_id, pg_temp.at(day_no, mined_us + lag_us), pg_temp.clk(day_no, mined_us + lag_us), 2000000 + i, txid,
       CASE WHEN i % 40 = 1 THEN 'replaced' ELSE 'block' END, vsize, fee, date_trunc('second', pg_temp.at(day_no, at_us + 2010000))
  FROM (SELECT *, 20000.0 + 15000 * (node_id % 7) AS lag_us FROM heard) h WHERE mined_us < 86390e6 AND mined_us > at_us + 3e6 ORDER BY day_no, mined_us;
INSERT INTO peerscope.mempool_replaced (node_id, run_id, ts, clk, seq, old_txid, old_vsize, old_fee, old_entry_time, new_id, new_vsize, new_fee,
                                        new_is_txid)
SELECT node_id, run_id, pg_temp.at(day_no, at_us + 60e6), pg_temp.clk(day_no, at_us + 60e6), 2000000 + i, txid, vsize, fee,
       date_trunc('second', pg_temp.at(day_no, at_us)), pg_temp.hash(5, day_no, i), vsize, fee + 500, true
  FROM heard WHERE i % 40 = 1;
INSERT INTO peerscope.mempool_rejected (node_id, run_id, ts, clk, seq, txid, reason)
SELECT node_id, run_id, pg_temp.at(day_no, at_us), pg_temp.clk(day_no, at_us), 2000000 + i, pg_temp.hash(6, day_no, i),
       (ARRAY['min relay fee not met', 'txn-mempool-conflict', 'insufficient fee', 'mempool min fee not met', 'too-long-mempool-chain'])[1 + i / 10 % 5]
  FROM heard WHERE i % 10 = 3;
INSERT INTO peerscope.mempool_reject_hour (node_id, hour, reason, count)
SELECT node_id, date_trunc('hour', ts), reason, count(*) FROM peerscope.mempool_rejected WHERE ts >= :'first_day'::timestamp GROUP BY 1, 2, 3;
INSERT INTO peerscope.mempool_entry (node_id, run_id, txid, added_at, clk, vsize, fee, removed_at, reason)
SELECT node_id, run_id, txid, pg_temp.at(day_no, at_us + 2010000), pg_temp.clk(day_no, at_us + 2010000), vsize, fee,
       CASE WHEN gone THEN pg_temp.at(day_no, mined_us + 20000.0 + 15000 * (node_id % 7)) END,
       CASE WHEN gone THEN CASE WHEN i % 40 = 1 THEN 'replaced' ELSE 'block' END END
  FROM (SELECT *, mined_us < 86390e6 AND mined_us > at_us + 3e6 AS gone FROM heard) h;
-- The sampled ones with every mention of them: some eighty a transaction.
INSERT INTO peerscope.inv_entry (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, inv_type, hash)
SELECT h.node_id, h.run_id, pg_temp.at(day_no, us), pg_temp.clk(day_no, us), 2000000 + h.i, 1 + n % :peers, inbound,
       CASE WHEN n < 4 THEN 'getdata' ELSE 'inv' END, 5, wtxid
  FROM (SELECT h.node_id, h.run_id, h.day_no, h.i, h.wtxid, n, n % 2 = 0 AS inbound, least(at_us + n * 150000 * random(), 86399e6) AS us
          FROM heard h, generate_series(0, 83) AS n WHERE get_byte(h.wtxid, 0) % 64 = 0) h
 ORDER BY day_no, us;

\echo addresses
-- Some that are always about, and each day new ones.
CREATE TEMP TABLE host AS
SELECT i AS number, pg_temp.network(i) AS network, pg_temp.address(i) AS addr, CASE WHEN i % 15 = 0 THEN 18333 + i % 100 ELSE 8333 END AS port
  FROM (SELECT generate_series(1, :known_addresses)::bigint AS i
        UNION ALL SELECT day_no * 10000000::bigint + n FROM day, generate_series(0, :new_addresses - 1) AS n) numbers;
ALTER TABLE host ADD PRIMARY KEY (number);
ANALYZE host;
-- Announcements of a day: which address, when in the fleet first, and as what. One in seven answers a getaddr.
CREATE TEMP TABLE announced AS
SELECT d.day_no, i, h.network, h.addr, h.port, 86000e6 * i / :announcements AS us, (ARRAY['gossip', 'gossip', 'gossip', 'gossip', 'gossip',
       'stale', 'getaddr_response'])[1 + i % 7] AS class,
       pg_temp.at(d.day_no, 86000e6 * i / :announcements) - CASE WHEN i % 7 = 6 THEN 5 * interval '1 day' * random() ELSE 300 * interval '1 second' * random() END
           AS announced_at
  FROM day d CROSS JOIN generate_series(0, :announcements - 1) AS i
  JOIN host h ON h.number = CASE WHEN i % 7 = 5 OR i % 6 > 0 THEN 1 + (i * 2654435761) % :known_addresses
                                 ELSE d.day_no * 10000000::bigint + (i / 6) % :new_addresses END;
ANALYZE announced;
CREATE TEMP TABLE told AS
SELECT a.*, f.node_id, f.run_id, least(a.us + pg_temp.delay(40e6), 86390e6) AS at_us, 3 + (random() * (:peers - 3))::int AS peer_id, 1 + (random() * 6)::int AS copies
  FROM announced a, fleet f WHERE (a.i + f.node_id) % 10 > 1;
ANALYZE told;
INSERT INTO peerscope.addr_entry (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, class, network, addr, port, services, announced_at)
SELECT node_id, run_id, pg_temp.at(day_no, us), pg_temp.clk(day_no, us), 3000000 + i, 1 + (peer_id + n) % :peers, inbound, 'addrv2',
       CASE WHEN inbound THEN class END, network, addr, port, 1033, date_trunc('second', announced_at)
  FROM (SELECT t.node_id, t.run_id, t.day_no, t.i, t.peer_id, t.class, t.network, t.addr, t.port, t.announced_at, n, n < t.copies AS inbound,
               t.at_us + n * 15e6 AS us
          FROM told t, generate_series(0, 9) AS n WHERE n < t.copies OR n >= 7 AND t.class = 'gossip') e
 ORDER BY day_no, us;
INSERT INTO peerscope.addr_announcement (node_id, network, addr, port, announced_at, class, first_seen, clk, run_id, first_peer, freshness_s, copies,
                                         last_seen, out_peers, first_out_at)
SELECT node_id, network, addr, port, date_trunc('second', announced_at), class, pg_temp.at(day_no, at_us), pg_temp.clk(day_no, at_us), run_id, peer_id,
       extract(epoch FROM pg_temp.at(day_no, at_us) - announced_at), copies, pg_temp.at(day_no, at_us + copies * 15e6),
       CASE WHEN class = 'gossip' THEN 2 ELSE 0 END, CASE WHEN class = 'gossip' THEN pg_temp.at(day_no, at_us + 20e6) END
  FROM told ORDER BY day_no, at_us
    ON CONFLICT DO NOTHING;
INSERT INTO peerscope.addr_day (node_id, run_id, ts, clk, seq, network, addr, port, class)
SELECT node_id, run_id, ts, clk, seq, network, addr, port, class
  FROM (SELECT DISTINCT ON (day_no, node_id, network, addr, port, class) day_no, node_id, run_id, pg_temp.at(day_no, at_us) AS ts,
               pg_temp.clk(day_no, at_us) AS clk, 3000000 + i AS seq, network, addr, port, class
          FROM told ORDER BY day_no, node_id, network, addr, port, class, at_us) d
 ORDER BY ts;
INSERT INTO peerscope.addr_sighting AS s (node_id, network, addr, port, first_seen, last_seen, count)
SELECT node_id, network, addr, port, min(pg_temp.at(day_no, at_us)), max(pg_temp.at(day_no, at_us)), sum(copies)
  FROM told GROUP BY 1, 2, 3, 4 ORDER BY 5
    ON CONFLICT (node_id, network, addr, port) DO UPDATE SET count = s.count + excluded.count, last_seen = excluded.last_seen;
INSERT INTO peerscope.addr_session_minute (node_id, minute, run_id, peer_id, messages, exact10, entries, future, passed, limited)
SELECT node_id, date_trunc('minute', pg_temp.at(day_no, at_us)), run_id, peer_id, count(*), count(*) FILTER (WHERE i % 97 = 0), sum(copies), 0, sum(copies), 0
  FROM told GROUP BY 2, 1, 3, 4 ORDER BY 2, 1;
-- What peers say of themselves, about once a day.
INSERT INTO peerscope.addr_announcement (node_id, network, addr, port, announced_at, class, first_seen, clk, run_id, first_peer, freshness_s, copies,
                                         last_seen)
SELECT node_id, network, host, 8333, date_trunc('second', at), 'self', at, pg_temp.clk(day_no, us), run_id, peer_id, 0, 1, at
  FROM (SELECT p.node_id, p.network, p.host, p.run_id, p.peer_id, d.day_no, 3600e6 + p.peer_id * 60e6 AS us,
               pg_temp.at(d.day_no, 3600e6 + p.peer_id * 60e6) AS at
          FROM peer p CROSS JOIN day d WHERE p.day_no IS NULL AND p.peer_id > 2) s
    ON CONFLICT DO NOTHING;
-- A visitor says who it is.
INSERT INTO peerscope.addr_session_minute (node_id, minute, run_id, peer_id, messages, exact10, entries, future, passed, limited)
SELECT node_id, date_trunc('minute', pg_temp.at(day_no, open_us)), run_id, peer_id, 1, 0, 1, 0, 1, 0
  FROM peer WHERE day_no IS NOT NULL AND NOT spies;
-- A peer pours addresses over one node for ten minutes, ten a message and a message a second; Core's token bucket lets one a
-- message pass, and the rest are counted.
CREATE TEMP TABLE poured AS
SELECT f.node_id, f.run_id, d.day_no, 12 AS peer_id, i, 50000e6 + i * 100000 AS us,
       (1 + i * 7919 % 222) || '.' || i / 250 % 250 || '.' || d.day_no % 250 || '.' || 1 + i % 250 AS addr
  FROM day d JOIN fleet f ON f.node_id = 1 + d.day_no % :nodes CROSS JOIN generate_series(0, 5999) AS i;
INSERT INTO peerscope.addr_entry (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, class, network, addr, port, services, announced_at)
SELECT node_id, run_id, pg_temp.at(day_no, us), pg_temp.clk(day_no, us), 4000000 + i / 10, peer_id, true, 'addr', 'gossip', 'ipv4', addr, 8333, 9,
       date_trunc('second', pg_temp.at(day_no, us) + interval '60 s')
  FROM poured ORDER BY day_no, us;
INSERT INTO peerscope.addr_session_minute AS m (node_id, minute, run_id, peer_id, messages, exact10, entries, future, passed, limited)
SELECT node_id, date_trunc('minute', pg_temp.at(day_no, us)), run_id, peer_id, count(*) / 10, count(*) / 10, count(*), count(*), 6, count(*) - 6
  FROM poured GROUP BY 2, 1, 3, 4
    ON CONFLICT (node_id, minute, run_id, peer_id) DO UPDATE
   SET messages = m.messages + excluded.messages, exact10 = m.exact10 + excluded.exact10, entries = m.entries + excluded.entries,
       future = excluded.future, passed = m.passed + excluded.passed, limited = excluded.limited;
INSERT INTO peerscope.addr_budget (node_id, day, opened, refused)
SELECT node_id, day, 100, 0 FROM day, fleet;

\echo bookkeeping
INSERT INTO peerscope.stream (node_id, stream_id, agent_id, first_seq, durable_seq, records, gap_seqs, last_event_at, last_batch_at)
SELECT node_id, stream_id, 'host' || node_id, 1, 1000000000, 1000000000, 0, pg_temp.at(day_no, 86399e6), pg_temp.at(day_no, 86399e6) + interval '1 second'
  FROM fleet, (SELECT max(day_no) AS day_no FROM day) d
    ON CONFLICT (node_id, stream_id) DO UPDATE SET last_event_at = excluded.last_event_at, last_batch_at = excluded.last_batch_at;
INSERT INTO peerscope.stream_tracepoint AS s (node_id, stream_id, run_id, ring_epoch, tracepoint, hits, stored)
SELECT f.node_id, f.stream_id, f.run_id, 1, c.tracepoint, c.rows, c.rows
  FROM (SELECT node_id, CASE WHEN inbound THEN 'net:inbound_message' ELSE 'net:outbound_message' END AS tracepoint, count(*) AS rows
          FROM peerscope.p2p_message WHERE ts >= :'first_day'::timestamp GROUP BY 1, 2
        UNION ALL SELECT node_id, 'mempool:added', count(*) FROM peerscope.mempool_added WHERE ts >= :'first_day'::timestamp GROUP BY 1
        UNION ALL SELECT node_id, 'mempool:removed', count(*) FROM peerscope.mempool_removed WHERE ts >= :'first_day'::timestamp GROUP BY 1
        UNION ALL SELECT node_id, 'mempool:replaced', count(*) FROM peerscope.mempool_replaced WHERE ts >= :'first_day'::timestamp GROUP BY 1
        UNION ALL SELECT node_id, 'mempool:rejected', count(*) FROM peerscope.mempool_rejected WHERE ts >= :'first_day'::timestamp GROUP BY 1
        UNION ALL SELECT node_id, 'validation:block_connected', count(*) FROM peerscope.block_connected WHERE ts >= :'first_day'::timestamp GROUP BY 1
        UNION ALL SELECT node_id, 'utxocache:flush', count(*) FROM peerscope.utxocache_flush WHERE ts >= :'first_day'::timestamp GROUP BY 1) c
  JOIN fleet f USING (node_id)
    ON CONFLICT (node_id, stream_id, run_id, ring_epoch, tracepoint) DO UPDATE SET hits = s.hits + excluded.hits, stored = s.stored + excluded.stored;
INSERT INTO peerscope.event_gap (node_id, stream_id, run_id, tracepoint, gap_from, gap_to, count, reason, declared_by, seq)
SELECT node_id, stream_id, run_id, 'net:inbound_message', pg_temp.at(day_no, 40000e6), pg_temp.at(day_no, 40001e6), 3, 'ring_full', 'agent', 500
  FROM fleet, day WHERE (node_id + day_no) % 10 = 0
UNION ALL
SELECT node_id, stream_id, run_id, 'mempool:added', pg_temp.at(day_no, 30000e6), pg_temp.at(day_no, 30090e6), NULL, 'blind', 'agent', 501
  FROM fleet, day WHERE (node_id + day_no) % 10 = 5;
INSERT INTO peerscope.dirty_day AS d (node_id, day) SELECT node_id, day FROM day, fleet
    ON CONFLICT (node_id, day) DO UPDATE SET generation = d.generation + 1;

DROP TABLE day, fleet, peer, session, block, arrival, naming, kind, noise, traffic, touched_block, tx, heard, host, announced, told, poured;
RESET enable_mergejoin;
RESET work_mem;
