-- Each kind of alert opening and closing (those about peers of many nodes and about eclipses are in spy.sql and eclipse.sql), on a
-- fleet with a node whose name wants to be SQL.
\ir lib/peers.sql

CREATE FUNCTION scenario.x() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT E'x''; DROP TABLE peerscope.node; -- \\ %s %1$L "' $$;
SELECT scenario.node(n) FROM unnest(ARRAY[scenario.x(), 'w', 'y', 'z']) n;
UPDATE peerscope.capture_interval SET valid_from = '2026-07-01 00:00+00';
SELECT scenario.watch();

-- block_rate: a block every ten minutes until 08:00 and from 13:00 on, one a minute from 15:00 to 16:00.
CREATE TABLE scenario.moment AS
SELECT at, row_number() OVER (ORDER BY at)::int AS height FROM (
  SELECT generate_series(scenario.at('00:00:00'), scenario.at('08:00:00'), interval '10 minutes')
  UNION SELECT generate_series(scenario.at('13:00:00'), scenario.at('23:00:00'), interval '10 minutes')
  UNION SELECT generate_series(scenario.at('15:00:00'), scenario.at('15:59:00'), interval '1 minute')) m (at);
SELECT scenario.gets(n, to_char(at, 'HH24:MI:SS'), 'B' || height, height) FROM scenario.moment CROSS JOIN unnest(ARRAY[scenario.x(), 'w']) n;
-- Of y and z no blocks are known.
DELETE FROM peerscope.capture_interval
 WHERE tracepoint = 'validation:block_connected' AND node_id IN (scenario.id('y'), scenario.id('z'));
SELECT scenario.commit();

-- clock_fault: two minutes on end, and later one more.
INSERT INTO peerscope.clock_segment (node_id, clk, valid_from, valid_to, corr_ns, quality, provisional)
SELECT scenario.id(scenario.x()), 1 + row_number() OVER (), scenario.at(t), scenario.at(t) + interval '1 minute', 0, 'clock_fault', false
  FROM unnest(ARRAY['09:00:00', '09:01:00', '12:00:00']) t;

-- loss: five events; two minutes without programs, told by two tracepoints; and what is no loss: half a minute, numbers skipped.
INSERT INTO peerscope.event_gap (node_id, stream_id, tracepoint, gap_from, gap_to, count, reason, declared_by, seq, declared_at)
SELECT scenario.id('w'), scenario.id('w') * 10, g.*, 'agent', 1, '2026-07-01 12:00+00'
  FROM (VALUES ('net:inbound_message', scenario.at('10:00:00'), scenario.at('10:00:30'), 5, 'ring_full'),
               ('net:inbound_message', scenario.at('10:30:00'), scenario.at('10:32:00'), NULL, 'blind'),
               ('net:outbound_message', scenario.at('10:30:00'), scenario.at('10:31:59'), NULL, 'blind'),
               ('net:inbound_message', scenario.at('11:00:00'), scenario.at('11:00:30'), NULL, 'blind'),
               (NULL, NULL, NULL, 7, 'spool_bound'), (NULL, NULL, NULL, NULL, 'sequence_skip')) AS g (t, f, u, n, r);

-- addr_flood: 25 tens a minute, which swing about the release and the threshold; and another session that stays below.
SELECT scenario.session(scenario.x(), p, '6.6.6.' || p || ':1000', '09:00:00', NULL) FROM generate_series(1, 3) p;
INSERT INTO peerscope.addr_session_minute (node_id, minute, run_id, peer_id, messages, exact10, entries, future, passed, limited)
SELECT scenario.id(scenario.x()), scenario.at(t), scenario.run(scenario.x()), p, 30, e, e * 10, 0, 1, l
  FROM (VALUES (1, '10:00:00', 25, 0), (1, '10:02:00', 6, 0), (1, '10:05:00', 19, 0), (1, '10:06:00', 4, 0), (1, '10:20:00', 30, 0),
               (2, '10:00:00', 19, 49), (3, '10:00:00', 0, 500)) AS f (p, t, e, l);

-- inbound_drop: twenty peers, of which fifteen go at 12:00; fifteen others come at 15:00.
SELECT scenario.session('y', p, '7.' || p || '.1.1:1000', '00:00:00', CASE WHEN p > 5 THEN '12:00:00' END) FROM generate_series(1, 20) p;
SELECT scenario.session('y', 20 + p, '8.' || p || '.1.1:1000', '15:00:00', NULL) FROM generate_series(1, 15) p;

-- mempool_divergence: z lacks nine of ten transactions for three quarters of an hour. All have left w's mempool for one sample, as after
-- a block.
SELECT scenario.stay(n, 'T' || i, '09:30:00', CASE n WHEN 'w' THEN '10:55:00' END) FROM generate_series(1, 200) i CROSS JOIN unnest(ARRAY[scenario.x(), 'w', 'y']) n;
SELECT scenario.stay('w', 'T' || i, '11:05:00'), scenario.stay('z', 'T' || i, CASE WHEN i <= 20 THEN '09:30:00' ELSE '10:25:00' END)
  FROM generate_series(1, 200) i;

-- reject_burst: ten an hour are usual; then 2000, 600, 400.
INSERT INTO peerscope.mempool_reject_hour (node_id, hour, reason, count)
SELECT scenario.id('y'), scenario.at('00:00:00') + h * interval '1 hour', r, CASE h WHEN 12 THEN 1000 WHEN 13 THEN 300 WHEN 14 THEN 200 ELSE 5 END
  FROM generate_series(0, 20) h CROSS JOIN unnest(ARRAY['min relay fee not met', 'insufficient fee']) r;

-- misbehaviour_burst: 12, 4 and 2 in ten minutes. ping_spam: 60, 25 and 19 in a minute; another session sends 30 once.
INSERT INTO peerscope.connection_event (node_id, run_id, ts, clk, seq, event, peer_id, reason)
SELECT scenario.id(scenario.x()), 1, scenario.at(t) + i * interval '1 second', 1, nextval('scenario.seq'), 'misbehaving', i, 'bad'
  FROM (VALUES ('10:00:00', 12), ('10:10:00', 4), ('10:20:00', 2)) AS m (t, n) CROSS JOIN LATERAL generate_series(1, n) i;
INSERT INTO peerscope.ping_event (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, nonce)
SELECT scenario.id('w'), scenario.run('w'), scenario.at(t) + i * interval '500 ms', 1, nextval('scenario.seq'), p, true, 'ping', i
  FROM (VALUES (1, '10:00:00', 60), (1, '10:01:00', 25), (1, '10:02:00', 19), (2, '10:00:00', 30)) AS m (p, t, n) CROSS JOIN LATERAL generate_series(1, n) i;

-- bandwidth_surge: 20 MB an hour each way are usual; 300 MB received in hour 12, while sent 150 MB are less than the minimum.
INSERT INTO peerscope.message_minute (node_id, minute, run_id, inbound, msg_type, conn_type, messages, bytes)
SELECT scenario.id('y'), scenario.at('00:30:00') + h * interval '1 hour', 1, i, 'tx', 'inbound', 1000,
       CASE WHEN h <> 12 THEN 20e6 WHEN i THEN 300e6 ELSE 150e6 END
  FROM generate_series(0, 20) h CROSS JOIN unnest(ARRAY[true, false]) i;

-- silent_node: w has not been heard of for ten minutes; z has not either, but is retired.
UPDATE peerscope.stream SET last_batch_at = now() - CASE WHEN node_id IN (scenario.id('w'), scenario.id('z')) THEN interval '10 minutes' ELSE interval '0' END;
UPDATE peerscope.node SET labels = '{"retired": true}' WHERE name = 'z';

-- First as it is at 10:15: what then lasts, or ended less than its hold ago, is open.
SELECT scenario.newest_event('10:15:00'), scenario.dirty('2026-07-01');
CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');
SELECT scenario.expect('an alert closes when its hold has passed, not before',
  $$ SELECT kind, to_char(opened_at, 'HH24:MI') AS opened, to_char(closed_at, 'HH24:MI') AS closed FROM peerscope.alert
      WHERE kind IN ('misbehaviour_burst', 'ping_spam') ORDER BY kind $$,
  $$
  misbehaviour_burst|10:00|∅
  ping_spam|10:00|10:02
  $$);

SELECT scenario.newest_event('23:30:00'), scenario.dirty('2026-07-01');
CALL peerscope.digest();

-- block_rate. Slow: blocks are connected 20 ms past the minute, so at 11:10 those of 07:10 to 08:00 count, six, and at 11:20 five;
-- at 14:20 those from 13:00 to 14:10 are eight again. Fast: at 15:30 the 12 of two hours and 30 of the minutes are 42, at 15:40 52; at 19:30 the 30
-- from 15:30 on and the 21 from 16:00 on are 51, at 19:40 20 + 22 = 42.
-- addr_flood of peer 1: 19 a minute at 10:05 keep it open, 4 at 10:06 do not, and 10:20 is more than five minutes later.
-- inbound_drop: 5 of 20. mempool_divergence: 20 of 200 from 09:40 to 10:20. reject_burst: 2000 and 600 against ten.
SELECT scenario.expect('each alert opens when its threshold is reached and closes when its release is passed',
  $$ SELECT kind, CASE node WHEN scenario.x() THEN 'x' ELSE node END AS of_node, regexp_replace(subject, '^\d+:', '') AS about,
            to_char(opened_at, 'HH24:MI:SS') AS opened, to_char(closed_at, 'HH24:MI:SS') AS closed, measures, round(worst::numeric, 2) AS worst
       FROM peerscope.alert WHERE kind <> 'silent_node' ORDER BY kind, of_node, about, opened $$,
  $$
  addr_flood|x|1|10:00:00|10:06:00|["tens"]|25.00
  addr_flood|x|1|10:20:00|10:21:00|["tens"]|30.00
  addr_flood|x|3|10:00:00|10:01:00|["limited"]|500.00
  bandwidth_surge|y|received|12:00:00|13:00:00|["in"]|15.00
  block_rate|w||11:20:00|14:20:00|["slow"]|0.00
  block_rate|w||15:40:00|19:30:00|["fast"]|78.00
  block_rate|x||11:20:00|14:20:00|["slow"]|0.00
  block_rate|x||15:40:00|19:30:00|["fast"]|78.00
  clock_fault|x||09:00:00|09:02:00|["segment"]|1.00
  clock_fault|x||12:00:00|12:01:00|["segment"]|1.00
  inbound_drop|y||12:00:00|15:00:00|["ratio"]|0.25
  loss|w||10:00:00|10:00:30|["events"]|5.00
  loss|w||10:30:00|10:32:00|["blind"]|120.00
  loss|w||12:00:00|12:00:00|["events"]|7.00
  mempool_divergence|z||09:40:00|10:20:00|["jaccard"]|0.10
  misbehaviour_burst|x||10:00:00|10:20:00|["events"]|12.00
  ping_spam|w|1|10:00:00|10:02:00|["pings"]|60.00
  reject_burst|y||12:00:00|14:00:00|["ratio"]|200.00
  $$);

-- Every evidence is run, whatever its node is called.
CREATE FUNCTION scenario.evidence() RETURNS TABLE (kind text, node text, measures text[], rows bigint) LANGUAGE plpgsql AS $$
DECLARE a record;
BEGIN
  FOR a IN SELECT * FROM peerscope.alert ORDER BY 1, 4, 3 LOOP
    kind := a.kind; node := a.node; measures := a.measures;
    EXECUTE format('SELECT count(*) FROM (%s) e', a.evidence) INTO rows;
    RETURN NEXT;
  END LOOP;
END $$;
SELECT scenario.expect('the evidence of every alert shows rows', $$ SELECT kind, node FROM scenario.evidence() WHERE rows = 0 $$, '');
SELECT scenario.expect('and just those behind it',
  $$ SELECT kind, rows FROM scenario.evidence() WHERE kind IN ('misbehaviour_burst', 'ping_spam', 'addr_flood', 'clock_fault') ORDER BY kind, rows $$,
  $$
  addr_flood|1
  addr_flood|1
  addr_flood|3
  clock_fault|1
  clock_fault|2
  misbehaviour_burst|16
  ping_spam|85
  $$);
SELECT scenario.expect('no name of a node has done any harm', $$ SELECT count(*) FROM peerscope.node $$, '4');

SELECT scenario.expect('a silent node is an alert by the wall clock; a retired one is not',
  $$ SELECT node, closed_at, round(extract(epoch FROM now() - opened_at)::numeric, -1) AS since_s FROM peerscope.alert WHERE kind = 'silent_node' $$, 'w|∅|300');
SELECT scenario.expect('nothing changes while it is silent', $$ SELECT peerscope.watch_silence() $$, '0');
UPDATE peerscope.stream SET last_batch_at = now();
SELECT scenario.expect('and is over when it is heard again', $$ SELECT peerscope.watch_silence() $$, '1');
SELECT scenario.expect('which closes the alert', $$ SELECT node, closed_at IS NOT NULL AS closed FROM peerscope.alert WHERE kind = 'silent_node' $$, 'w|true');

CREATE TABLE scenario.before AS SELECT ctid AS place, a.* FROM peerscope.alert a;
SELECT scenario.dirty('2026-07-01');
CALL peerscope.digest();
SELECT scenario.expect('computing a day twice changes no alert',
  $$ SELECT count(*) FROM (SELECT ctid AS place, a.* FROM peerscope.alert a EXCEPT SELECT * FROM scenario.before) d $$, '0');

-- On regtest blocks are made when somebody wants one.
INSERT INTO peerscope.block_header (hash, prev_hash, time, bits)
SELECT hash, hash, s6_ts, 545259519 FROM peerscope.block_arrival WHERE node_id = scenario.id('w') ORDER BY height LIMIT 1;
SELECT scenario.dirty('2026-07-01');
CALL peerscope.digest();
SELECT scenario.expect('on regtest no rate of blocks is strange', $$ SELECT kind FROM peerscope.alert WHERE kind = 'block_rate' $$, '');

-- What turns out not to have been so is taken back; a rule that is switched off raises nothing.
DELETE FROM peerscope.clock_segment WHERE quality = 'clock_fault';
UPDATE peerscope.alert_rule SET enabled = false WHERE kind = 'loss';
SELECT scenario.dirty('2026-07-01');
CALL peerscope.digest();
SELECT scenario.expect('alerts follow the data and the rules', $$ SELECT kind FROM peerscope.alert WHERE kind IN ('loss', 'clock_fault') $$, '');
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');
