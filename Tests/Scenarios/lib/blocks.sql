-- A fleet and its blocks, told in the words of the field, on 1 July 2026.
--
-- Times are true ones: a node whose clock is 5 s behind gets rows with times 5 s earlier and a clock segment that says
-- so. Rows are those of the writers; block_arrival comes from them as in a writer's transaction.

SELECT peerscope.ensure_day(d::date) FROM generate_series(date '2026-06-29', date '2026-07-03', interval '1 day') d;

CREATE SEQUENCE scenario.seq;

CREATE FUNCTION scenario.at(time_of_day text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
  -- '23:59:59.9' is of 1 July; '2 00:00:01' of 2 July.
  SELECT CASE WHEN time_of_day ~ '^\d+ ' THEN ('2026-07-' || lpad(split_part(time_of_day, ' ', 1), 2, '0') || ' '
                                               || split_part(time_of_day, ' ', 2) || '+00')::timestamptz
              ELSE ('2026-07-01 ' || time_of_day || '+00')::timestamptz END
$$;

CREATE FUNCTION scenario.hash(name text) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$ SELECT sha256(convert_to(name, 'UTF8')) $$;

CREATE TABLE scenario.name (hash bytea PRIMARY KEY, name text NOT NULL);

CREATE FUNCTION scenario.name_of(of_hash bytea) RETURNS text
LANGUAGE sql STABLE AS $$ SELECT coalesce((SELECT name FROM scenario.name WHERE hash = of_hash), peerscope.hex(of_hash)) $$;

CREATE FUNCTION scenario.names_of(hashes bytea[]) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT string_agg(scenario.name_of(h), ' ' ORDER BY place) FROM unnest(hashes) WITH ORDINALITY AS u (h, place)
$$;

CREATE FUNCTION scenario.known(block text) RETURNS bytea
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO scenario.name VALUES (scenario.hash(block), block) ON CONFLICT DO NOTHING;
  RETURN scenario.hash(block);
END $$;

-- A node with a process, its stream, one clock segment of three days, and everything captured since the day before.
CREATE FUNCTION scenario.node(node text, clock_behind interval DEFAULT '0', error_ms float8 DEFAULT 0.1,
                              agent text DEFAULT '/Satoshi:30.0.0/') RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  id int;
BEGIN
  INSERT INTO peerscope.node (name, network) VALUES (node, 'main') RETURNING node_id INTO id;
  INSERT INTO peerscope.process_run (node_id, run_id, stream_id, started_at, user_agent, node_clock_lo_s, node_clock_hi_s)
  VALUES (id, id * 100, id * 10, '2026-06-28 00:00+00', agent, 0, 0);
  INSERT INTO peerscope.stream (node_id, stream_id, agent_id, first_seq, durable_seq, last_event_at)
  VALUES (id, id * 10, 'host-of-' || node, 1, 1, scenario.at('2 00:00:10') - clock_behind);
  INSERT INTO peerscope.clock_segment (node_id, clk, valid_from, valid_to, corr_ns, eps_ns, reference, quality, provisional)
  VALUES (id, 1, '2026-06-30 00:00+00', '2026-07-03 00:00+00', extract(epoch FROM clock_behind) * 1e9, error_ms * 1e6,
          '00000000-0000-0000-0000-000000000001', 'exchange', false);
  INSERT INTO peerscope.capture_interval (node_id, run_id, tracepoint, valid_from)
  SELECT id, id * 100, t, timestamptz '2026-06-30 00:00+00' - clock_behind
    FROM unnest(ARRAY['net:inbound_message', 'net:outbound_message', 'validation:block_connected']) t;
  INSERT INTO peerscope.dirty_day (node_id, day) VALUES (id, '2026-07-01');
  RETURN id;
END $$;

CREATE FUNCTION scenario.id(of_name text) RETURNS int
LANGUAGE sql STABLE AS $$ SELECT node_id FROM peerscope.node WHERE name = of_name $$;

-- Its clock at a true time.
CREATE FUNCTION scenario.clock(node text, at text) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
  SELECT scenario.at(at) - c.corr_ns / 1000 * interval '1 microsecond'
    FROM peerscope.clock_segment c WHERE c.node_id = scenario.id(node) AND c.clk = 1
$$;

-- The process of a node: its latest.
CREATE FUNCTION scenario.run(node text) RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT run_id FROM peerscope.process_run WHERE node_id = scenario.id(node) ORDER BY started_at DESC, run_id DESC LIMIT 1
$$;

-- A header that a node saw; its time is a minute before.
CREATE FUNCTION scenario.header(node text, at text, block text, parent text, tag text DEFAULT NULL,
                                age interval DEFAULT '1 minute') RETURNS void
LANGUAGE sql AS $$
  INSERT INTO peerscope.block_header (hash, prev_hash, time, first_node, first_ts, pool_tag)
  VALUES (scenario.known(block), scenario.known(parent), date_trunc('second', scenario.at(at) - age), scenario.id(node),
          scenario.clock(node, at), tag)
  ON CONFLICT (hash) DO NOTHING
$$;

-- A message about a block: inbound is one that the node took up.
CREATE FUNCTION scenario.message(node text, at text, block text, msg_type text, peer bigint, inbound bool,
                                 requested int DEFAULT NULL, size int DEFAULT 100, prefilled int DEFAULT NULL,
                                 short_ids int DEFAULT NULL) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO peerscope.block_announcement (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, hash, entries,
                                            prefilled, short_ids, requested, size, tid)
  VALUES (scenario.id(node), scenario.run(node), scenario.clock(node, at), 1, nextval('scenario.seq'), peer, inbound,
          msg_type, scenario.known(block), CASE WHEN msg_type IN ('inv', 'headers', 'getdata') THEN 1 END, prefilled,
          short_ids, requested, size, 1)
$$;

-- A block that was connected, at the end of its validation.
CREATE FUNCTION scenario.connect(node text, at text, block text, height int, validation_ms float8 DEFAULT 10,
                                 inputs int DEFAULT 5001, removed int DEFAULT 0) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO peerscope.block_connected (node_id, run_id, ts, clk, seq, hash, height, transactions, inputs, sigops_cost,
                                         duration_ns, tid)
  VALUES (scenario.id(node), scenario.run(node), scenario.clock(node, at), 1, nextval('scenario.seq'),
          scenario.known(block), height, 2000, inputs, 8000, validation_ms * 1e6, 1);
  INSERT INTO peerscope.validation_window (node_id, run_id, tid, connected_ts, clk, start_ts, hash, removed)
  VALUES (scenario.id(node), scenario.run(node), 1, scenario.clock(node, at), 1,
          scenario.clock(node, at) - validation_ms * interval '1 ms', scenario.known(block), removed);
END $$;

-- A node that hears of a block by an unasked compact block and connects it 20 ms later.
CREATE FUNCTION scenario.gets(node text, at text, block text, height int, peer bigint DEFAULT 1,
                              validation_ms float8 DEFAULT 10) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM scenario.message(node, at, block, 'cmpctblock', peer, true, NULL, 12000, 1, 1999);
  PERFORM scenario.connect(node, to_char(scenario.at(at) + interval '20 ms', 'FMDD HH24:MI:SS.US'), block, height,
                           validation_ms);
END $$;

-- What a writer does with the blocks that its transaction touched.
CREATE FUNCTION scenario.commit() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  CREATE TEMP TABLE touched_block (node_id int, hash bytea);
  INSERT INTO touched_block
  SELECT node_id, hash FROM peerscope.block_announcement UNION SELECT node_id, hash FROM peerscope.block_connected;
  PERFORM peerscope.refresh_block_arrival();
  DROP TABLE touched_block;
  UPDATE peerscope.block_header h SET height = a.height
    FROM peerscope.block_arrival a WHERE a.hash = h.hash AND a.height IS NOT NULL AND h.height IS NULL;
END $$;

CREATE FUNCTION scenario.digest_errors() RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT string_agg(part || ' of ' || day || ': ' || error, E'\n' ORDER BY day, part)
    FROM peerscope.digest_state WHERE error IS NOT NULL
$$;
