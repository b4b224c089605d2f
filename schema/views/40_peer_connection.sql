-- Sessions as they were: who they were with, what both sides said, and when they ended.

-- A process that ended took its sessions with it, though no event says so. Where not even its end is known, a later
-- process of the node proves it: then a session lasted as long as it was heard of.
DROP VIEW IF EXISTS peerscope.run_span CASCADE;
CREATE VIEW peerscope.run_span AS
SELECT r.node_id, r.run_id, r.started_at, r.exited_at, r.superseded,
       coalesce(r.exited_at,
                CASE WHEN r.superseded
                     THEN coalesce((SELECT max(s.last_ts) FROM peerscope.peer_session s
                                     WHERE s.node_id = r.node_id AND s.run_id = r.run_id), r.next_at) END) AS ended_at
  FROM (SELECT node_id, run_id, started_at, exited_at,
               exited_at IS NULL AND lead(run_id) OVER own IS NOT NULL AS superseded,
               lead(started_at) OVER own AS next_at
          FROM peerscope.process_run
        WINDOW own AS (PARTITION BY node_id ORDER BY started_at NULLS FIRST, run_id)) r;
COMMENT ON VIEW peerscope.run_span IS 'Lives of processes, and which of them must have ended.';
COMMENT ON COLUMN peerscope.run_span.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.run_span.run_id IS 'The process.';
COMMENT ON COLUMN peerscope.run_span.started_at IS 'When it started.';
COMMENT ON COLUMN peerscope.run_span.exited_at IS 'When it ended; NULL while it runs or if unknown.';
COMMENT ON COLUMN peerscope.run_span.superseded IS 'Whether it must have ended at an unknown time, since the node has a later process.';
COMMENT ON COLUMN peerscope.run_span.ended_at IS 'Until when it is known to have run, on the node''s clock: its end, or where nobody saw that, as when the host lost power, the last that its sessions were heard of, or else the start of the next process. NULL while it runs.';

CREATE OR REPLACE FUNCTION peerscope.service_names(services bigint) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT array_remove(ARRAY[CASE WHEN services & 1 <> 0 THEN 'NETWORK' END, CASE WHEN services & 4 <> 0 THEN 'BLOOM' END,
                              CASE WHEN services & 8 <> 0 THEN 'WITNESS' END,
                              CASE WHEN services & 64 <> 0 THEN 'COMPACT_FILTERS' END,
                              CASE WHEN services & 1024 <> 0 THEN 'NETWORK_LIMITED' END,
                              CASE WHEN services & 2048 <> 0 THEN 'P2P_V2' END,
                              CASE WHEN services & ~3149 <> 0 THEN '0x' || to_hex(services & ~3149) END], NULL)
    $$;
COMMENT ON FUNCTION peerscope.service_names(bigint) IS
    'The service bits of a version message by name, as Core names them without NODE_ (BIP37, 111, 144, 157, 159, 324), and the others together in hexadecimal. Empty for none.';

DROP VIEW IF EXISTS peerscope.peer_connection CASCADE;
CREATE VIEW peerscope.peer_connection AS
SELECT n.name AS node,
       s.run_id,
       s.peer_id,
       s.addr,
       s.network,
       s.netgroup,
       s.group24,
       CASE WHEN s.inbound THEN 'inbound' WHEN NOT s.inbound THEN 'outbound' END AS direction,
       s.conn_type,
       s.opened_at,
       s.handshaked_at,
       coalesce(s.closed_at, r.exited_at, CASE WHEN r.superseded THEN s.last_ts END) AS closed_at,
       CASE WHEN s.closed_at IS NOT NULL THEN CASE WHEN s.evicted THEN 'evicted' ELSE 'closed' END
            WHEN r.exited_at IS NOT NULL THEN 'process ended'
            WHEN r.superseded THEN 'process replaced' END AS ended_by,
       s.user_agent AS peer_agent,
       s.protocol_version AS peer_version,
       CASE WHEN s.services IS NOT NULL THEN peerscope.service_names(s.services) END AS peer_services,
       s.peer_height,
       s.peer_relay,
       s.peer_time_s,
       s.own_user_agent AS own_agent,
       s.own_version,
       CASE WHEN s.own_services IS NOT NULL THEN peerscope.service_names(s.own_services) END AS own_services,
       s.own_height,
       s.wants_addrv2,
       s.wants_wtxid,
       s.wants_headers,
       s.hb_from_peer,
       s.hb_to_peer,
       s.fee_filter,
       s.min_rtt_us / 1e3::float8 AS min_rtt_ms,
       s.misbehaviour,
       s.inv_in, s.inv_out, s.getdata_in, s.getdata_out, s.tx_in, s.tx_out,
       s.msgs_in, s.msgs_out, s.bytes_in, s.bytes_out
  FROM peerscope.peer_session s
  JOIN peerscope.node n ON n.node_id = s.node_id
  LEFT JOIN peerscope.run_span r ON r.node_id = s.node_id AND r.run_id = s.run_id;
COMMENT ON VIEW peerscope.peer_connection IS
    'Every connection to a peer with its handshake: what the peer said in its version message, what the node said in its own, and which features the peer asked for. Times are on the node''s clock. Traffic by type is in session_traffic.';
COMMENT ON COLUMN peerscope.peer_connection.node IS 'The node.';
COMMENT ON COLUMN peerscope.peer_connection.run_id IS 'The process.';
COMMENT ON COLUMN peerscope.peer_connection.peer_id IS 'Core''s number of the peer, unique inside run_id.';
COMMENT ON COLUMN peerscope.peer_connection.addr IS 'The peer''s address as Core prints it.';
COMMENT ON COLUMN peerscope.peer_connection.network IS 'ipv4, ipv6, onion, i2p, cjdns or unroutable.';
COMMENT ON COLUMN peerscope.peer_connection.netgroup IS 'Network group of its address, as Core makes them without an asmap.';
COMMENT ON COLUMN peerscope.peer_connection.group24 IS 'The /24 (IPv4) or /48 (IPv6, CJDNS) of its address; NULL for other networks.';
COMMENT ON COLUMN peerscope.peer_connection.direction IS 'inbound: the peer connected to us; outbound: we to it.';
COMMENT ON COLUMN peerscope.peer_connection.conn_type IS 'inbound, outbound-full-relay, block-relay-only, feeler, manual, addr-fetch or private-broadcast.';
COMMENT ON COLUMN peerscope.peer_connection.opened_at IS 'First event of the session, or the start Core gave.';
COMMENT ON COLUMN peerscope.peer_connection.handshaked_at IS 'When verack arrived; NULL when it did not, or before capture began.';
COMMENT ON COLUMN peerscope.peer_connection.closed_at IS 'When it ended; NULL while it lasts.';
COMMENT ON COLUMN peerscope.peer_connection.ended_by IS 'evicted (by us), closed (by either side), process ended, or process replaced: a later process of the node shows that this one ended, and closed_at is the session''s last event.';
COMMENT ON COLUMN peerscope.peer_connection.peer_agent IS 'User agent the peer claimed.';
COMMENT ON COLUMN peerscope.peer_connection.peer_version IS 'Protocol version it claimed.';
COMMENT ON COLUMN peerscope.peer_connection.peer_services IS 'Services it claimed.';
COMMENT ON COLUMN peerscope.peer_connection.peer_height IS 'Height it claimed.';
COMMENT ON COLUMN peerscope.peer_connection.peer_relay IS 'Whether it wanted transactions announced (BIP37); NULL when it did not say.';
COMMENT ON COLUMN peerscope.peer_connection.peer_time_s IS 'Its time minus ours when its version message was taken up, in seconds.';
COMMENT ON COLUMN peerscope.peer_connection.own_agent IS 'User agent we told it.';
COMMENT ON COLUMN peerscope.peer_connection.own_version IS 'Protocol version we told it.';
COMMENT ON COLUMN peerscope.peer_connection.own_services IS 'Services we told it.';
COMMENT ON COLUMN peerscope.peer_connection.own_height IS 'Height we told it.';
COMMENT ON COLUMN peerscope.peer_connection.wants_addrv2 IS 'It sent sendaddrv2 (BIP155).';
COMMENT ON COLUMN peerscope.peer_connection.wants_wtxid IS 'It sent wtxidrelay (BIP339).';
COMMENT ON COLUMN peerscope.peer_connection.wants_headers IS 'It sent sendheaders (BIP130).';
COMMENT ON COLUMN peerscope.peer_connection.hb_from_peer IS 'It last asked us for high-bandwidth compact blocks (BIP152); NULL when it sent no sendcmpct.';
COMMENT ON COLUMN peerscope.peer_connection.hb_to_peer IS 'We last asked it for high-bandwidth compact blocks; NULL when we sent no sendcmpct.';
COMMENT ON COLUMN peerscope.peer_connection.fee_filter IS 'Its last feefilter, in satoshi per 1000 virtual bytes (BIP133).';
COMMENT ON COLUMN peerscope.peer_connection.min_rtt_ms IS 'Shortest round trip of our pings, in milliseconds.';
COMMENT ON COLUMN peerscope.peer_connection.misbehaviour IS 'Last reason of misbehaviour.';
COMMENT ON COLUMN peerscope.peer_connection.inv_in IS 'Transactions it announced to us.';
COMMENT ON COLUMN peerscope.peer_connection.inv_out IS 'Transactions we announced to it.';
COMMENT ON COLUMN peerscope.peer_connection.getdata_in IS 'Transactions it asked us for.';
COMMENT ON COLUMN peerscope.peer_connection.getdata_out IS 'Transactions we asked it for.';
COMMENT ON COLUMN peerscope.peer_connection.tx_in IS 'tx messages received.';
COMMENT ON COLUMN peerscope.peer_connection.tx_out IS 'tx messages sent.';
COMMENT ON COLUMN peerscope.peer_connection.msgs_in IS 'Messages received.';
COMMENT ON COLUMN peerscope.peer_connection.msgs_out IS 'Messages sent.';
COMMENT ON COLUMN peerscope.peer_connection.bytes_in IS 'Payload bytes received.';
COMMENT ON COLUMN peerscope.peer_connection.bytes_out IS 'Payload bytes sent.';
