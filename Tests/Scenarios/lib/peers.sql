-- Peers, transactions and mempools in the words of the field, on top of the fleet and its blocks. Times are true ones here
-- too; rows get those of the node's clock.
\ir blocks.sql

-- Everything of a node that these views read is captured as long as its messages are.
CREATE FUNCTION scenario.watch(since text DEFAULT NULL) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO peerscope.capture_interval (node_id, run_id, tracepoint, valid_from)
  SELECT i.node_id, i.run_id, t, coalesce(scenario.at(since), i.valid_from)
    FROM peerscope.capture_interval i CROSS JOIN unnest(ARRAY['mempool:added', 'mempool:removed']) t
   WHERE i.tracepoint = 'net:inbound_message'
$$;

CREATE FUNCTION scenario.session(node text, peer bigint, addr text, opened text, ended text DEFAULT NULL,
                                 conn_type text DEFAULT 'inbound', network text DEFAULT 'ipv4', evicted bool DEFAULT false,
                                 agent text DEFAULT '/Satoshi:30.0.0/', handshaked bool DEFAULT true, inv_out bigint DEFAULT 0,
                                 getdata_in bigint DEFAULT 0, tx_in bigint DEFAULT 0, bytes bigint DEFAULT 1000,
                                 run bigint DEFAULT NULL, last text DEFAULT NULL) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO peerscope.peer_session (node_id, run_id, peer_id, addr, network, conn_type, inbound, opened_at, handshaked_at,
                                      closed_at, evicted, user_agent, protocol_version, own_version, netgroup, group24,
                                      inv_out, getdata_in, tx_in, msgs_in, msgs_out, bytes_in, bytes_out, last_ts)
  VALUES (scenario.id(node), coalesce(run, scenario.run(node)), peer, addr, network, conn_type, conn_type = 'inbound',
          scenario.clock(node, opened), CASE WHEN handshaked THEN scenario.clock(node, opened) + interval '100 ms' END,
          scenario.clock(node, ended), evicted, agent, CASE WHEN handshaked THEN 70016 END,
          CASE WHEN handshaked THEN 70016 END, peerscope.netgroup(addr),
          CASE WHEN addr ~ '^\d+\.\d+\.\d+\.\d+:' THEN network(set_masklen(split_part(addr, ':', 1)::inet, 24))::text
               WHEN addr ~ '^\[' THEN network(set_masklen(substring(addr FROM '^\[(.*)\]')::inet, 48))::text END,
          inv_out, getdata_in, tx_in, 10, 10, bytes, 0, coalesce(scenario.clock(node, last), scenario.clock(node, ended)))
$$;

-- Processes end: the session's end is not an event then.
CREATE FUNCTION scenario.exits(node text, at text) RETURNS void
LANGUAGE sql AS $$
  UPDATE peerscope.process_run SET exited_at = scenario.clock(node, at)
   WHERE node_id = scenario.id(node) AND run_id = scenario.run(node);
  UPDATE peerscope.capture_interval SET valid_to = scenario.clock(node, at)
   WHERE node_id = scenario.id(node) AND run_id = scenario.run(node) AND valid_to IS NULL
$$;

CREATE FUNCTION scenario.newest_event(at text) RETURNS void
LANGUAGE sql AS $$
  UPDATE peerscope.stream s SET last_event_at = scenario.clock(n.name, at) FROM peerscope.node n WHERE n.node_id = s.node_id
$$;

CREATE FUNCTION scenario.dirty(day date) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO peerscope.dirty_day (node_id, day) SELECT node_id, dirty.day FROM peerscope.node ON CONFLICT DO NOTHING
$$;

-- A transaction has a txid 'X' and a wtxid 'wX'; scenario.known() keeps the names.
CREATE FUNCTION scenario.heard(node text, at text, tx text, by_txid bool DEFAULT false, peer bigint DEFAULT 1) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO peerscope.tx_sighting (node_id, run_id, ts, clk, seq, peer_id, hash, is_wtxid, via)
  VALUES (scenario.id(node), scenario.run(node), scenario.clock(node, at), 1, nextval('scenario.seq'), peer,
          scenario.known(CASE WHEN by_txid THEN tx ELSE 'w' || tx END), NOT by_txid, 'inv')
$$;

CREATE FUNCTION scenario.whole(node text, at text, tx text) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO peerscope.tx_seen (node_id, run_id, ts, clk, seq, peer_id, inbound, msg_type, txid, wtxid, size, vsize)
  VALUES (scenario.id(node), scenario.run(node), scenario.clock(node, at), 1, nextval('scenario.seq'), 1, true, 'tx',
          scenario.known(tx), scenario.known('w' || tx), 200, 150)
$$;

CREATE FUNCTION scenario.stay(node text, tx text, added text, removed text DEFAULT NULL, reason text DEFAULT 'block',
                              fee bigint DEFAULT 1000, vsize int DEFAULT 100) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO peerscope.mempool_entry (node_id, run_id, txid, added_at, clk, vsize, fee, removed_at, reason)
  VALUES (scenario.id(node), scenario.run(node), scenario.known(tx), scenario.clock(node, added), 1, vsize, fee,
          scenario.clock(node, removed), CASE WHEN removed IS NOT NULL THEN reason END)
$$;
