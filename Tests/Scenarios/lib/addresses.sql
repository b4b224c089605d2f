-- A fleet and what it is told of addresses, in the words of the field, around 1 July 2026.
--
-- Times are true ones: a node whose clock is 5 s behind gets rows with times 5 s earlier and a clock segment that says
-- so. `receive` and `send` keep of an address message what the writers keep.

SELECT count(peerscope.ensure_day(d::date)) FROM generate_series(date '2026-06-22', date '2026-07-05', interval '1 day') d;

CREATE FUNCTION scenario.at(at text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
  -- '23:59:59.9' is of 1 July; '3 00:00:01' of 3 July.
  SELECT ('2026-07-' || CASE WHEN at ~ '^\d+ ' THEN lpad(split_part(at, ' ', 1), 2, '0') || ' ' || split_part(at, ' ', 2)
                             ELSE '01 ' || at END || '+00')::timestamptz
$$;

-- A node with a process, its stream, one clock segment, and everything captured from 22 June to 4 July.
CREATE FUNCTION scenario.node(node text, clock_behind interval DEFAULT '0', error_ms float8 DEFAULT 1) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  id int;
BEGIN
  INSERT INTO peerscope.node (name, network) VALUES (node, 'main') RETURNING node_id INTO id;
  INSERT INTO peerscope.process_run (node_id, run_id, stream_id, started_at, node_clock_lo_s, node_clock_hi_s)
  VALUES (id, id * 100, id * 10, '2026-06-22 00:00Z', 0, 0);
  INSERT INTO peerscope.stream (node_id, stream_id, first_seq, durable_seq, last_event_at)
  VALUES (id, id * 10, 1, 1, timestamptz '2026-07-04 00:00Z' - clock_behind);
  INSERT INTO peerscope.clock_segment (node_id, clk, valid_from, valid_to, corr_ns, eps_ns, reference, quality, provisional)
  VALUES (id, 1, '2026-06-22 00:00Z', '2026-07-04 00:00Z', extract(epoch FROM clock_behind) * 1e9, error_ms * 1e6,
          '00000000-0000-0000-0000-000000000001', 'exchange', false);
  INSERT INTO peerscope.capture_interval (node_id, run_id, tracepoint, valid_from)
  SELECT id, id * 100, t, timestamptz '2026-06-22 00:00Z' - clock_behind
    FROM unnest(ARRAY['net:inbound_message', 'net:outbound_message']) t;
END $$;

CREATE FUNCTION scenario.id(of_name text) RETURNS int
LANGUAGE sql STABLE AS $$ SELECT node_id FROM peerscope.node WHERE name = of_name $$;

-- A node's clock at a true time.
CREATE FUNCTION scenario.clock(node text, at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
  SELECT at - c.corr_ns / 1000 * interval '1 microsecond'
    FROM peerscope.clock_segment c WHERE c.node_id = scenario.id(node)
$$;

CREATE FUNCTION scenario.dirty(node text, ts timestamptz) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO peerscope.dirty_day AS d (node_id, day) VALUES (scenario.id(node), (ts AT TIME ZONE 'UTC')::date)
  ON CONFLICT (node_id, day) DO UPDATE SET generation = d.generation + 1
$$;

-- A connection: inbound, or outbound where the peer's address is that of its listener.
CREATE FUNCTION scenario.peer(node text, peer bigint, addr text, inbound bool, opened text,
                              closed text DEFAULT NULL, shaken bool DEFAULT true) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  opened_ts timestamptz := scenario.clock(node, scenario.at(opened));
BEGIN
  INSERT INTO peerscope.peer_session (node_id, run_id, peer_id, addr, network, conn_type, inbound, opened_at, handshaked_at,
                                      closed_at, addr_tokens, addr_tokens_at, last_ts)
  VALUES (scenario.id(node), scenario.id(node) * 100, peer, addr, (peerscope.peer_address(addr)).network,
          CASE WHEN inbound THEN 'inbound' ELSE 'outbound-full-relay' END, inbound, opened_ts,
          CASE WHEN shaken THEN opened_ts + interval '1 s' END, scenario.clock(node, scenario.at(closed)), 1, opened_ts,
          coalesce(scenario.clock(node, scenario.at(closed)), scenario.clock(node, scenario.at('3 23:00:00'))));
  PERFORM scenario.dirty(node, opened_ts);
END $$;

CREATE SEQUENCE scenario.seq;

-- An address message comes in: all entries of one class, the first `passed` of which find a token in Core's bucket, and
-- `kept` of which the rollups take in (by default all: the day's budget is far from used up).
CREATE FUNCTION scenario.receive(node text, peer bigint, at timestamptz, of_class text, addrs text[], of_port int DEFAULT 8333,
                                 age interval DEFAULT '40 s', passed int DEFAULT NULL, kept int DEFAULT NULL,
                                 of_network text DEFAULT 'ipv4') RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  id     int := scenario.id(node);
  ts     timestamptz := scenario.clock(node, at);
  number bigint := nextval('scenario.seq');
  ntime  timestamptz := date_trunc('second', ts - age);
  n      int := cardinality(addrs);
  of_day timestamptz := date_trunc('day', ts);
BEGIN
  passed := coalesce(passed, n);
  kept := coalesce(kept, n);
  INSERT INTO peerscope.addr_entry (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, class, network, addr, port,
                                    services, announced_at)
  SELECT id, id * 100, ts, 1, number, peer, true, 'addrv2', of_class, of_network, a, of_port, 1033, ntime FROM unnest(addrs) a;
  INSERT INTO peerscope.addr_session_minute AS m (node_id, minute, run_id, peer_id, messages, exact10, entries, future, passed, limited)
  VALUES (id, date_trunc('minute', ts), id * 100, peer, 1, (n = 10)::int, n, CASE WHEN ntime > ts THEN n ELSE 0 END, passed,
          n - passed)
  ON CONFLICT (node_id, minute, run_id, peer_id) DO UPDATE
     SET messages = m.messages + 1, exact10 = m.exact10 + excluded.exact10, entries = m.entries + excluded.entries,
         future = m.future + excluded.future, passed = m.passed + excluded.passed, limited = m.limited + excluded.limited;
  INSERT INTO peerscope.addr_announcement AS t (node_id, network, addr, port, announced_at, class, first_seen, clk, run_id,
                                                first_peer, freshness_s, copies, last_seen)
  SELECT id, of_network, a, of_port, ntime, of_class, ts, 1, id * 100, peer, extract(epoch FROM ts - ntime), 1, ts
    FROM unnest(addrs[1:kept]) a
  ON CONFLICT (node_id, network, addr, port, announced_at, class) DO UPDATE
     SET copies = t.copies + 1, last_seen = greatest(t.last_seen, excluded.last_seen);
  INSERT INTO peerscope.addr_sighting AS t (node_id, network, addr, port, first_seen, last_seen, count)
  SELECT id, of_network, a, of_port, ts, ts, 1 FROM unnest(addrs[1:kept]) a
  ON CONFLICT (node_id, network, addr, port) DO UPDATE
     SET count = t.count + 1, last_seen = greatest(t.last_seen, excluded.last_seen);
  INSERT INTO peerscope.addr_day (node_id, run_id, ts, clk, seq, network, addr, port, class)
  SELECT id, id * 100, ts, 1, number, of_network, a, of_port, of_class FROM unnest(addrs[1:kept]) a
   WHERE NOT EXISTS (SELECT FROM peerscope.addr_day d
                      WHERE d.ts >= of_day AND d.ts < of_day + interval '1 day'
                        AND d.node_id = id AND d.network = of_network AND d.addr = a AND d.port = of_port
                        AND d.class = of_class);
  PERFORM scenario.dirty(node, ts);
END $$;

-- An address message of ours goes out. The nTime of an address is that with which it came: `announced`, by our clock.
CREATE FUNCTION scenario.send(node text, peer bigint, at timestamptz, addrs text[], announced timestamptz,
                              of_port int DEFAULT 8333, of_network text DEFAULT 'ipv4') RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  id     int := scenario.id(node);
  ts     timestamptz := scenario.clock(node, at);
BEGIN
  INSERT INTO peerscope.addr_entry (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, class, network, addr, port,
                                    services, announced_at)
  SELECT id, id * 100, ts, 1, nextval('scenario.seq'), peer, false, 'addrv2', NULL, of_network, a, of_port, 1033, announced
    FROM unnest(addrs) a;
  UPDATE peerscope.addr_announcement t
     SET out_peers = out_peers + 1, first_out_at = least(first_out_at, ts)
   WHERE t.node_id = id AND t.network = of_network AND t.addr = ANY (addrs) AND t.port = of_port
     AND t.announced_at = announced AND t.first_seen <= ts;
  PERFORM scenario.dirty(node, ts);
END $$;

-- Addresses `prefix`.first … `prefix`.last.
CREATE FUNCTION scenario.addrs(prefix text, first int, last int) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$ SELECT array_agg(prefix || '.' || i ORDER BY i) FROM generate_series(first, last) i $$;

CREATE FUNCTION scenario.digest_errors() RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT string_agg(day || ' ' || part || ': ' || error, '; ' ORDER BY day, part) FROM peerscope.digest_state WHERE error IS NOT NULL
$$;
