-- How long connections live, by Kaplan and Meier: sessions that last count for as long as they have been watched.
\ir lib/peers.sql

SELECT scenario.node(n) FROM unnest(ARRAY['a', 'k', 'r', 'late']) n;

-- Node a, inbound over IPv4, opened between 10:00 and 11:00. The newest event is of 10:20:00.
SELECT scenario.session('a', 1, '1.1.1.1:1', '10:00:00', '10:04:00'),                  -- 240 s
       scenario.session('a', 2, '1.1.1.2:1', '10:00:00', '10:10:00', evicted => true), -- 600 s
       scenario.session('a', 3, '1.1.1.3:1', '10:14:00', NULL),                        -- 360 s and on
       scenario.session('a', 4, '1.1.1.4:1', '10:00:00', '10:15:00'),                  -- 900 s
       scenario.session('a', 5, '1.1.1.5:1', '10:05:00', NULL, handshaked => false),   -- 900 s and on
       scenario.session('a', 6, '1.1.1.6:1', '10:18:00', NULL);                        -- 120 s and on
UPDATE peerscope.peer_session SET msgs_in = 0, msgs_out = 0 WHERE peer_id = 5;
-- Others of the hour: another network, another direction, and one that was there before capture: its version was not seen.
SELECT scenario.session('a', 7, '[2a02:1::1]:1', '10:00:00', NULL, network => 'ipv6'),
       scenario.session('a', 8, '9.9.9.9:8333', '10:00:00', '10:00:05', conn_type => 'feeler'),
       scenario.session('a', 9, '1.1.1.9:1', '10:00:00', '10:12:00', handshaked => false);

-- Node k was killed at 10:30: no event closes its sessions. Node r was replaced by another process, and nobody saw its end.
SELECT scenario.session('k', 1, '2.2.2.1:1', '10:20:00', NULL), scenario.session('k', 2, '2.2.2.2:1', '10:10:00', '10:15:00');
SELECT scenario.exits('k', '10:30:00');
SELECT scenario.session('r', 1, '3.3.3.1:1', '10:00:00', NULL, last => '10:59:00'),
       scenario.session('r', 2, '3.3.3.2:1', '10:00:00', NULL, last => '11:01:00');
INSERT INTO peerscope.process_run (node_id, run_id, stream_id, started_at) VALUES (scenario.id('r'), 999, 1, scenario.at('12:00:00'));

SELECT scenario.newest_event('13:00:00');
UPDATE peerscope.stream SET last_event_at = scenario.at('10:20:00') WHERE node_id = scenario.id('a');
SELECT scenario.dirty('2026-07-01');
CALL peerscope.digest();
SELECT scenario.expect('no part of the digest failed', $$ SELECT scenario.digest_errors() AS errors $$, '∅');

-- Node a, six lives: 240 s, of 5 at risk (the one of 120 s is out of sight) 1 ends: 0.8. 600 s, of 3: 0.8 × 2/3 = 0.533. 900 s, of 2,
-- of which one ends: 0.267. So 900 s; leaving out what lasts would give 600 s, counting it as ended 360 s.
-- Of all closed: at 10:04, 10:10, 10:12 (not among those opened) and 10:15.
-- Node k: 300 s and, at the end of its process, 600 s: the first leaves a half. Node r: the last events of the sessions.
SELECT scenario.expect('sessions are counted in the hour of each event, and the median heeds those that last',
  $$ SELECT node, to_char(hour, 'HH24') AS hour, network, direction, opened, handshaked, closed, evicted, median_life_s
       FROM peerscope.connection_churn ORDER BY node, hour, network, direction $$,
  $$
  a|10|ipv4|inbound|6|5|4|1|900
  a|10|ipv4|outbound|1|1|1|0|5
  a|10|ipv6|inbound|1|1|0|0|∅
  k|10|ipv4|inbound|2|2|2|0|300
  r|10|ipv4|inbound|2|2|1|0|3540
  r|11|ipv4|inbound|0|0|1|0|∅
  $$);

-- A session of 23:50 that ends on the next day: only that day is new, yet the life of the first day's session ends with it.
SELECT scenario.session('late', 1, '4.4.4.4:1', '23:50:00', NULL);
SELECT scenario.newest_event('23:59:00'), scenario.dirty('2026-07-01');
CALL peerscope.digest();
SELECT scenario.expect('a session of the day''s last minutes lasts as far as anybody knows',
  $$ SELECT opened, closed, median_life_s FROM peerscope.connection_churn WHERE node = 'late' $$, '1|0|∅');
UPDATE peerscope.peer_session SET closed_at = scenario.at('2 08:00:00') WHERE node_id = scenario.id('late');
SELECT scenario.newest_event('2 08:00:00'), scenario.dirty('2026-07-02');
CALL peerscope.digest();
SELECT scenario.expect('until it ends on the day after',
  $$ SELECT to_char(hour, 'DD HH24') AS hour, opened, closed, median_life_s FROM peerscope.connection_churn WHERE node = 'late' ORDER BY hour $$,
  $$
  01 23|1|0|29400
  02 08|0|1|∅
  $$);
SELECT scenario.expect('the view of connections says how each ended',
  $$ SELECT node, peer_id, to_char(closed_at, 'HH24:MI:SS') AS closed_at, ended_by FROM peerscope.peer_connection
      WHERE node IN ('k', 'r') OR node = 'a' AND peer_id IN (2, 3) ORDER BY node, peer_id $$,
  $$
  a|2|10:10:00|evicted
  a|3|∅|∅
  k|1|10:30:00|process ended
  k|2|10:15:00|closed
  r|1|10:59:00|process replaced
  r|2|11:01:00|process replaced
  $$);
-- Computing a day again changes nothing, not even a row's place on disk.
CREATE TABLE scenario.before AS SELECT ctid AS place, h.* FROM peerscope.connection_hour h;
SELECT scenario.dirty('2026-07-01');
CALL peerscope.digest();
SELECT scenario.expect('computing a day twice changes nothing',
  $$ SELECT count(*) FROM (SELECT ctid AS place, h.* FROM peerscope.connection_hour h EXCEPT SELECT * FROM scenario.before) d $$, '0');
