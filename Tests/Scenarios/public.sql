-- What may be shared: a day with something of everything that must not get out, and yesterday, of which nothing may.
\ir lib/public_leaks.sql

CREATE FUNCTION scenario.error(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
GRANT USAGE ON SCHEMA scenario TO PUBLIC;

-- HMAC-SHA256 against RFC 4231, test cases 1, 2 and 6 (a key longer than a block).
SELECT scenario.expect('HMAC-SHA256 is what RFC 4231 says',
    $$ SELECT encode(peerscope.hmac_sha256(peerscope.hmac_pad(key, 54), peerscope.hmac_pad(key, 92), message), 'hex')
         FROM (VALUES (1, decode(repeat('0b', 20), 'hex'), 'Hi There'::bytea), (2, 'Jefe', 'what do ya want for nothing?'),
                      (6, decode(repeat('aa', 131), 'hex'), 'Test Using Larger Than Block-Size Key - Hash Key First')) AS c (n, key, message)
        ORDER BY n $$,
    $$ b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7
       5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843
       60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54 $$);

-- 1. Two nodes, three days ago (published) and yesterday (not yet). Times are those of the day before three days ago and so on:
-- publication goes by the wall clock.
SELECT ((now() AT TIME ZONE 'UTC')::date - 3)::text AS day, ((now() AT TIME ZONE 'UTC')::date - 1)::text AS yesterday \gset
SELECT sum(peerscope.ensure_day(d::date)) > 0 AS made FROM generate_series(:'day'::timestamp - interval '2 days', :'yesterday', '1 day') AS d;
CREATE FUNCTION scenario.at(day date, clock text) RETURNS timestamptz LANGUAGE sql AS
$$ SELECT (day + clock::time) AT TIME ZONE 'UTC' $$;

INSERT INTO peerscope.node (node_id, name, network) VALUES (1, 'secret-alpha', 'main'), (2, 'secret-beta', 'main');
INSERT INTO peerscope.agent (agent_id) VALUES ('secret-host');
INSERT INTO peerscope.stream (node_id, stream_id, agent_id, first_seq, durable_seq, last_event_at, last_batch_at)
SELECT n, 5550001, 'secret-host', 1, 1, scenario.at(:'day', '23:00'), now() FROM generate_series(1, 2) n;
INSERT INTO peerscope.process_run (node_id, run_id, stream_id, started_at, exe, user_agent)
SELECT n, 4440000000 + n, 5550001, scenario.at(:'day', '00:00'), '/opt/secret/bitcoind', '/Satoshi:29.0.0(secret-comment)/' FROM generate_series(1, 2) n;
INSERT INTO peerscope.capture_interval (node_id, run_id, tracepoint, valid_from)
SELECT n, 4440000000 + n, t, scenario.at(:'day', '00:00')
  FROM generate_series(1, 2) n, unnest(ARRAY['net:inbound_message', 'net:outbound_message', 'validation:block_connected', 'mempool:added',
                                             'mempool:removed', 'net:inbound_connection', 'net:closed_connection']) AS t;
-- One clock segment for all; both clocks are right to half a millisecond.
INSERT INTO peerscope.clock_segment (node_id, clk, valid_from, valid_to, corr_ns, eps_ns, reference, quality, provisional)
SELECT n, 1, scenario.at(:'day', '00:00'), scenario.at(:'yesterday', '23:59'), 0, 500000, '00000000-0000-4000-8000-000000000001', 'exchange', false
  FROM generate_series(1, 2) n;

-- Peers: six that call themselves the same and are in gossip as well, five and one that nobody is like, one visitor of yesterday,
-- one over private-broadcast, and the link between the two nodes, known by its nonces. The first came to both nodes.
INSERT INTO peerscope.peer_session (node_id, run_id, peer_id, addr, network, conn_type, inbound, opened_at, handshaked_at, closed_at,
                                    last_ts, user_agent, peer_nonce, own_nonce)
SELECT node_id, 4440000000 + node_id, peer_id, addr, network, conn_type, conn_type = 'inbound', opened_at, opened_at + interval '1 s',
       closed_at, coalesce(closed_at, opened_at), user_agent, peer_nonce, own_nonce
  FROM (SELECT 1 AS node_id, 771230000 + i AS peer_id, '192.0.2.' || 100 + i || ':' || 48217 + i AS addr, 'ipv4' AS network, 'inbound' AS conn_type,
               scenario.at(:'day', '10:11:12.345') + i * interval '1 min' AS opened_at, scenario.at(:'day', '11:22:33') AS closed_at,
               '/Common:1.0/' AS user_agent, 9000000 + i AS peer_nonce, 9100000 + i AS own_nonce
          FROM generate_series(1, 6) AS i
        UNION ALL
        SELECT 2, 771230020 + i, '192.0.2.' || 10 + i || ':48600', 'ipv4', 'inbound', scenario.at(:'day', '12:30'), NULL, '/Own:' || i || '/', 20 + i, 30 + i
          FROM generate_series(1, 5) AS i
        UNION ALL VALUES
            (2, 771230001, '192.0.2.101:58217', 'ipv4', 'inbound', scenario.at(:'day', '12:00'), scenario.at(:'day', '12:01'), '/Common:1.0/', 1, 2),
            (1, 771230010, '198.51.100.66:48300', 'ipv4', 'inbound', scenario.at(:'day', '10:00'), NULL, '/Unique:secret/', 3, 4),
            (1, 771230011, '[2001:db8::77]:8333', 'ipv6', 'outbound-full-relay', scenario.at(:'day', '10:00'), NULL, '/Common:1.0/', 5, 6),
            (1, 771230012, 'abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrstuvwx.onion:8333', 'onion', 'private-broadcast',
             scenario.at(:'day', '10:30'), scenario.at(:'day', '10:31'), '/Common:1.0/', 7, 8),
            (1, 771230013, '203.0.113.2:50505', 'ipv4', 'inbound', scenario.at(:'day', '09:00'), NULL, '/Satoshi:29.0.0(secret-comment)/', 222, 111),
            (2, 771230014, '203.0.113.1:8333', 'ipv4', 'outbound-full-relay', scenario.at(:'day', '09:00'), NULL, '/Satoshi:29.0.0(secret-comment)/', 111, 222),
            (1, 771230015, '192.0.2.200:48400', 'ipv4', 'inbound', scenario.at(:'yesterday', '10:00'), NULL, '/Common:1.0/', 9, 10)) s;
INSERT INTO peerscope.p2p_message (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, size, captured, addr, payload)
VALUES (1, 4440000001, scenario.at(:'day', '10:00'), 1, 1, 771230010, true, 'version', 14, 14, '198.51.100.66:48300', 'secret payload');
INSERT INTO peerscope.coin_selection (node_id, run_id, ts, clk, seq, event, wallet)
VALUES (1, 4440000001, scenario.at(:'day', '10:00'), 1, 2, 'selected_coins', 'secret-wallet');

-- Addresses: six in gossip, of which node 1 was told at 13:14:15.678; what node 1 announces of itself without having been told,
-- which comes back to node 2 as gossip; and one of yesterday.
INSERT INTO peerscope.addr_announcement (node_id, network, addr, port, announced_at, class, first_seen, clk, run_id, first_peer, freshness_s, last_seen)
SELECT node_id, 'ipv4', addr, port, first_seen - interval '100 s', 'gossip', first_seen, 1, 4440000000 + node_id, 771230001, 100, first_seen
  FROM (SELECT n AS node_id, '192.0.2.' || 100 + i AS addr, CASE WHEN i = 6 THEN 48500 ELSE 8333 END AS port,
               scenario.at(:'day', '13:14:15.678') + n * interval '1 s' AS first_seen
          FROM generate_series(1, 6) AS i, generate_series(1, 2) AS n
        UNION ALL VALUES (2, '203.0.113.99', 8333, scenario.at(:'day', '14:00')), (1, '192.0.2.201', 8333, scenario.at(:'yesterday', '14:00'))) a;
INSERT INTO peerscope.addr_sighting (node_id, network, addr, port, first_seen, last_seen)
SELECT node_id, network, addr, port, first_seen, first_seen FROM peerscope.addr_announcement;
INSERT INTO peerscope.addr_day (node_id, run_id, ts, clk, seq, network, addr, port, class)
SELECT node_id, run_id, first_seen, 1, row_number() OVER (), network, addr, port, class FROM peerscope.addr_announcement
UNION ALL SELECT 1, 4440000001, scenario.at(:'day', '13:00'), 1, 200 + i, 'ipv4', '192.0.2.' || 220 + i, 8333, 'stale' FROM generate_series(1, 4) AS i;
INSERT INTO peerscope.addr_entry (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, class, network, addr, port, services, announced_at)
SELECT 1, 4440000001, ts, 1, 10, 771230001, false, 'addrv2', NULL, 'ipv4', addr, 8333, 9, ts
  FROM (VALUES ('203.0.113.99', scenario.at(:'day', '13:59:30')), ('192.0.2.101', scenario.at(:'day', '13:20'))) AS e (addr, ts);

-- Transactions, each named by what is with it. Told: node, seconds after 15:00, over the link or by an outside peer. Had: in the
-- mempool of a node at, or sent by it at.
CREATE TABLE scenario.tx (id int, name text, told jsonb, had jsonb);
INSERT INTO scenario.tx VALUES
    (1, 'told, then had',                  '[[1, 1.0, "outside"], [2, 1.5, "outside"]]', '[[1, 3.0, "added"], [2, 3.5, "added"], [1, 5, "sent"]]'),
    (2, 'had before it was told',          '[[2, 2.0, "outside"]]', '[[1, 1.0, "added"], [2, 4.0, "added"]]'),
    (3, 'sent before it was told',         '[[1, 4.0, "outside"], [2, 3.0, "outside"]]', '[[1, 2.0, "sent"]]'),
    (4, 'told first by one of ours',       '[[2, 2.0, "link"], [1, 3.0, "outside"]]', '[]'),
    (5, 'sent over private-broadcast',     '[[1, 1.0, "outside"]]', '[[1, 900, "private"]]'),
    (6, 'told elsewhere surely before',    '[[2, 1.0, "outside"]]', '[[1, 1.5, "added"]]'),
    (7, 'told elsewhere perhaps before',   '[[2, 1.0000, "outside"]]', '[[1, 1.0008, "added"]]'),
    (8, 'told at the node itself just before', '[[1, 1.0000, "outside"]]', '[[1, 1.0008, "added"]]'),
    (9, 'had the evening before',          '[[2, 1.0, "outside"]]', '[[1, -60000, "added"]]'),
    (10, 'never seen whole',               '[[1, 1.0, "outside"]]', '[]'),
    (11, 'told by one of ours alone',      '[[2, 2.0, "link"]]', '[]');
CREATE FUNCTION scenario.hash(kind text, id int) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT sha256(convert_to(kind || id, 'UTF8')) $$;
INSERT INTO peerscope.tx_sighting (node_id, run_id, ts, clk, seq, peer_id, hash, is_wtxid, via)
SELECT (t ->> 0)::int, 4440000000 + (t ->> 0)::int, scenario.at(:'day', '15:00') + (t ->> 1)::float8 * interval '1 s', 1, 20 + id,
       CASE WHEN t ->> 2 = 'link' THEN 771230014 ELSE 771230001 END, scenario.hash('wtxid', id), true, 'inv'
  FROM scenario.tx, jsonb_array_elements(told) AS t;
INSERT INTO peerscope.tx_seen (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, txid, wtxid, size, vsize)
SELECT 2, 4440000002, scenario.at(:'day', '15:30'), 1, 40 + id, 771230001, true, 'tx', scenario.hash('txid', id), scenario.hash('wtxid', id), 200, 150
  FROM scenario.tx WHERE id <> 10
UNION ALL
SELECT (h ->> 0)::int, 4440000000 + (h ->> 0)::int, scenario.at(:'day', '15:00') + (h ->> 1)::float8 * interval '1 s', 1, 60 + id,
       CASE WHEN h ->> 2 = 'private' THEN 771230012 ELSE 771230011 END, false, 'tx', scenario.hash('txid', id), scenario.hash('wtxid', id), 200, 150
  FROM scenario.tx, jsonb_array_elements(had) AS h WHERE h ->> 2 IN ('sent', 'private');
INSERT INTO peerscope.mempool_added (node_id, run_id, ts, clk, seq, txid, vsize, fee)
SELECT (h ->> 0)::int, 4440000000 + (h ->> 0)::int, scenario.at(:'day', '15:00') + (h ->> 1)::float8 * interval '1 s', 1, 80 + id,
       scenario.hash('txid', id), 150, 300
  FROM scenario.tx, jsonb_array_elements(had) AS h WHERE h ->> 2 = 'added';

-- A block that reaches node 1 at 16:00:00.900 and node 2 600 ms later.
INSERT INTO peerscope.block_header (hash, prev_hash, height, time, first_node, first_ts, pool_tag, transactions)
VALUES (scenario.hash('block', 1), scenario.hash('block', 0), 900000, scenario.at(:'day', '15:59'), 1, scenario.at(:'day', '16:00:00.9'), '/AntPool/', 10);
INSERT INTO peerscope.block_announcement (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, hash, entries)
SELECT n, 4440000000 + n, scenario.at(:'day', '16:00:00.3') + n * interval '600 ms', 1, 100, 771230001, true, 'headers', scenario.hash('block', 1), 1
  FROM generate_series(1, 2) n;
INSERT INTO peerscope.block_connected (node_id, run_id, ts, clk, seq, hash, height, transactions, inputs, duration_ns)
SELECT n, 4440000000 + n, scenario.at(:'day', '16:00:01.3') + n * interval '600 ms', 1, 101, scenario.hash('block', 1), 900000, 10, 20, 100000000
  FROM generate_series(1, 2) n;
CREATE TEMP TABLE touched_block AS SELECT n AS node_id, scenario.hash('block', 1) AS hash FROM generate_series(1, 2) n;
SELECT peerscope.refresh_block_arrival() AS blocks;
UPDATE peerscope.stream SET last_event_at = scenario.at(:'yesterday', '23:00');

INSERT INTO peerscope.dirty_day (node_id, day) SELECT n, d::date FROM generate_series(1, 2) n, unnest(ARRAY[:'day', :'yesterday']::date[]) AS d;

SELECT scenario.expect('nothing is public before a day was digested', 'SELECT * FROM scenario.public_text()', '');
CALL peerscope.digest();
SELECT scenario.expect('the digest had nothing against this data', 'SELECT day, part, error FROM peerscope.digest_state WHERE error IS NOT NULL', '');
SELECT scenario.expect('nor before it was published', 'SELECT * FROM scenario.public_text()', '');
CALL peerscope.maintain();

-- 2. What is public.
SELECT scenario.expect('the day before yesterday''s eve is published, yesterday is not',
    format($$ SELECT day = %L FROM peerscope.public_day $$, :'day'), 'true');
SELECT scenario.expect('transactions that somebody outside told us of before we had them, and no others',
    $$ SELECT t.name FROM peerscope_public.tx_propagation p JOIN scenario.tx t ON p.txid = scenario.hash('txid', t.id) ORDER BY t.id $$,
    $$ told, then had
       told elsewhere surely before
       told at the node itself just before $$);
SELECT scenario.expect('times of transactions are whole seconds',
    format($$ SELECT DISTINCT t0 = scenario.at(%L, '15:00:01') FROM peerscope_public.tx_propagation $$, :'day'), 'true');
-- 192.0.2.101 came to both nodes: seven sessions, of six peers. Without the link and the private-broadcast session. The IPv6 peer
-- calls itself as the six do; what each of the others calls itself, no other does.
SELECT scenario.expect('sessions tell hours, and user agents that five peers share',
    $$ SELECT network, direction, port, opened_hour - day::timestamp AT TIME ZONE 'UTC' AS opened, closed_hour - day::timestamp AT TIME ZONE 'UTC' AS closed,
              user_agent, count(*), count(DISTINCT peer), count(DISTINCT node)
         FROM peerscope_public.peer_sessions GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6 $$,
    $$ ipv4|inbound|other|10:00:00|11:00:00|/Common:1.0/|6|6|1
       ipv4|inbound|other|10:00:00|∅|∅|1|1|1
       ipv4|inbound|other|12:00:00|12:00:00|/Common:1.0/|1|1|1
       ipv4|inbound|other|12:00:00|∅|∅|5|5|1
       ipv6|outbound|8333|10:00:00|∅|/Common:1.0/|1|1|1 $$);
SELECT scenario.expect('the same peer is the same in all of a view''s rows',
    $$ SELECT count(*), count(DISTINCT node) FROM peerscope_public.peer_sessions GROUP BY peer ORDER BY 1 DESC LIMIT 1 $$, '2|2');
SELECT scenario.expect('what fewer than five peers claim is not told, nor what fewer than five do',
    $$ SELECT network, direction, user_agent, peers, sessions FROM peerscope_public.peers_daily ORDER BY 1, 2, 3 $$,
    $$ ipv4|inbound|/Common:1.0/|6|7
       ipv4|inbound|other|6|6 $$);
-- Seven at node 1, and 192.0.2.101 with the five of their own kind at node 2; of IPv6 there is one.
SELECT scenario.expect('nor how many connected, where these are fewer than five',
    $$ SELECT network, direction, peers, sessions, handshaked FROM peerscope_public.connections_daily ORDER BY peers $$,
    $$ ipv4|inbound|6|6|6
       ipv4|inbound|7|7|7 $$);
SELECT scenario.expect('addresses tell hours and whether the port is 8333; our own are not among them',
    $$ SELECT network, port, hour - day::timestamp AT TIME ZONE 'UTC' AS hour, nodes, count(*), count(DISTINCT address)
         FROM peerscope_public.addr_episodes GROUP BY 1, 2, 3, 4 ORDER BY 2 $$,
    $$ ipv4|8333|13:00:00|2|5|5
       ipv4|other|13:00:00|2|1|1 $$);
-- Seven in gossip, one of them our own; four stale, which eleven in all would give away.
SELECT scenario.expect('how many addresses there were is told from five on',
    $$ SELECT network, class, unit, union_count FROM peerscope_public.addr_unique_daily ORDER BY unit $$,
    $$ ipv4|gossip|ip|7
       ipv4|gossip|ip:port|7 $$);
SELECT scenario.expect('our own are known to be: both ends of the link, and what a node announced untold',
    $$ SELECT addr FROM peerscope.public_own_address ORDER BY 1 $$,
    $$ 203.0.113.1
       203.0.113.2
       203.0.113.99 $$);
SELECT scenario.expect('blocks tell seconds of a node, and milliseconds of all together',
    $$ SELECT a.stage, count(*), min(a.at)::time, max(a.at)::time, round(max(p.max_ms))
         FROM peerscope_public.block_arrivals a JOIN peerscope_public.block_propagation p USING (day, block_hash, stage)
        WHERE stage = 's0' GROUP BY 1 $$,
    's0|2|16:00:00|16:00:01|600');
SELECT scenario.expect('nodes have new names, the same in all views',
    $$ SELECT name ~ '^node-[0-9a-f]{8}$', count(*) FROM (SELECT node AS name FROM peerscope_public.block_arrivals
                                                           UNION SELECT node FROM peerscope_public.peer_sessions) n GROUP BY 1 $$, 'true|2');
SELECT scenario.expect('no address, port, name or id of ours or of a peer is anywhere in public views',
    'SELECT * FROM scenario.leaks()', '');
-- That the search finds something where there is something.
CREATE VIEW peerscope_public.leaking AS SELECT 'near 192.0.2.103 somewhere' AS text;
SELECT scenario.expect('and would be found if it were',
    'SELECT DISTINCT view_name, secret FROM scenario.leaks()', 'leaking|192.0.2.103');
DROP VIEW peerscope_public.leaking;

-- 3. Hashes.
CREATE TABLE scenario.hashed AS
SELECT 'addr_episodes' AS view_name, address AS hash FROM peerscope_public.addr_episodes UNION SELECT 'peer_sessions', peer FROM peerscope_public.peer_sessions;
-- 192.0.2.101 to 106 are in both.
SELECT scenario.expect('an address has another hash in another view',
    $$ SELECT view_name, count(*) FROM scenario.hashed GROUP BY 1
       UNION ALL SELECT 'in both', count(*) FROM (SELECT hash FROM scenario.hashed GROUP BY hash HAVING count(*) > 1) b ORDER BY 1 $$,
    $$ addr_episodes|6
       in both|0
       peer_sessions|13 $$);
SELECT scenario.expect('no hash is one that can be made without the key',
    $$ SELECT count(*) FROM scenario.hashed h
         JOIN (SELECT secret FROM scenario.secrets() WHERE what LIKE '%addr%') s
           ON h.hash IN (left(encode(sha256(convert_to(s.secret, 'UTF8')), 'hex'), 32), left(encode(sha256(convert_to('ipv4 ' || s.secret, 'UTF8')), 'hex'), 32),
                         md5(s.secret), md5('ipv4 ' || s.secret)) $$, '0');
SELECT scenario.expect('with the key it is',
    $$ SELECT count(*) FROM scenario.hashed h, peerscope.public_key k
        WHERE k.scope = h.view_name AND h.hash = left(encode(peerscope.hmac_sha256(k.inner_pad, k.outer_pad, 'ipv4 192.0.2.101'), 'hex'), 32) $$, '2');
SELECT scenario.expect('each view has a key of its own, and nodes'' names another',
    'SELECT count(*), count(DISTINCT inner_pad) FROM peerscope.public_key', '3|3');
SELECT scenario.expect('a pad is the other''s key',
    $$ SELECT count(*) FROM peerscope.public_key WHERE length(inner_pad) = 64 AND get_byte(inner_pad, 0) # 54 = get_byte(outer_pad, 0) # 92
          AND get_byte(inner_pad, 63) = 54 $$, '3');
SELECT peerscope.new_public_release('another') AS release \gset
SELECT scenario.expect('a new release changes every hash and every name',
    $$ SELECT (SELECT count(*) FROM peerscope_public.addr_episodes e JOIN scenario.hashed h ON h.hash = e.address),
              (SELECT count(*) FROM peerscope_public.peer_sessions e JOIN scenario.hashed h ON h.hash = e.peer),
              (SELECT count(*) FROM peerscope_public.addr_episodes), (SELECT max(release) FROM peerscope_public.peer_sessions) $$, '0|0|6|2');
SELECT scenario.expect('and destroys the keys of the one before',
    'SELECT DISTINCT release FROM peerscope.public_key', '2');

-- 4. Roles.
GRANT INSERT ON scenario.hashed TO peerscope_public;  -- something it may do, so that a refusal is one of the schema's
SET ROLE peerscope_public;
SELECT scenario.expect('peerscope_public reads no table and no view of schema peerscope',
    $$ SELECT c.relname, scenario.error(format('SELECT FROM peerscope.%I', c.relname))
         FROM pg_class c WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'peerscope') AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
          AND scenario.error(format('SELECT FROM peerscope.%I LIMIT 1', c.relname)) <> '42501' $$, '');
SELECT scenario.expect('and those were not few',
    $$ SELECT count(*) > 150 FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'peerscope') AND relkind IN ('r', 'p', 'v') $$, 'true');
SELECT scenario.expect('nor does it call a function there',
    $$ SELECT scenario.error('SELECT peerscope.hex(''\x00'')'), scenario.error('CALL peerscope.digest()'),
              scenario.error('SELECT peerscope.new_public_release()'), scenario.error('SELECT peerscope.hmac_pad(''\x00'', 1)') $$,
    '42501|42501|42501|42501');
SELECT scenario.expect('every public view it reads',
    $$ SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'peerscope_public'::regnamespace
          AND scenario.error(format('SELECT * FROM peerscope_public.%I', c.relname)) <> 'no error' $$, '');
SELECT scenario.expect('and writes none, nor adds one',
    $$ SELECT scenario.error('CREATE VIEW peerscope_public.mine AS SELECT 1'), scenario.error('DROP VIEW peerscope_public.block_pools'),
              scenario.error('CREATE TABLE peerscope.mine ()'),
              (SELECT count(*) FROM pg_class c WHERE c.relnamespace = 'peerscope_public'::regnamespace
                  AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')) $$,
    '42501|42501|42501|0');
SELECT scenario.expect('the planner''s statistics show it nothing of the tables below',
    $$ SELECT count(*) FROM pg_stats WHERE schemaname IN ('peerscope', 'peerscope_public') $$, '0');
-- A function that tells what it is shown, and looks cheap: the planner would ask it first, before the view's own conditions.
CREATE FUNCTION pg_temp.peek(what anyelement) RETURNS bool LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
    PERFORM set_config('scenario.peeked', current_setting('scenario.peeked') || '|' || what::text, false);
    RETURN true;
END $$;
SELECT set_config('scenario.peeked', '', false);
SELECT count(*) FROM peerscope_public.peer_sessions WHERE pg_temp.peek(opened_hour);
SELECT scenario.expect('a function that peeks sees what the view shows and no more: nothing of yesterday',
    $$ SELECT count(*), count(DISTINCT hour) FROM regexp_split_to_table(substr(current_setting('scenario.peeked'), 2), '\|') AS t (hour) $$, '14|2');
SELECT set_config('scenario.peeked', '', false);
SELECT count(*) FROM peerscope_public.addr_unique_daily WHERE pg_temp.peek(union_count);
SELECT scenario.expect('and no group of fewer than five',
    $$ SELECT count(*) FROM regexp_split_to_table(substr(current_setting('scenario.peeked'), 2), '\|') AS t (n) WHERE n::int < 5 $$, '0');
RESET ROLE;
SELECT scenario.expect('every public view is a barrier',
    $$ SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'peerscope_public'::regnamespace AND c.relkind = 'v'
          AND NOT coalesce(c.reloptions @> ARRAY['security_barrier=true'] OR c.reloptions @> ARRAY['security_barrier'], false) $$, '');
SELECT scenario.expect('and has no column that no public view may have',
    $$ SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'peerscope_public'::regnamespace
          AND a.attname IN ('addr', 'peer_id', 'run_id', 'node_id', 'stream_id', 'announced_at', 'freshness_s', 'payload', 'first_peer', 'from_peer', 'group',
                            'netgroup', 'group24') $$, '');

SET ROLE peerscope_reader;
SELECT scenario.expect('peerscope_reader reads everything but keys',
    $$ SELECT c.relname FROM pg_class c WHERE c.relnamespace IN ('peerscope'::regnamespace, 'peerscope_public'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm')
          AND scenario.error(format('SELECT FROM %s LIMIT 1', c.oid::regclass)) <> 'no error' $$, 'public_key');
SELECT scenario.expect('and writes nothing',
    $$ SELECT scenario.error('DELETE FROM peerscope.node'), scenario.error('SELECT peerscope.ensure_day(''2024-01-01'')') $$, '42501|42501');
RESET ROLE;

SET ROLE peerscope_ingest;
SELECT scenario.expect('peerscope_ingest adds events and changes none',
    $$ SELECT scenario.error('INSERT INTO peerscope.utxocache_flush SELECT * FROM peerscope.utxocache_flush'),
              scenario.error('DELETE FROM peerscope.p2p_message'), scenario.error('UPDATE peerscope.p2p_message SET size = 0'),
              scenario.error('TRUNCATE peerscope.node'), scenario.error('DROP TABLE peerscope.node') $$,
    'no error|42501|42501|42501|42501');
SELECT scenario.expect('in partitions neither, old or new',
    $$ SELECT scenario.error('SELECT peerscope.ensure_day(''2024-01-01'')'), scenario.error('INSERT INTO peerscope.p2p_message_20240101 SELECT * FROM peerscope.p2p_message_20240101'),
              scenario.error('DELETE FROM peerscope.p2p_message_20240101'), scenario.error('UPDATE peerscope.tx_sighting_20240101 SET seq = 0') $$,
    'no error|no error|42501|no error');
SELECT scenario.expect('it reads no key and sets no rule',
    $$ SELECT scenario.error('SELECT FROM peerscope.public_key'), scenario.error('UPDATE peerscope.retention SET keep = ''1 day'''),
              scenario.error('DELETE FROM peerscope.schema_migration'),
              -- An updatable view would write with its owner's rights.
              (SELECT count(*) FROM pg_class c WHERE c.relnamespace = 'peerscope'::regnamespace AND c.relkind = 'v'
                  AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE')) $$,
    '42501|42501|42501|0');
-- Every day's work: the digest, maintenance, publication.
CALL peerscope.digest();
CALL peerscope.maintain();
RESET ROLE;
SELECT scenario.expect('but does all of the aggregator''s work',
    $$ SELECT detail FROM peerscope.maintenance_log WHERE action = 'failed' UNION ALL SELECT error FROM peerscope.digest_state WHERE error IS NOT NULL $$, '');

-- 5. A day that is computed anew is published anew.
INSERT INTO peerscope.dirty_day (node_id, day) VALUES (1, :'day');
CREATE TABLE scenario.before AS SELECT * FROM scenario.public_text();
CREATE TABLE scenario.published AS SELECT * FROM peerscope.public_day;
SET ROLE peerscope_ingest;
CALL peerscope.digest();
CALL peerscope.maintain();
RESET ROLE;
SELECT scenario.expect('a digest of late rows is published again, with the same result from the same rows',
    $$ SELECT (SELECT count(*) FROM peerscope.public_day p JOIN scenario.published b USING (day) WHERE p.published_at > b.published_at),
              (SELECT count(*) FROM (SELECT * FROM scenario.public_text() EXCEPT SELECT * FROM scenario.before) d),
              (SELECT count(*) FROM (SELECT * FROM scenario.before EXCEPT SELECT * FROM scenario.public_text()) d) $$, '1|0|0');
SELECT scenario.expect('and nothing failed on the way',
    $$ SELECT detail FROM peerscope.maintenance_log WHERE action = 'failed' UNION ALL SELECT error FROM peerscope.digest_state WHERE error IS NOT NULL $$, '');
