-- How addresses travel through a fleet of three nodes: delays, midnights, episodes of several days, and nodes that
-- report late.
--
-- The clocks: alpha is right to 1 ms; beta runs 2 s slow, known to 2 ms; gamma runs 0.5 s fast, known to 3 ms. Times
-- below are true ones; `heard` turns them into what the node's own clock showed.

INSERT INTO peerscope.node (node_id, name) VALUES (1, 'alpha'), (2, 'beta'), (3, 'gamma');
INSERT INTO peerscope.stream (node_id, stream_id, first_seq, durable_seq, last_event_at)
SELECT node_id, node_id, 1, 1, '2026-03-07 12:00Z' FROM peerscope.node;
INSERT INTO peerscope.clock_segment (node_id, clk, corr_ns, eps_ns, reference, ref_maxerror_ns, quality, provisional)
VALUES (1, 1, 0, 1000000, '00000000-0000-0000-0000-0000000000aa', 5000000, 'exchange', false),
       (2, 1, 2000000000, 2000000, '00000000-0000-0000-0000-0000000000aa', 5000000, 'exchange', false),
       (3, 1, -500000000, 3000000, '00000000-0000-0000-0000-0000000000aa', 5000000, 'exchange', false),
       -- Later gamma reports to another aggregator, whose clock is known to 5 ms, and for a while its clock is at fault.
       (3, 2, -500000000, 3000000, '00000000-0000-0000-0000-0000000000bb', 7000000, 'exchange', false),
       (3, 3, -500000000, NULL, '00000000-0000-0000-0000-0000000000aa', 5000000, 'clock_fault', false);
SELECT count(peerscope.ensure_day(d::date)) FROM generate_series(date '2026-02-27', date '2026-03-07', '1 day') d;

-- A node heard an announcement: what the writer keeps of it.
CREATE FUNCTION scenario.heard(of_node text, of_addr text, at timestamptz, of_copies int DEFAULT 1,
                               of_class text DEFAULT 'gossip', of_clk int DEFAULT 1, of_peer bigint DEFAULT 7)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    of_id int := (SELECT node_id FROM peerscope.node WHERE name = of_node);
    ts    timestamptz := at - (SELECT corr_ns / 1000 FROM peerscope.clock_segment c
                                WHERE c.node_id = of_id AND c.clk = of_clk) * interval '1 microsecond';
BEGIN
    INSERT INTO peerscope.addr_announcement
           (node_id, network, addr, port, announced_at, class, first_seen, clk, run_id, first_peer, freshness_s,
            copies, last_seen)
    VALUES (of_id, 'ipv4', of_addr, 8333, date_trunc('second', ts) - interval '40 s', of_class, ts, of_clk, 1, of_peer,
            40 + extract(epoch FROM ts - date_trunc('second', ts)), of_copies, ts);
    INSERT INTO peerscope.addr_sighting AS s (node_id, network, addr, port, first_seen, last_seen, count)
    VALUES (of_id, 'ipv4', of_addr, 8333, ts, ts, of_copies)
    ON CONFLICT (node_id, network, addr, port) DO UPDATE SET last_seen = excluded.last_seen, count = s.count + 1;
    INSERT INTO peerscope.dirty_day AS d (node_id, day) VALUES (of_id, (ts AT TIME ZONE 'UTC')::date)
    ON CONFLICT (node_id, day) DO UPDATE SET generation = d.generation + 1;
END $$;

-- An address that travels alpha -> beta (+15.6 s) -> gamma (+34 s). beta hears two announcements of it.
SELECT scenario.heard('alpha', '198.51.100.1', '2026-03-01 12:00:00Z', 3, of_peer => 11);
SELECT scenario.heard('beta', '198.51.100.1', '2026-03-01 12:00:15.6Z', 1, of_peer => 12);
SELECT scenario.heard('beta', '198.51.100.1', '2026-03-01 12:30:00Z', 2, of_peer => 99);
SELECT scenario.heard('gamma', '198.51.100.1', '2026-03-01 12:00:34Z', 1, of_peer => 13);
-- One that gamma was told days before in answer to a getaddr, and one that only such an answer names.
SELECT scenario.heard('gamma', '198.51.100.2', '2026-02-27 08:00Z', 1, 'getaddr_response');
SELECT scenario.heard('alpha', '198.51.100.2', '2026-03-01 13:00Z');
SELECT scenario.heard('alpha', '198.51.100.3', '2026-03-01 13:00Z', 1, 'getaddr_response');
-- gamma heard this one as bulk 1 s before alpha heard it as gossip, though its own clock showed a later time.
SELECT scenario.heard('gamma', '198.51.100.4', '2026-03-01 14:00:00Z', 1, 'bulk');
SELECT scenario.heard('alpha', '198.51.100.4', '2026-03-01 14:00:00.2Z');
-- Over midnight: alpha hears of it 10 s before, beta 20 s after.
SELECT scenario.heard('alpha', '198.51.100.5', '2026-03-01 23:59:50Z');
SELECT scenario.heard('beta', '198.51.100.5', '2026-03-02 00:00:20Z');
-- beta's clock still shows 1 March when it is the first to hear of this one, at 0:00:01 on the 2nd.
SELECT scenario.heard('beta', '198.51.100.6', '2026-03-02 00:00:01Z');
SELECT scenario.heard('alpha', '198.51.100.6', '2026-03-02 00:00:02Z');
-- Gossip that never pauses for 24 h goes on for days; beta hears of it on the fourth. Then 25 h of silence.
SELECT scenario.heard('alpha', '198.51.100.7', at)
  FROM unnest('{2026-03-01 01:00Z,2026-03-01 21:00Z,2026-03-02 17:00Z,2026-03-03 13:00Z,2026-03-04 09:00Z,
                2026-03-05 05:00Z,2026-03-06 06:00Z}'::timestamptz[]) at;
SELECT scenario.heard('beta', '198.51.100.7', '2026-03-04 10:00Z', 2);
-- Just not 24 h of silence, and just more.
SELECT scenario.heard('alpha', '198.51.100.8', at)
  FROM unnest('{2026-03-01 10:00:00Z,2026-03-02 09:59:59Z}'::timestamptz[]) at;
SELECT scenario.heard('alpha', '198.51.100.9', at)
  FROM unnest('{2026-03-01 10:00:00Z,2026-03-02 10:00:01Z}'::timestamptz[]) at;
-- Two silences of more than 24 h, each of which gamma, which reports late, will turn out to have broken.
SELECT scenario.heard('alpha', '198.51.100.10', at)
  FROM unnest('{2026-03-01 10:00Z,2026-03-03 09:00Z,2026-03-03 20:00Z,2026-03-04 19:00Z,2026-03-06 10:00Z}'::timestamptz[]) at;
-- New as far as the fleet knows yet.
SELECT scenario.heard('alpha', '198.51.100.11', '2026-03-05 10:00Z');
-- Two reference clocks, and a time without known error.
SELECT scenario.heard('alpha', '198.51.100.12', '2026-03-01 15:00:00Z');
SELECT scenario.heard('gamma', '198.51.100.12', '2026-03-01 15:00:10Z', of_clk => 2);
SELECT scenario.heard('alpha', '198.51.100.13', '2026-03-01 15:00:00Z');
SELECT scenario.heard('gamma', '198.51.100.13', '2026-03-01 15:00:10Z', of_clk => 3);

CALL peerscope.digest();

SELECT scenario.expect('no part of the digest fails',
  $$ SELECT day, part, error FROM peerscope.digest_state WHERE error IS NOT NULL $$, '');

-- delay_s is by the clocks as corrected. Error of alpha: its own 1 ms and the 1 ms that the first (itself) may be off;
-- of beta: 2 + 1, of gamma: 3 + 1 ms.
SELECT scenario.expect('an address that travels has known delays, errors and copies at each node',
  $$ SELECT network, addr, port, episode_at, novel, node, first_seen, delay_s, error_s, freshness_s, from_peer, copies
       FROM peerscope.addr_propagation WHERE addr = '198.51.100.1' ORDER BY first_seen $$,
  $$
  ipv4|198.51.100.1|8333|2026-03-01T12:00:00+00:00|true|alpha|2026-03-01T12:00:00+00:00|0|0.002|40|11|3
  ipv4|198.51.100.1|8333|2026-03-01T12:00:00+00:00|true|beta|2026-03-01T12:00:15.6+00:00|15.6|0.003|40.6|12|3
  ipv4|198.51.100.1|8333|2026-03-01T12:00:00+00:00|true|gamma|2026-03-01T12:00:34+00:00|34|0.004|40.5|13|1
  $$);
SELECT scenario.expect('what a node was told before, in any class and by corrected time, is not new; only gossip makes an episode',
  $$ SELECT addr, node, novel FROM peerscope.addr_propagation
      WHERE addr IN ('198.51.100.2', '198.51.100.3', '198.51.100.4') ORDER BY addr $$,
  $$
  198.51.100.2|alpha|false
  198.51.100.4|alpha|false
  $$);
SELECT scenario.expect('an episode over midnight is one, of the day on which it began in corrected time',
  $$ SELECT addr, episode_at, node, delay_s FROM peerscope.addr_propagation
      WHERE addr IN ('198.51.100.5', '198.51.100.6') ORDER BY addr, delay_s $$,
  $$
  198.51.100.5|2026-03-01T23:59:50+00:00|alpha|0
  198.51.100.5|2026-03-01T23:59:50+00:00|beta|30
  198.51.100.6|2026-03-02T00:00:01+00:00|beta|0
  198.51.100.6|2026-03-02T00:00:01+00:00|alpha|1
  $$);
-- beta: from 1 March 1:00 to 4 March 10:00 are 81 h = 291 600 s.
SELECT scenario.expect('an episode without 24 h of silence is not cut by midnights, and ends with the silence',
  $$ SELECT episode_at, novel, node, delay_s, copies FROM peerscope.addr_propagation
      WHERE addr = '198.51.100.7' ORDER BY episode_at, delay_s $$,
  $$
  2026-03-01T01:00:00+00:00|true|alpha|0|6
  2026-03-01T01:00:00+00:00|true|beta|291600|2
  2026-03-06T06:00:00+00:00|false|alpha|0|1
  $$);
SELECT scenario.expect('silence is what lasts longer than 24 h',
  $$ SELECT addr, episode_at, copies FROM peerscope.addr_propagation
      WHERE addr IN ('198.51.100.8', '198.51.100.9') ORDER BY addr, episode_at $$,
  $$
  198.51.100.8|2026-03-01T10:00:00+00:00|2
  198.51.100.9|2026-03-01T10:00:00+00:00|1
  198.51.100.9|2026-03-02T10:00:01+00:00|1
  $$);
-- With two clocks the errors of both count: alpha 1 + 5, gamma 3 + 7 ms, and the first's 6 ms on top of each.
SELECT scenario.expect('times of different reference clocks carry the errors of both; one without error is not compared',
  $$ SELECT addr, node, delay_s, error_s FROM peerscope.addr_propagation
      WHERE addr IN ('198.51.100.12', '198.51.100.13') ORDER BY addr, node $$,
  $$
  198.51.100.12|alpha|0|0.012
  198.51.100.12|gamma|10|0.016
  198.51.100.13|alpha|0|0.002
  198.51.100.13|gamma|∅|∅
  $$);
SELECT scenario.expect('before gamma has reported there are three episodes',
  $$ SELECT episode_at, node, copies FROM peerscope.addr_propagation WHERE addr = '198.51.100.10' ORDER BY 1 $$,
  $$
  2026-03-01T10:00:00+00:00|alpha|1
  2026-03-03T09:00:00+00:00|alpha|3
  2026-03-06T10:00:00+00:00|alpha|1
  $$);

-- Computing days again, in whatever order, changes nothing.
CREATE TABLE scenario.before AS SELECT * FROM peerscope.addr_propagation;
SELECT peerscope.digest_addresses_propagation(d::date)
  FROM unnest('{2026-03-04,2026-03-02,2026-03-02,2026-03-06,2026-03-01,2026-03-03}'::date[]) d;
SELECT scenario.expect('computing days again neither cuts nor doubles anything',
  $$ (SELECT * FROM peerscope.addr_propagation EXCEPT ALL SELECT * FROM scenario.before) UNION ALL
     (SELECT * FROM scenario.before EXCEPT ALL SELECT * FROM peerscope.addr_propagation) $$, '');

-- gamma reports: gossip of 2 March fills the silence between the 1st and the 3rd. And it had been told the address of
-- the 5th already on the 2nd.
SELECT scenario.heard('gamma', '198.51.100.10', '2026-03-02 09:30Z', 5);
SELECT scenario.heard('gamma', '198.51.100.11', '2026-03-02 09:30Z', 1, 'bulk');
CALL peerscope.digest();
SELECT scenario.expect('a node that reports late joins two episodes into one, with what came on later days',
  $$ SELECT episode_at, node, first_seen, delay_s, copies FROM peerscope.addr_propagation
      WHERE addr = '198.51.100.10' ORDER BY episode_at, first_seen $$,
  $$
  2026-03-01T10:00:00+00:00|alpha|2026-03-01T10:00:00+00:00|0|4
  2026-03-01T10:00:00+00:00|gamma|2026-03-02T09:30:00+00:00|84600|5
  2026-03-06T10:00:00+00:00|alpha|2026-03-06T10:00:00+00:00|0|1
  $$);
SELECT scenario.expect('what turns out to have been told before is not new',
  $$ SELECT episode_at, novel FROM peerscope.addr_propagation WHERE addr = '198.51.100.11' $$,
  '2026-03-05T10:00:00+00:00|false');
SELECT scenario.heard('gamma', '198.51.100.10', '2026-03-05 15:00Z');
CALL peerscope.digest();
SELECT scenario.expect('and joins the rest',
  $$ SELECT episode_at, node, copies FROM peerscope.addr_propagation WHERE addr = '198.51.100.10' ORDER BY node $$,
  $$
  2026-03-01T10:00:00+00:00|alpha|5
  2026-03-01T10:00:00+00:00|gamma|6
  $$);

-- The digest of 2 March fails while it computes an episode of four days, and succeeds later.
ALTER TABLE peerscope.addr_episode ADD CONSTRAINT fault CHECK (addr <> '198.51.100.14' OR day <> '2026-03-02');
SELECT scenario.heard('alpha', '198.51.100.14', at)
  FROM unnest('{2026-03-02 08:00Z,2026-03-03 07:00Z,2026-03-04 06:00Z,2026-03-05 05:00Z}'::timestamptz[]) at;
CALL peerscope.digest();
SELECT scenario.expect('a part that fails says so, and makes up no episode of what it does not know the beginning of',
  $$ SELECT (SELECT count(*) FROM peerscope.digest_state WHERE error IS NOT NULL AND day = '2026-03-02') AS failed,
            (SELECT count(*) FROM peerscope.addr_propagation WHERE addr = '198.51.100.14') AS rows $$, '1|0');
ALTER TABLE peerscope.addr_episode DROP CONSTRAINT fault;
CALL peerscope.digest();
SELECT scenario.expect('when it succeeds, what later days had left out is there',
  $$ SELECT episode_at, node, copies FROM peerscope.addr_propagation WHERE addr = '198.51.100.14' $$,
  '2026-03-02T08:00:00+00:00|alpha|4');
