-- What a session did, beside what it was: handshake, traffic by type, round trips.

ALTER TABLE peerscope.peer_session
    ADD COLUMN netgroup         text,
    ADD COLUMN group24          text,
    ADD COLUMN peer_height      int,
    ADD COLUMN peer_relay       bool,
    ADD COLUMN peer_nonce       bigint,
    ADD COLUMN peer_time_s      float8,
    ADD COLUMN own_user_agent   text,
    ADD COLUMN own_services     bigint,
    ADD COLUMN own_version      int,
    ADD COLUMN own_height       int,
    ADD COLUMN own_nonce        bigint,
    ADD COLUMN wants_addrv2     bool NOT NULL DEFAULT false,
    ADD COLUMN wants_wtxid      bool NOT NULL DEFAULT false,
    ADD COLUMN wants_headers    bool NOT NULL DEFAULT false,
    ADD COLUMN hb_from_peer     bool,
    ADD COLUMN hb_to_peer       bool,
    ADD COLUMN fee_filter       bigint,
    ADD COLUMN inv_in           bigint NOT NULL DEFAULT 0,
    ADD COLUMN inv_out          bigint NOT NULL DEFAULT 0,
    ADD COLUMN getdata_in       bigint NOT NULL DEFAULT 0,
    ADD COLUMN getdata_out      bigint NOT NULL DEFAULT 0,
    ADD COLUMN tx_in            bigint NOT NULL DEFAULT 0,
    ADD COLUMN tx_out           bigint NOT NULL DEFAULT 0,
    ADD COLUMN ping_nonce       bigint,
    ADD COLUMN ping_sent_at     timestamptz,
    ADD COLUMN min_rtt_us       bigint;
CREATE INDEX peer_session_opened ON peerscope.peer_session (opened_at);
CREATE INDEX peer_session_closed ON peerscope.peer_session (closed_at);
CREATE INDEX peer_session_group24 ON peerscope.peer_session (group24, opened_at);
COMMENT ON COLUMN peerscope.peer_session.netgroup IS 'Network group of its address, as Core makes them without an asmap: 93.37.0.0/16, 2a02:2440::/32, onion:9/4; NULL for a name.';
COMMENT ON COLUMN peerscope.peer_session.group24 IS 'The /24 (IPv4) or /48 (IPv6, CJDNS) of its address; NULL for other networks.';
COMMENT ON COLUMN peerscope.peer_session.peer_height IS 'Height it claims in its version message.';
COMMENT ON COLUMN peerscope.peer_session.peer_relay IS 'Whether it wants transactions announced (BIP37 relay flag); NULL when its version message ended before.';
COMMENT ON COLUMN peerscope.peer_session.peer_nonce IS 'Nonce of its version message, bit pattern of a u64; the same nonce sent by a node of the fleet makes the session a link inside it.';
COMMENT ON COLUMN peerscope.peer_session.peer_time_s IS 'Time in its version message minus ts of that message, in seconds; the message may have travelled.';
COMMENT ON COLUMN peerscope.peer_session.own_user_agent IS 'User agent we told it.';
COMMENT ON COLUMN peerscope.peer_session.own_services IS 'Service bits we told it, bit pattern of a u64.';
COMMENT ON COLUMN peerscope.peer_session.own_version IS 'Protocol version we told it.';
COMMENT ON COLUMN peerscope.peer_session.own_height IS 'Height we told it.';
COMMENT ON COLUMN peerscope.peer_session.own_nonce IS 'Nonce of our version message, bit pattern of a u64.';
COMMENT ON COLUMN peerscope.peer_session.wants_addrv2 IS 'It sent sendaddrv2 (BIP155).';
COMMENT ON COLUMN peerscope.peer_session.wants_wtxid IS 'It sent wtxidrelay (BIP339).';
COMMENT ON COLUMN peerscope.peer_session.wants_headers IS 'It sent sendheaders (BIP130).';
COMMENT ON COLUMN peerscope.peer_session.hb_from_peer IS 'Its last sendcmpct asked us for high-bandwidth announcements (BIP152); NULL when it sent none.';
COMMENT ON COLUMN peerscope.peer_session.hb_to_peer IS 'Our last sendcmpct asked it for high-bandwidth announcements; NULL when we sent none.';
COMMENT ON COLUMN peerscope.peer_session.fee_filter IS 'Its last feefilter, in satoshi per 1000 virtual bytes (BIP133).';
COMMENT ON COLUMN peerscope.peer_session.inv_in IS 'Transactions it announced to us: entries of inv.';
COMMENT ON COLUMN peerscope.peer_session.inv_out IS 'Transactions we announced to it.';
COMMENT ON COLUMN peerscope.peer_session.getdata_in IS 'Transactions it asked us for: entries of getdata.';
COMMENT ON COLUMN peerscope.peer_session.getdata_out IS 'Transactions we asked it for.';
COMMENT ON COLUMN peerscope.peer_session.tx_in IS 'tx messages received.';
COMMENT ON COLUMN peerscope.peer_session.tx_out IS 'tx messages sent.';
COMMENT ON COLUMN peerscope.peer_session.ping_nonce IS 'Nonce of our ping that has no answer yet, bit pattern of a u64.';
COMMENT ON COLUMN peerscope.peer_session.ping_sent_at IS 'When that ping was sent.';
COMMENT ON COLUMN peerscope.peer_session.min_rtt_us IS 'Shortest time from a ping of ours to its pong, in microseconds of the node''s clock; NULL before the first.';

ALTER TABLE peerscope.process_run
    ADD COLUMN fee_floor    bigint,
    ADD COLUMN fee_floor_at timestamptz;
COMMENT ON COLUMN peerscope.process_run.fee_floor IS 'Value of its last outbound feefilter, in satoshi per 1000 virtual bytes: its mempool''s floor, rounded by Core for privacy.';
COMMENT ON COLUMN peerscope.process_run.fee_floor_at IS 'When it sent that, on the node''s clock.';

CREATE TABLE peerscope.session_traffic (
    node_id  int NOT NULL,
    run_id   bigint NOT NULL,
    peer_id  bigint NOT NULL,
    inbound  bool NOT NULL,
    msg_type text NOT NULL,
    messages bigint NOT NULL DEFAULT 0,
    bytes    bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (node_id, run_id, peer_id, inbound, msg_type)
);
COMMENT ON TABLE peerscope.session_traffic IS
    'Messages and bytes of a session by type and direction: what the node''s RPC shows as bytessent_per_msg and bytesrecv_per_msg, apart from the headers.';
COMMENT ON COLUMN peerscope.session_traffic.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.session_traffic.run_id IS 'The process.';
COMMENT ON COLUMN peerscope.session_traffic.peer_id IS 'Core''s number of the peer.';
COMMENT ON COLUMN peerscope.session_traffic.inbound IS 'True for messages we received.';
COMMENT ON COLUMN peerscope.session_traffic.msg_type IS 'Type; unknown ones as *other*.';
COMMENT ON COLUMN peerscope.session_traffic.messages IS 'Messages.';
COMMENT ON COLUMN peerscope.session_traffic.bytes IS 'Payload bytes, without headers.';

-- Addresses: how a session pours them, and which came up on a day.

CREATE TABLE peerscope.addr_session_minute (
    node_id  int NOT NULL,
    minute   timestamptz NOT NULL,
    run_id   bigint NOT NULL,
    peer_id  bigint NOT NULL,
    messages int NOT NULL DEFAULT 0,
    exact10  int NOT NULL DEFAULT 0,
    entries  bigint NOT NULL DEFAULT 0,
    future   bigint NOT NULL DEFAULT 0,
    passed   bigint NOT NULL DEFAULT 0,
    limited  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (node_id, minute, run_id, peer_id)
);
CREATE INDEX addr_session_minute_minute ON peerscope.addr_session_minute (minute);
COMMENT ON TABLE peerscope.addr_session_minute IS
    'Addresses a session sent us in a minute, and what Core''s rate limit makes of them.';
COMMENT ON COLUMN peerscope.addr_session_minute.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.addr_session_minute.minute IS 'Start of the minute, on the node''s clock.';
COMMENT ON COLUMN peerscope.addr_session_minute.run_id IS 'The process.';
COMMENT ON COLUMN peerscope.addr_session_minute.peer_id IS 'Core''s number of the peer.';
COMMENT ON COLUMN peerscope.addr_session_minute.messages IS 'addr and addrv2 messages received.';
COMMENT ON COLUMN peerscope.addr_session_minute.exact10 IS 'Those of exactly ten entries: the most that Core relays on.';
COMMENT ON COLUMN peerscope.addr_session_minute.entries IS 'Entries in them.';
COMMENT ON COLUMN peerscope.addr_session_minute.future IS 'Entries whose nTime is ahead of the node''s own clock.';
COMMENT ON COLUMN peerscope.addr_session_minute.passed IS 'Entries for which Core''s token bucket had a token.';
COMMENT ON COLUMN peerscope.addr_session_minute.limited IS 'Entries for which it had none.';

CREATE TABLE peerscope.addr_day (
    node_id int NOT NULL,
    run_id  bigint NOT NULL,
    ts      timestamptz NOT NULL,
    clk     int NOT NULL,
    seq     bigint NOT NULL,
    network text NOT NULL,
    addr    text NOT NULL,
    port    int NOT NULL,
    class   text NOT NULL
) PARTITION BY RANGE (ts);
COMMENT ON TABLE peerscope.addr_day IS
    'Every address a node was told on a day, once per class: its first entry. Apart from what a flood pushes beyond Core''s token bucket and the day''s budget.';
COMMENT ON COLUMN peerscope.addr_day.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.addr_day.run_id IS 'The bitcoind process.';
COMMENT ON COLUMN peerscope.addr_day.ts IS 'The day''s first entry, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.addr_day.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.addr_day.seq IS 'Sequence number of its record in the node''s stream.';
COMMENT ON COLUMN peerscope.addr_day.network IS 'ipv4, ipv6, onion, i2p, cjdns, torv2 or unknown-<id>.';
COMMENT ON COLUMN peerscope.addr_day.addr IS 'The address.';
COMMENT ON COLUMN peerscope.addr_day.port IS 'Port.';
COMMENT ON COLUMN peerscope.addr_day.class IS 'getaddr_response, self, bulk, gossip or stale.';
