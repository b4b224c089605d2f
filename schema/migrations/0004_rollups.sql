-- Rollups: moved in the writer's transaction, small enough to be kept, and all that the views read.

CREATE TABLE peerscope.peer_session (
    node_id             int NOT NULL,
    run_id              bigint NOT NULL,
    peer_id             bigint NOT NULL,
    addr                text,
    network             text,
    conn_type           text,
    inbound             bool,
    opened_at           timestamptz,
    handshaked_at       timestamptz,
    closed_at           timestamptz,
    evicted             bool NOT NULL DEFAULT false,
    misbehaviour        text,
    user_agent          text,
    services            bigint,
    protocol_version    int,
    getaddr_outstanding bool NOT NULL DEFAULT false,
    addr_messages_in    int NOT NULL DEFAULT 0,
    addr_tokens         float8,
    addr_tokens_at      timestamptz,
    msgs_in             bigint NOT NULL DEFAULT 0,
    msgs_out            bigint NOT NULL DEFAULT 0,
    bytes_in            bigint NOT NULL DEFAULT 0,
    bytes_out           bigint NOT NULL DEFAULT 0,
    last_ts             timestamptz,
    PRIMARY KEY (node_id, run_id, peer_id)
);
COMMENT ON TABLE peerscope.peer_session IS
    'One connection to a peer, from first to last event.';
COMMENT ON COLUMN peerscope.peer_session.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.peer_session.run_id IS 'The process.';
COMMENT ON COLUMN peerscope.peer_session.peer_id IS 'Core''s number of the peer.';
COMMENT ON COLUMN peerscope.peer_session.addr IS 'Its address as Core prints it.';
COMMENT ON COLUMN peerscope.peer_session.network IS 'ipv4, ipv6, onion, i2p, cjdns or unroutable.';
COMMENT ON COLUMN peerscope.peer_session.conn_type IS 'Connection type.';
COMMENT ON COLUMN peerscope.peer_session.inbound IS 'Whether the peer connected to us.';
COMMENT ON COLUMN peerscope.peer_session.opened_at IS 'First event of the session, or the start Core gave.';
COMMENT ON COLUMN peerscope.peer_session.handshaked_at IS 'When verack arrived.';
COMMENT ON COLUMN peerscope.peer_session.closed_at IS 'When it closed; a killed process closes nothing.';
COMMENT ON COLUMN peerscope.peer_session.evicted IS 'Whether we evicted it.';
COMMENT ON COLUMN peerscope.peer_session.misbehaviour IS 'Last reason of misbehaviour.';
COMMENT ON COLUMN peerscope.peer_session.user_agent IS 'User agent it claims.';
COMMENT ON COLUMN peerscope.peer_session.services IS 'Service bits it claims, bit pattern of a u64.';
COMMENT ON COLUMN peerscope.peer_session.protocol_version IS 'Protocol version it claims.';
COMMENT ON COLUMN peerscope.peer_session.getaddr_outstanding IS 'Whether a getaddr of ours still waits for its answer, as Core sees it.';
COMMENT ON COLUMN peerscope.peer_session.addr_messages_in IS 'Address messages received.';
COMMENT ON COLUMN peerscope.peer_session.addr_tokens IS 'Core''s token bucket for addresses of this peer, replayed.';
COMMENT ON COLUMN peerscope.peer_session.addr_tokens_at IS 'When addr_tokens was true.';
COMMENT ON COLUMN peerscope.peer_session.msgs_in IS 'Messages received.';
COMMENT ON COLUMN peerscope.peer_session.msgs_out IS 'Messages sent.';
COMMENT ON COLUMN peerscope.peer_session.bytes_in IS 'Payload bytes received.';
COMMENT ON COLUMN peerscope.peer_session.bytes_out IS 'Payload bytes sent.';
COMMENT ON COLUMN peerscope.peer_session.last_ts IS 'Last event of the session.';

CREATE TABLE peerscope.block_header (
    hash       bytea NOT NULL,
    prev_hash  bytea NOT NULL,
    height     int,
    time       timestamptz NOT NULL,
    first_node int,
    first_ts   timestamptz,
    PRIMARY KEY (hash)
);
COMMENT ON TABLE peerscope.block_header IS
    'Headers of blocks, from whoever showed them first.';
COMMENT ON COLUMN peerscope.block_header.hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope.block_header.prev_hash IS 'Hash of its parent.';
COMMENT ON COLUMN peerscope.block_header.height IS 'Height, once a node connected it.';
COMMENT ON COLUMN peerscope.block_header.time IS 'Time in the header.';
COMMENT ON COLUMN peerscope.block_header.first_node IS 'Node that saw it first.';
COMMENT ON COLUMN peerscope.block_header.first_ts IS 'When, on that node''s clock.';

CREATE TABLE peerscope.block_arrival (
    node_id        int NOT NULL,
    hash           bytea NOT NULL,
    s0_ts          timestamptz,
    s0_clk         int,
    s0_peer        bigint,
    s0_queue_ms    float8,
    s1_ts          timestamptz,
    s1_clk         int,
    s1_peer        bigint,
    s1_queue_ms    float8,
    s2_ts          timestamptz,
    s2_clk         int,
    s2_peer        bigint,
    s2_queue_ms    float8,
    s3_ts          timestamptz,
    s3_clk         int,
    s3_peer        bigint,
    s3_queue_ms    float8,
    s4_ts          timestamptz,
    s4_clk         int,
    s4_peer        bigint,
    s4_queue_ms    float8,
    s5_ts          timestamptz,
    s5_clk         int,
    s5_peer        bigint,
    s5_queue_ms    float8,
    s6_ts          timestamptz,
    s6_clk         int,
    s6_peer        bigint,
    s6_queue_ms    float8,
    s7_ts          timestamptz,
    s7_clk         int,
    s7_peer        bigint,
    s7_queue_ms    float8,
    s6_duration_ns bigint,
    height         int,
    source         text,
    mode           text,
    completed_by   bigint,
    first_peer     bigint,
    n_connects     int NOT NULL DEFAULT 0,
    PRIMARY KEY (node_id, hash)
);
CREATE INDEX block_arrival_hash ON peerscope.block_arrival (hash);
CREATE INDEX block_arrival_height ON peerscope.block_arrival (height);
CREATE INDEX block_arrival_s6 ON peerscope.block_arrival (s6_ts);
COMMENT ON TABLE peerscope.block_arrival IS
    'The life of a block at a node, stage by stage. Times are on the node''s own clock.';
COMMENT ON COLUMN peerscope.block_arrival.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.block_arrival.hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope.block_arrival.s0_ts IS 'Stage s0: first inbound inv, headers of at most 8 entries, or cmpctblock naming it.';
COMMENT ON COLUMN peerscope.block_arrival.s0_clk IS 'Clock segment of s0_ts.';
COMMENT ON COLUMN peerscope.block_arrival.s0_peer IS 'Peer of stage s0.';
COMMENT ON COLUMN peerscope.block_arrival.s0_queue_ms IS 'How long the event of s0 may have waited behind validation on its thread; NULL when it did not.';
COMMENT ON COLUMN peerscope.block_arrival.s1_ts IS 'Stage s1: first getdata we sent.';
COMMENT ON COLUMN peerscope.block_arrival.s1_clk IS 'Clock segment of s1_ts.';
COMMENT ON COLUMN peerscope.block_arrival.s1_peer IS 'Peer of stage s1.';
COMMENT ON COLUMN peerscope.block_arrival.s1_queue_ms IS 'How long the event of s1 may have waited behind validation on its thread; NULL when it did not.';
COMMENT ON COLUMN peerscope.block_arrival.s2_ts IS 'Stage s2: first inbound cmpctblock.';
COMMENT ON COLUMN peerscope.block_arrival.s2_clk IS 'Clock segment of s2_ts.';
COMMENT ON COLUMN peerscope.block_arrival.s2_peer IS 'Peer of stage s2.';
COMMENT ON COLUMN peerscope.block_arrival.s2_queue_ms IS 'How long the event of s2 may have waited behind validation on its thread; NULL when it did not.';
COMMENT ON COLUMN peerscope.block_arrival.s3_ts IS 'Stage s3: first getblocktxn we sent.';
COMMENT ON COLUMN peerscope.block_arrival.s3_clk IS 'Clock segment of s3_ts.';
COMMENT ON COLUMN peerscope.block_arrival.s3_peer IS 'Peer of stage s3.';
COMMENT ON COLUMN peerscope.block_arrival.s3_queue_ms IS 'How long the event of s3 may have waited behind validation on its thread; NULL when it did not.';
COMMENT ON COLUMN peerscope.block_arrival.s4_ts IS 'Stage s4: first inbound blocktxn or block.';
COMMENT ON COLUMN peerscope.block_arrival.s4_clk IS 'Clock segment of s4_ts.';
COMMENT ON COLUMN peerscope.block_arrival.s4_peer IS 'Peer of stage s4.';
COMMENT ON COLUMN peerscope.block_arrival.s4_queue_ms IS 'How long the event of s4 may have waited behind validation on its thread; NULL when it did not.';
COMMENT ON COLUMN peerscope.block_arrival.s5_ts IS 'Stage s5: first cmpctblock we sent to a peer that had not asked for it.';
COMMENT ON COLUMN peerscope.block_arrival.s5_clk IS 'Clock segment of s5_ts.';
COMMENT ON COLUMN peerscope.block_arrival.s5_peer IS 'Peer of stage s5.';
COMMENT ON COLUMN peerscope.block_arrival.s5_queue_ms IS 'How long the event of s5 may have waited behind validation on its thread; NULL when it did not.';
COMMENT ON COLUMN peerscope.block_arrival.s6_ts IS 'Stage s6: first block_connected.';
COMMENT ON COLUMN peerscope.block_arrival.s6_clk IS 'Clock segment of s6_ts.';
COMMENT ON COLUMN peerscope.block_arrival.s6_peer IS 'Always NULL: no peer takes part.';
COMMENT ON COLUMN peerscope.block_arrival.s6_queue_ms IS 'How long the event of s6 may have waited behind validation on its thread; NULL when it did not.';
COMMENT ON COLUMN peerscope.block_arrival.s7_ts IS 'Stage s7: first inv, headers or cmpctblock we sent after s6.';
COMMENT ON COLUMN peerscope.block_arrival.s7_clk IS 'Clock segment of s7_ts.';
COMMENT ON COLUMN peerscope.block_arrival.s7_peer IS 'Peer of stage s7.';
COMMENT ON COLUMN peerscope.block_arrival.s7_queue_ms IS 'How long the event of s7 may have waited behind validation on its thread; NULL when it did not.';
COMMENT ON COLUMN peerscope.block_arrival.s6_duration_ns IS 'Time the node took to connect it.';
COMMENT ON COLUMN peerscope.block_arrival.height IS 'Height, from block_connected.';
COMMENT ON COLUMN peerscope.block_arrival.source IS 'peer, or local for a block mined here.';
COMMENT ON COLUMN peerscope.block_arrival.mode IS 'How it was completed: local, compact, compact+blocktxn or block.';
COMMENT ON COLUMN peerscope.block_arrival.completed_by IS 'Peer whose message completed it.';
COMMENT ON COLUMN peerscope.block_arrival.first_peer IS 'Peer that named it first.';
COMMENT ON COLUMN peerscope.block_arrival.n_connects IS 'Times it was connected; more than once around a reorganisation.';

CREATE TABLE peerscope.validation_window (
    node_id         int NOT NULL,
    run_id          bigint NOT NULL,
    tid             int NOT NULL,
    connected_ts    timestamptz NOT NULL,
    clk             int NOT NULL,
    start_ts        timestamptz NOT NULL,
    last_removal_ts timestamptz,
    PRIMARY KEY (node_id, run_id, tid, connected_ts)
);
CREATE INDEX validation_window_connected ON peerscope.validation_window (node_id, run_id, connected_ts);
COMMENT ON TABLE peerscope.validation_window IS
    'Spans in which a thread was busy connecting a block: messages it takes up then have waited.';
COMMENT ON COLUMN peerscope.validation_window.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.validation_window.run_id IS 'The process.';
COMMENT ON COLUMN peerscope.validation_window.tid IS 'The thread; 0 when unknown, which matches any.';
COMMENT ON COLUMN peerscope.validation_window.connected_ts IS 'Time of block_connected.';
COMMENT ON COLUMN peerscope.validation_window.clk IS 'Clock segment of connected_ts.';
COMMENT ON COLUMN peerscope.validation_window.start_ts IS 'Start of validation: connected_ts - duration.';
COMMENT ON COLUMN peerscope.validation_window.last_removal_ts IS 'Last mempool:removed for block after it.';

CREATE TABLE peerscope.addr_announcement (
    node_id      int NOT NULL,
    network      text NOT NULL,
    addr         text NOT NULL,
    port         int NOT NULL,
    announced_at timestamptz NOT NULL,
    class        text NOT NULL,
    first_seen   timestamptz NOT NULL,
    clk          int NOT NULL,
    run_id       bigint,
    first_peer   bigint,
    freshness_s  float8,
    copies       int NOT NULL DEFAULT 1,
    last_seen    timestamptz,
    out_peers    int NOT NULL DEFAULT 0,
    first_out_at timestamptz,
    PRIMARY KEY (node_id, network, addr, port, announced_at, class)
);
CREATE INDEX addr_announcement_key ON peerscope.addr_announcement (addr, port, network, first_seen);
CREATE INDEX addr_announcement_first_seen ON peerscope.addr_announcement (first_seen);
COMMENT ON TABLE peerscope.addr_announcement IS
    'An address with its nTime as one node saw it, per class.';
COMMENT ON COLUMN peerscope.addr_announcement.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.addr_announcement.network IS 'ipv4, ipv6, onion, i2p, cjdns, torv2 or unknown-<id>.';
COMMENT ON COLUMN peerscope.addr_announcement.addr IS 'The address.';
COMMENT ON COLUMN peerscope.addr_announcement.port IS 'Port.';
COMMENT ON COLUMN peerscope.addr_announcement.announced_at IS 'nTime.';
COMMENT ON COLUMN peerscope.addr_announcement.class IS 'getaddr_response, self, bulk, gossip or stale.';
COMMENT ON COLUMN peerscope.addr_announcement.first_seen IS 'First copy, on the node''s clock.';
COMMENT ON COLUMN peerscope.addr_announcement.clk IS 'Clock segment of first_seen.';
COMMENT ON COLUMN peerscope.addr_announcement.run_id IS 'The process that saw the first copy.';
COMMENT ON COLUMN peerscope.addr_announcement.first_peer IS 'Peer of the first copy.';
COMMENT ON COLUMN peerscope.addr_announcement.freshness_s IS 'First copy minus nTime, on the node''s own idea of time.';
COMMENT ON COLUMN peerscope.addr_announcement.copies IS 'Copies received.';
COMMENT ON COLUMN peerscope.addr_announcement.last_seen IS 'Last copy.';
COMMENT ON COLUMN peerscope.addr_announcement.out_peers IS 'Messages in which we sent it on.';
COMMENT ON COLUMN peerscope.addr_announcement.first_out_at IS 'When we first sent it on.';

CREATE TABLE peerscope.addr_sighting (
    node_id    int NOT NULL,
    network    text NOT NULL,
    addr       text NOT NULL,
    port       int NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen  timestamptz NOT NULL,
    count      bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (node_id, network, addr, port)
);
CREATE INDEX addr_sighting_key ON peerscope.addr_sighting (addr, port, network);
COMMENT ON TABLE peerscope.addr_sighting IS
    'Every address a node has ever been told, in any class, apart from what a flood pushes beyond Core''s token bucket.';
COMMENT ON COLUMN peerscope.addr_sighting.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.addr_sighting.network IS 'Network.';
COMMENT ON COLUMN peerscope.addr_sighting.addr IS 'The address.';
COMMENT ON COLUMN peerscope.addr_sighting.port IS 'Port.';
COMMENT ON COLUMN peerscope.addr_sighting.first_seen IS 'First entry.';
COMMENT ON COLUMN peerscope.addr_sighting.last_seen IS 'Last entry.';
COMMENT ON COLUMN peerscope.addr_sighting.count IS 'Entries.';

CREATE TABLE peerscope.message_minute (
    node_id   int NOT NULL,
    minute    timestamptz NOT NULL,
    run_id    bigint NOT NULL,
    inbound   bool NOT NULL,
    msg_type  text NOT NULL,
    conn_type text NOT NULL,
    messages  bigint NOT NULL DEFAULT 0,
    bytes     bigint NOT NULL DEFAULT 0,
    truncated bigint DEFAULT 0,
    PRIMARY KEY (node_id, minute, run_id, inbound, msg_type, conn_type)
);
COMMENT ON TABLE peerscope.message_minute IS
    'Messages and bytes per minute, type, direction and connection type.';
COMMENT ON COLUMN peerscope.message_minute.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.message_minute.minute IS 'Start of the minute, on the node''s clock.';
COMMENT ON COLUMN peerscope.message_minute.run_id IS 'The process.';
COMMENT ON COLUMN peerscope.message_minute.inbound IS 'True for received.';
COMMENT ON COLUMN peerscope.message_minute.msg_type IS 'Type; unknown ones as *other*.';
COMMENT ON COLUMN peerscope.message_minute.conn_type IS 'Connection type.';
COMMENT ON COLUMN peerscope.message_minute.messages IS 'Messages.';
COMMENT ON COLUMN peerscope.message_minute.bytes IS 'Payload bytes.';
COMMENT ON COLUMN peerscope.message_minute.truncated IS 'Messages whose decoding ended at the captured bytes: decode_status truncated.';
