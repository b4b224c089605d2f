-- Retention: what goes, what stays, and what waits for its digest. The fleet's newest event is of 2024-03-20 12:00 UTC, so
-- retention counts back from there and not from today.

-- What went wrong in a statement that has to fail.
CREATE FUNCTION scenario.error(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END $$;
GRANT USAGE ON SCHEMA scenario TO PUBLIC;

-- Two processes of one node: the first ended in February.
INSERT INTO peerscope.node (node_id, name) VALUES (1, 'n1');
INSERT INTO peerscope.stream (node_id, stream_id, first_seq, durable_seq, records, last_event_at)
VALUES (1, 7, 1, 100, 100, '2024-03-20 12:00+00');
INSERT INTO peerscope.process_run (node_id, run_id, stream_id, started_at, exited_at) VALUES
    (1, 11, 7, '2023-01-01 00:00+00', '2024-02-10 00:00+00'),
    (1, 12, 7, '2024-02-10 00:01+00', NULL);

SELECT sum(peerscope.ensure_day(day::date)) > 0 AS made
  FROM generate_series(timestamp '2024-03-01', '2024-03-20', '1 day') AS day;
INSERT INTO peerscope.p2p_message (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, size, captured)
SELECT 1, 12, day, 1, row_number() OVER (), 5, true, 'ping', 8, 8
  FROM generate_series(timestamptz '2024-03-01 12:00+00', '2024-03-20 12:00+00', '1 day') AS day;

-- What this scenario counts with, whatever the defaults are.
UPDATE peerscope.retention r SET keep = k.keep
  FROM (VALUES ('p2p_message', interval '3 days'), ('addr_entry', '14 days'), ('message_minute', '14 days'),
               ('message_hour', '2 years'), ('peer_session', '1 year'), ('session_traffic', '90 days'),
               ('mempool_entry', '2 days'), ('validation_window', '7 days')) AS k (table_name, keep)
 WHERE r.table_name = k.table_name;

INSERT INTO peerscope.peer_session (node_id, run_id, peer_id, conn_type, opened_at, closed_at, last_ts) VALUES
    (1, 11, 1, 'inbound', '2023-01-05 00:00+00', '2023-02-01 00:00+00', '2023-02-01 00:00+00'),  -- closed over a year ago
    (1, 11, 2, 'inbound', '2023-01-06 00:00+00', NULL, '2023-03-01 00:00+00'),                   -- its process was killed
    (1, 11, 3, 'inbound', '2023-01-07 00:00+00', '2023-11-01 00:00+00', '2023-11-01 00:00+00'),  -- closed 140 days ago
    (1, 12, 4, 'inbound', '2023-01-08 00:00+00', '2024-03-01 00:00+00', '2024-03-01 00:00+00'),  -- long, closed of late
    (1, 12, 5, 'outbound-full-relay', '2023-01-09 00:00+00', NULL, '2024-03-20 12:00+00');       -- open for 14 months
INSERT INTO peerscope.session_traffic (node_id, run_id, peer_id, inbound, msg_type, messages)
SELECT node_id, run_id, peer_id, received, 'ping', 1
  FROM peerscope.peer_session CROSS JOIN (VALUES (true), (false)) AS d (received);

INSERT INTO peerscope.mempool_entry (node_id, run_id, txid, added_at, clk, vsize, fee, removed_at, reason) VALUES
    (1, 11, '\x01', '2024-02-01 00:00+00', 1, 100, 100, NULL, NULL),                              -- its process ended
    (1, 12, '\x02', '2024-02-20 00:00+00', 1, 100, 100, NULL, NULL),                              -- still there
    (1, 12, '\x03', '2024-02-20 00:00+00', 1, 100, 100, '2024-03-17 23:59:59+00', 'block'),       -- removed three days ago
    (1, 12, '\x04', '2024-02-20 00:00+00', 1, 100, 100, '2024-03-18 00:00:00+00', 'block');       -- removed at the horizon

INSERT INTO peerscope.addr_sighting (node_id, network, addr, port, first_seen, last_seen)
VALUES (1, 'ipv4', '192.0.2.1', 8333, '2015-01-01 00:00+00', '2015-01-01 00:00+00');
INSERT INTO peerscope.validation_window (node_id, run_id, tid, connected_ts, clk, start_ts) VALUES
    (1, 12, 1, '2024-03-12 23:59:59+00', 1, '2024-03-12 23:59:58+00'),
    (1, 12, 1, '2024-03-13 00:00:00+00', 1, '2024-03-12 23:59:59+00');

-- Two old hours and the first minute that stays.
INSERT INTO peerscope.message_minute (node_id, minute, run_id, inbound, msg_type, conn_type, messages, bytes, truncated)
SELECT 1, timestamptz '2024-03-05 22:00+00' + number * interval '1 minute', 12, true, 'ping', 'inbound', 1, 8, number % 2
  FROM generate_series(0, 120) AS number;

SELECT scenario.expect('nothing is to be dropped before retention was looked at',
    'SELECT * FROM peerscope.expired_partitions()', '');

CALL peerscope.maintain();

-- 2024-03-20 12:00 less 3 days is 03-17 12:00, and that day is kept whole.
SELECT scenario.expect('each table is complete from the day that its retention reaches back to',
    $$ SELECT table_name, complete_from, held_by FROM peerscope.retention_horizon
        WHERE table_name IN ('p2p_message', 'addr_entry', 'mempool_entry', 'peer_session') ORDER BY 1 $$,
    $$ addr_entry|2024-03-06|∅
       mempool_entry|2024-03-18|∅
       p2p_message|2024-03-17|∅
       peer_session|2023-03-20|∅ $$);
SELECT scenario.expect('the partitions of today and tomorrow are there',
    $$ SELECT count(*) FROM pg_inherits WHERE inhparent = 'peerscope.p2p_message'::regclass
          AND right(inhrelid::regclass::text, 8) IN (to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD'),
                                                     to_char((now() AT TIME ZONE 'UTC')::date + 1, 'YYYYMMDD')) $$,
    '2');
SELECT scenario.expect('the oldest partition is detached and dropped first',
    $$ SELECT statement FROM peerscope.expired_partitions() WHERE partition LIKE 'p2p_message%' LIMIT 2 $$,
    $$ ALTER TABLE peerscope.p2p_message DETACH PARTITION peerscope.p2p_message_20240301 CONCURRENTLY
       DROP TABLE peerscope.p2p_message_20240301 $$);
SELECT scenario.expect('the state of retention shows what waits to be dropped',
    $$ SELECT keep, complete_from, partitions - 2 AS partitions, oldest_partition, expired_partitions
         FROM peerscope.retention_status WHERE table_name = 'p2p_message' $$,
    '3 days|2024-03-17|20|2024-03-01|16');
SELECT scenario.expect('its rows are there until that is done',
    'SELECT count(*) FROM peerscope.p2p_message', '20');

SELECT statement FROM peerscope.expired_partitions() \gexec

SELECT scenario.expect('three days and the begun one are left',
    'SELECT min(ts), count(*) FROM peerscope.p2p_message', '2024-03-17T12:00:00+00:00|4');
SELECT scenario.expect('nothing is left to be dropped',
    'SELECT * FROM peerscope.expired_partitions()', '');
SELECT scenario.expect('other tables keep what they are to keep',
    $$ SELECT parent, min(leaf) FROM (SELECT inhparent::regclass::text AS parent, right(inhrelid::regclass::text, 8) AS leaf
                                        FROM pg_inherits WHERE inhparent IN ('peerscope.addr_entry'::regclass,
                                                                            'peerscope.block_connected'::regclass)) p
        GROUP BY parent ORDER BY parent $$,
    $$ peerscope.addr_entry|20240306
       peerscope.block_connected|20240301 $$);

SELECT scenario.expect('a session goes a year after its end, or after its last sign of life; an open one never',
    'SELECT peer_id FROM peerscope.peer_session ORDER BY peer_id',
    $$ 3
       4
       5 $$);
-- 90 days before the 20th of March is the 21st of December.
SELECT scenario.expect('traffic goes 90 days after its session''s end, both directions',
    'SELECT peer_id, count(*) FROM peerscope.session_traffic GROUP BY peer_id ORDER BY peer_id',
    $$ 4|2
       5|2 $$);
SELECT scenario.expect('an entry of the mempool counts from its removal, or from the end of its process',
    'SELECT txid FROM peerscope.mempool_entry ORDER BY txid',
    $$ \x02
       \x04 $$);
SELECT scenario.expect('what was seen of an address is kept for ever',
    'SELECT count(*) FROM peerscope.addr_sighting', '1');
SELECT scenario.expect('a validation is kept from the start of a day on',
    'SELECT connected_ts FROM peerscope.validation_window', '2024-03-13T00:00:00+00:00');
-- Minutes 0 to 59 and 60 to 119; every second one truncated; minute 120 is midnight of the horizon.
SELECT scenario.expect('old minutes become hours, none counted twice or lost',
    'SELECT hour, messages, bytes, truncated FROM peerscope.message_hour ORDER BY hour',
    $$ 2024-03-05T22:00:00+00:00|60|480|30
       2024-03-05T23:00:00+00:00|60|480|30 $$);
SELECT scenario.expect('younger minutes stay',
    'SELECT minute, messages FROM peerscope.message_minute', '2024-03-06T00:00:00+00:00|1');

-- A minute that comes late is added to its hour.
INSERT INTO peerscope.message_minute (node_id, minute, run_id, inbound, msg_type, conn_type, messages, bytes, truncated)
VALUES (1, '2024-03-05 22:30+00', 12, true, 'ping', 'inbound', 5, 40, NULL);
CALL peerscope.maintain();
SELECT scenario.expect('a late minute is added to its hour',
    'SELECT hour, messages, bytes, truncated FROM peerscope.message_hour ORDER BY hour LIMIT 1',
    '2024-03-05T22:00:00+00:00|65|520|30');
SELECT scenario.expect('the log says what was done, and nothing of what there was not',
    $$ SELECT table_name, action, rows, detail FROM peerscope.maintenance_log
        WHERE table_name IN ('message_minute', 'peer_session', 'mempool_entry') OR action = 'failed' ORDER BY at $$,
    $$ mempool_entry|rows deleted|2|∅
       message_minute|rows rolled up|120|∅
       peer_session|rows deleted|2|∅
       message_minute|rows rolled up|1|∅ $$);
SELECT scenario.expect('it says which partitions expired',
    $$ SELECT detail FROM peerscope.maintenance_log WHERE table_name = 'p2p_message' AND action = 'partitions expired' $$,
    '16: 20240301 to 20240316');

-- Bounded: three batches of four rows a call, none of them lost on the way.
INSERT INTO peerscope.message_minute (node_id, minute, run_id, inbound, msg_type, conn_type, messages, bytes)
SELECT 1, timestamptz '2024-03-04 00:00+00' + number * interval '1 minute', 12, true, 'pong', 'inbound', 1, 8
  FROM generate_series(0, 29) AS number;
CALL peerscope.maintain(batch_rows => 4, max_batches => 3);
SELECT scenario.expect('a call does no more than it may',
    $$ SELECT (SELECT count(*) FROM peerscope.message_minute WHERE msg_type = 'pong'),
              (SELECT sum(messages) FROM peerscope.message_hour WHERE msg_type = 'pong') $$, '18|12');
CALL peerscope.maintain(batch_rows => 4, max_batches => 100);
SELECT scenario.expect('the next one goes on',
    $$ SELECT (SELECT count(*) FROM peerscope.message_minute WHERE msg_type = 'pong'),
              (SELECT sum(messages) FROM peerscope.message_hour WHERE msg_type = 'pong') $$, '0|30');
-- More rows of one instant than a batch holds.
INSERT INTO peerscope.message_minute (node_id, minute, run_id, inbound, msg_type, conn_type, messages, bytes)
SELECT 1, '2024-03-03 00:00+00', number, true, 'addr', 'inbound', 1, 8 FROM generate_series(1, 9) AS number;
CALL peerscope.maintain(batch_rows => 2);
SELECT scenario.expect('rows of one instant go together, however many',
    $$ SELECT count(*) FROM peerscope.message_minute WHERE msg_type = 'addr' $$, '0');

-- A part of the digest that fails, and reads two days of addr_entry.
CREATE FUNCTION peerscope.digest_scenario(day date) RETURNS void LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'not yet'; END $$;
INSERT INTO peerscope.digest_part VALUES ('scenario', 1000, 'Fails until it is mended.');
INSERT INTO peerscope.digest_input VALUES ('scenario', 'addr_entry', 1);
INSERT INTO peerscope.dirty_day VALUES (1, '2024-03-07');
CALL peerscope.digest();
SELECT scenario.expect('what fails stays to be done',
    'SELECT day FROM peerscope.dirty_day', '2024-03-07');
UPDATE peerscope.stream SET last_event_at = '2024-03-25 12:00+00';
CALL peerscope.maintain();
SELECT scenario.expect('rows that a waiting digest reads are held',
    $$ SELECT complete_from, held_by FROM peerscope.retention_horizon WHERE table_name = 'addr_entry' $$,
    '2024-03-06|2024-03-07');
SELECT scenario.expect('which others are not',
    $$ SELECT complete_from, held_by FROM peerscope.retention_horizon WHERE table_name = 'p2p_message' $$,
    '2024-03-22|∅');
SELECT scenario.expect('the log says so once',
    $$ SELECT table_name, detail FROM peerscope.maintenance_log WHERE action = 'held' AND table_name = 'addr_entry' $$,
    'addr_entry|rows from 2024-03-06 on wait for the digest of 2024-03-07');

-- A month later it has waited for 14 days more than the 14 it may.
UPDATE peerscope.stream SET last_event_at = '2024-04-10 12:00+00';
CALL peerscope.maintain();
SELECT scenario.expect('a digest that never succeeds holds rows for as long again and no longer',
    $$ SELECT complete_from FROM peerscope.retention_horizon WHERE table_name = 'addr_entry' $$, '2024-03-13');
SELECT scenario.expect('the day is no longer computed by that part',
    $$ SELECT part FROM peerscope.digest_parts('2024-03-07') AS part WHERE part = 'scenario' $$, '');
SELECT scenario.expect('nor one that needs a day before what is left',
    $$ SELECT part FROM peerscope.digest_parts('2024-03-13') AS part WHERE part = 'scenario' $$, '');
SELECT scenario.expect('but the first whose rows are all there is',
    $$ SELECT part FROM peerscope.digest_parts('2024-03-14') AS part WHERE part = 'scenario' $$, 'scenario');
CALL peerscope.digest();
SELECT scenario.expect('and is not asked for again',
    'SELECT day FROM peerscope.dirty_day', '');

-- A digest that the horizon overtakes must not store what it made of half the rows.
CREATE TABLE scenario.stored (day date);
CREATE OR REPLACE FUNCTION peerscope.digest_scenario(day date) RETURNS void LANGUAGE plpgsql
    AS $$ BEGIN
        INSERT INTO scenario.stored VALUES (day);
        IF day = '2024-03-20' THEN
            UPDATE peerscope.retention_horizon SET complete_from = '2024-03-20' WHERE table_name = 'addr_entry';
        END IF;
    END $$;
INSERT INTO peerscope.dirty_day VALUES (1, '2024-03-19'), (1, '2024-03-20');
CALL peerscope.digest();
SELECT scenario.expect('a part that retention overtook stores nothing',
    'SELECT * FROM scenario.stored', '2024-03-19');
SELECT scenario.expect('and says why',
    $$ SELECT error FROM peerscope.digest_state WHERE day = '2024-03-20' AND part = 'scenario' $$,
    'P0001: retention took rows of 2024-03-20 while the digest read them');

-- A detachment that was interrupted, and one whose table was not dropped any more.
DO $$ BEGIN PERFORM peerscope.ensure_day('2024-03-30'); PERFORM peerscope.ensure_day('2024-03-31'); END $$;
ALTER TABLE peerscope.p2p_message DETACH PARTITION peerscope.p2p_message_20240330 CONCURRENTLY;
-- As an interruption leaves it; to interrupt one takes a second session.
UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 'peerscope.p2p_message_20240331'::regclass;
SELECT scenario.expect('what was begun is brought to its end first',
    $$ SELECT statement FROM peerscope.expired_partitions() WHERE partition >= 'p2p_message_20240330' AND partition < 'p2p_message_2025' $$,
    $$ ALTER TABLE peerscope.p2p_message DETACH PARTITION peerscope.p2p_message_20240331 FINALIZE
       DROP TABLE peerscope.p2p_message_20240331
       DROP TABLE peerscope.p2p_message_20240330 $$);
SELECT statement FROM peerscope.expired_partitions() \gexec
SELECT scenario.expect('and is gone',
    $$ SELECT to_regclass('peerscope.p2p_message_20240330'), to_regclass('peerscope.p2p_message_20240331') $$, '∅|∅');

-- A role that writes but does not own.
DO $$ BEGIN PERFORM peerscope.ensure_day('2024-03-30'); END $$;
SET ROLE peerscope_ingest;
SELECT scenario.expect('a role that does not own the tables asks for each partition',
    $$ SELECT statement FROM peerscope.expired_partitions() WHERE partition = 'p2p_message_20240330' $$,
    $$ SELECT peerscope.retire_partition('p2p_message_20240330') $$);
SELECT peerscope.retire_partition('p2p_message_20240330');
SELECT scenario.expect('and it is gone',
    $$ SELECT to_regclass('peerscope.p2p_message_20240330') $$, '∅');
SELECT scenario.expect('but no partition that is to be kept',
    $$ SELECT scenario.error('SELECT peerscope.retire_partition(''block_connected_20240301'')') $$,
    'partition block_connected_20240301 is not to be dropped');
CALL peerscope.maintain();
RESET ROLE;
SELECT scenario.expect('it maintains as well as the owner does',
    $$ SELECT table_name, detail FROM peerscope.maintenance_log WHERE action = 'failed' $$, '');
