-- Blocks, links inside the fleet, and where the fleet was looking: what the digest's parts 'coverage' and 'blocks' store,
-- and what block_arrival has to keep for them.

-- Adding an interval to a time depends on the session's time zone, as PostgreSQL sees it. A function that claims to be
-- immutable around that is called for each row; one that does not is merged into the query, six times as fast.
ALTER FUNCTION peerscope.at_us(bigint) STABLE;
ALTER FUNCTION peerscope.corrected(timestamptz, bigint) STABLE;

-- Coverage: the spans in which absence means something.

CREATE TABLE peerscope.coverage_span (
    day          date NOT NULL,
    node_id      int NOT NULL,
    tracepoint   text NOT NULL,
    covered_from timestamptz NOT NULL,
    covered_to   timestamptz NOT NULL,
    downloading  bool NOT NULL,
    PRIMARY KEY (day, node_id, tracepoint, covered_from)
);
COMMENT ON TABLE peerscope.coverage_span IS
    'Spans of corrected time in which a tracepoint of a node was captured without gap, whatever processes it had. A node is eligible for a key of a day when one row of that day with downloading = false holds the key''s window; see also node_coverage.';
COMMENT ON COLUMN peerscope.coverage_span.day IS 'UTC day that the row is for. It also holds what of the span lies in the day before and the day after, so that a window across midnight is found in one row of its day.';
COMMENT ON COLUMN peerscope.coverage_span.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.coverage_span.tracepoint IS 'provider:probe.';
COMMENT ON COLUMN peerscope.coverage_span.covered_from IS 'Start, corrected time.';
COMMENT ON COLUMN peerscope.coverage_span.covered_to IS 'End, corrected time; the node''s last event while capture goes on.';
COMMENT ON COLUMN peerscope.coverage_span.downloading IS 'Whether the node was in initial download: a process that connects blocks whose header is older than 24 h is, from its start to the first block that is not.';

CREATE INDEX coverage_span_tracepoint ON peerscope.coverage_span (tracepoint, node_id);
CREATE INDEX capture_interval_valid_to ON peerscope.capture_interval (valid_to);
CREATE INDEX clock_segment_valid_from ON peerscope.clock_segment (valid_from);

-- Links inside the fleet, and pings seen at both ends of them.

CREATE TABLE peerscope.fleet_link (
    node_id       int NOT NULL,
    run_id        bigint NOT NULL,
    peer_id       bigint NOT NULL,
    other_node_id int NOT NULL,
    other_run_id  bigint NOT NULL,
    other_peer_id bigint NOT NULL,
    day           date NOT NULL,
    known_by      text NOT NULL,
    PRIMARY KEY (node_id, run_id, peer_id)
);
CREATE INDEX fleet_link_day ON peerscope.fleet_link (day);
COMMENT ON TABLE peerscope.fleet_link IS
    'Sessions between two nodes of the fleet; each appears once from either side. Known by the nonces of the version messages, from the first second of a session; where capture began after those, by a ping that was seen at both ends.';
COMMENT ON COLUMN peerscope.fleet_link.node_id IS 'A node.';
COMMENT ON COLUMN peerscope.fleet_link.run_id IS 'Its process.';
COMMENT ON COLUMN peerscope.fleet_link.peer_id IS 'The other node as its peer.';
COMMENT ON COLUMN peerscope.fleet_link.other_node_id IS 'The other node.';
COMMENT ON COLUMN peerscope.fleet_link.other_run_id IS 'Its process.';
COMMENT ON COLUMN peerscope.fleet_link.other_peer_id IS 'This node as its peer.';
COMMENT ON COLUMN peerscope.fleet_link.day IS 'Day of the event that told: UTC, on the clock of the node that sent the ping or, of the two, first had the session.';
COMMENT ON COLUMN peerscope.fleet_link.known_by IS 'version or ping.';

CREATE INDEX peer_session_peer_nonce ON peerscope.peer_session (peer_nonce) WHERE peer_nonce IS NOT NULL;

CREATE TABLE peerscope.clock_audit_sample (
    from_node_id int NOT NULL,
    from_run_id  bigint NOT NULL,
    from_peer_id bigint NOT NULL,
    to_node_id   int NOT NULL,
    to_run_id    bigint NOT NULL,
    to_peer_id   bigint NOT NULL,
    sent_at      timestamptz NOT NULL,
    taken_up_at  timestamptz NOT NULL,
    nonce        bigint NOT NULL,
    delay_ns     bigint,
    error_ns     bigint,
    day          date NOT NULL,
    PRIMARY KEY (from_node_id, from_run_id, from_peer_id, nonce, sent_at)
);
CREATE INDEX clock_audit_sample_day ON peerscope.clock_audit_sample (day);
CREATE INDEX clock_audit_sample_sent_at ON peerscope.clock_audit_sample (sent_at);
COMMENT ON TABLE peerscope.clock_audit_sample IS
    'Pings seen at both ends of a link inside the fleet.';
COMMENT ON COLUMN peerscope.clock_audit_sample.from_node_id IS 'Node that sent it.';
COMMENT ON COLUMN peerscope.clock_audit_sample.from_run_id IS 'Its process.';
COMMENT ON COLUMN peerscope.clock_audit_sample.from_peer_id IS 'The receiver''s peer id at the sender.';
COMMENT ON COLUMN peerscope.clock_audit_sample.to_node_id IS 'Node that received it.';
COMMENT ON COLUMN peerscope.clock_audit_sample.to_run_id IS 'Its process.';
COMMENT ON COLUMN peerscope.clock_audit_sample.to_peer_id IS 'The sender''s peer id at the receiver.';
COMMENT ON COLUMN peerscope.clock_audit_sample.sent_at IS 'When it was queued, on the sender''s clock.';
COMMENT ON COLUMN peerscope.clock_audit_sample.taken_up_at IS 'When it was taken up, on the receiver''s clock.';
COMMENT ON COLUMN peerscope.clock_audit_sample.nonce IS 'Its nonce, as the bit pattern of a u64.';
COMMENT ON COLUMN peerscope.clock_audit_sample.delay_ns IS 'From sent to taken up, in corrected time; NULL when a correction is unknown.';
COMMENT ON COLUMN peerscope.clock_audit_sample.error_ns IS 'Error of the delay; NULL when unknown.';
COMMENT ON COLUMN peerscope.clock_audit_sample.day IS 'UTC day of sent_at.';

CREATE TABLE peerscope.clock_audit_day (
    day          date NOT NULL,
    from_node_id int NOT NULL,
    to_node_id   int NOT NULL,
    samples      bigint NOT NULL,
    min_ns       bigint,
    median_ns    float8,
    violations   bigint NOT NULL,
    error_ns     bigint,
    PRIMARY KEY (day, from_node_id, to_node_id)
);
COMMENT ON TABLE peerscope.clock_audit_day IS
    'Delays of the pings of a day from one node of the fleet to another.';
COMMENT ON COLUMN peerscope.clock_audit_day.day IS 'UTC day, on the sender''s clock.';
COMMENT ON COLUMN peerscope.clock_audit_day.from_node_id IS 'Node that sent them.';
COMMENT ON COLUMN peerscope.clock_audit_day.to_node_id IS 'Node that received them.';
COMMENT ON COLUMN peerscope.clock_audit_day.samples IS 'Pings seen at both ends.';
COMMENT ON COLUMN peerscope.clock_audit_day.min_ns IS 'Shortest delay; NULL when no correction is known.';
COMMENT ON COLUMN peerscope.clock_audit_day.median_ns IS 'Median delay.';
COMMENT ON COLUMN peerscope.clock_audit_day.violations IS 'Pings that arrived before they were sent, by more than the error of the delay.';
COMMENT ON COLUMN peerscope.clock_audit_day.error_ns IS 'Largest error of a delay; NULL when unknown.';

-- block_arrival: what the copy that completed a block was, and what validating it took.

ALTER TABLE peerscope.block_arrival
    ADD COLUMN first_ts        timestamptz,
    ADD COLUMN first_run       bigint,
    ADD COLUMN completed_run   bigint,
    ADD COLUMN s6_run          bigint,
    ADD COLUMN prefilled       int,
    ADD COLUMN short_ids       int,
    ADD COLUMN high_bandwidth  bool,
    ADD COLUMN requested_tx    bigint,
    ADD COLUMN requested_bytes bigint,
    ADD COLUMN transactions    bigint,
    ADD COLUMN inputs          int,
    ADD COLUMN sigops_cost     bigint,
    ADD COLUMN removed         bigint,
    ADD COLUMN in_download     bool NOT NULL DEFAULT false;
UPDATE peerscope.block_arrival
   SET first_ts = least(s0_ts, s1_ts, s2_ts, s3_ts, s4_ts, s5_ts, s6_ts, s7_ts);
CREATE INDEX block_arrival_first_ts ON peerscope.block_arrival (first_ts) WHERE NOT in_download;
COMMENT ON COLUMN peerscope.block_arrival.first_ts IS 'Earliest of the stages, on the node''s clock.';
COMMENT ON COLUMN peerscope.block_arrival.first_run IS 'Process of first_peer.';
COMMENT ON COLUMN peerscope.block_arrival.completed_run IS 'Process of completed_by.';
COMMENT ON COLUMN peerscope.block_arrival.s6_run IS 'Process that connected it first.';
COMMENT ON COLUMN peerscope.block_arrival.prefilled IS 'Prefilled transactions of the compact block that completed_by sent; NULL unless mode is compact or compact+blocktxn.';
COMMENT ON COLUMN peerscope.block_arrival.short_ids IS 'Short ids of that compact block.';
COMMENT ON COLUMN peerscope.block_arrival.high_bandwidth IS 'Whether that compact block came without a getdata of ours to that peer before (BIP152 high-bandwidth mode).';
COMMENT ON COLUMN peerscope.block_arrival.requested_tx IS 'Transactions asked for: indexes of all getblocktxn we sent for it.';
COMMENT ON COLUMN peerscope.block_arrival.requested_bytes IS 'Payload bytes of all blocktxn we received for it.';
COMMENT ON COLUMN peerscope.block_arrival.transactions IS 'Transactions in the block, from block_connected.';
COMMENT ON COLUMN peerscope.block_arrival.inputs IS 'Inputs in the block, the coinbase''s included, from block_connected.';
COMMENT ON COLUMN peerscope.block_arrival.sigops_cost IS 'Signature operation cost, from block_connected.';
COMMENT ON COLUMN peerscope.block_arrival.removed IS 'Transactions that left the mempool because the block has them, at s6; NULL when not connected.';
COMMENT ON COLUMN peerscope.block_arrival.in_download IS 'Whether the node got it in initial download: the header was older than 24 h by the node''s own clock. False where header or clock are not known. Such rows are compared with nothing.';

-- Headers that no node connected get their height from their ancestors, and their descendants tell which branch grew.
CREATE INDEX block_header_prev ON peerscope.block_header (prev_hash);
CREATE INDEX block_header_time ON peerscope.block_header (time);
CREATE INDEX block_header_alone ON peerscope.block_header (first_ts) WHERE height IS NULL;

-- A peer is asked whether a transaction had been refused before.
CREATE INDEX mempool_rejected_txid ON peerscope.mempool_rejected (txid);

-- What the fleet knows of a block.

CREATE TABLE peerscope.block_summary (
    hash           bytea NOT NULL,
    day            date NOT NULL,
    t0             timestamptz NOT NULL,
    t0_ns          bigint NOT NULL,
    t0_error_ns    bigint,
    first_node_id  int,
    height         int,
    nodes          int NOT NULL,
    connected      int NOT NULL,
    pool           text NOT NULL,
    PRIMARY KEY (hash)
);
CREATE INDEX block_summary_day ON peerscope.block_summary (day);
CREATE INDEX block_summary_height ON peerscope.block_summary (height);
COMMENT ON TABLE peerscope.block_summary IS
    'A block as the fleet got to know it. Without blocks that nodes fetched in initial download: there the header was older than 24 h by the node''s own clock.';
COMMENT ON COLUMN peerscope.block_summary.hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope.block_summary.day IS 'UTC day of t0.';
COMMENT ON COLUMN peerscope.block_summary.t0 IS 'Corrected time at which the fleet first knew of it: of the first stage at any node, of those whose clock error is known if there are any; where one of our nodes mined it, of the start of its validation there.';
COMMENT ON COLUMN peerscope.block_summary.t0_ns IS 'The same in nanoseconds since 1970.';
COMMENT ON COLUMN peerscope.block_summary.t0_error_ns IS 'Its error; NULL when unknown.';
COMMENT ON COLUMN peerscope.block_summary.first_node_id IS 'The node that was first.';
COMMENT ON COLUMN peerscope.block_summary.height IS 'Height, by its ancestors where no node connected it; NULL when those are unknown too.';
COMMENT ON COLUMN peerscope.block_summary.nodes IS 'Nodes that it reached; 0 where only a header in a long headers message told of it.';
COMMENT ON COLUMN peerscope.block_summary.connected IS 'Nodes that connected it.';
COMMENT ON COLUMN peerscope.block_summary.pool IS 'Who made it: the pool by the table pool, else the readable text of its coinbase; *unknown* when no node got more than its header.';

CREATE TABLE peerscope.block_life (
    hash          bytea NOT NULL,
    node_id       int NOT NULL,
    day           date NOT NULL,
    s0            timestamptz,
    s1            timestamptz,
    s2            timestamptz,
    s3            timestamptz,
    s4            timestamptz,
    s5            timestamptz,
    s6            timestamptz,
    s7            timestamptz,
    mode          text,
    completed_by  bigint,
    first_peer    bigint,
    height        int,
    source        text,
    validation_ms float8,
    queue_ms      float8,
    n_connects    int NOT NULL,
    completed_run bigint,
    first_run     bigint,
    PRIMARY KEY (hash, node_id)
);
CREATE INDEX block_life_day ON peerscope.block_life (day);
CREATE INDEX block_life_s0 ON peerscope.block_life (s0);
CREATE INDEX block_life_s4 ON peerscope.block_life (s4);
CREATE INDEX block_life_s6 ON peerscope.block_life (s6);
CREATE INDEX block_life_s7 ON peerscope.block_life (s7);
COMMENT ON TABLE peerscope.block_life IS
    'block_arrival in corrected time: what block_stage_latency shows. Without blocks that a node fetched in initial download.';
COMMENT ON COLUMN peerscope.block_life.hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope.block_life.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.block_life.day IS 'UTC day of the block''s first event in the fleet, see block_summary.';
COMMENT ON COLUMN peerscope.block_life.s0 IS 'First inbound inv, headers of at most 8 entries, or cmpctblock naming it.';
COMMENT ON COLUMN peerscope.block_life.s1 IS 'First getdata for it.';
COMMENT ON COLUMN peerscope.block_life.s2 IS 'First inbound cmpctblock.';
COMMENT ON COLUMN peerscope.block_life.s3 IS 'First getblocktxn.';
COMMENT ON COLUMN peerscope.block_life.s4 IS 'First inbound blocktxn or block.';
COMMENT ON COLUMN peerscope.block_life.s5 IS 'First cmpctblock to a peer that had not asked for it.';
COMMENT ON COLUMN peerscope.block_life.s6 IS 'First block_connected.';
COMMENT ON COLUMN peerscope.block_life.s7 IS 'First announcement to a peer after s6.';
COMMENT ON COLUMN peerscope.block_life.mode IS 'How it was completed: local, compact, compact+blocktxn or block.';
COMMENT ON COLUMN peerscope.block_life.completed_by IS 'Peer whose message completed it.';
COMMENT ON COLUMN peerscope.block_life.first_peer IS 'Peer that named it first.';
COMMENT ON COLUMN peerscope.block_life.height IS 'Height, where this node connected it.';
COMMENT ON COLUMN peerscope.block_life.source IS 'peer, or local for a block mined here.';
COMMENT ON COLUMN peerscope.block_life.validation_ms IS 'Time the node took to connect it.';
COMMENT ON COLUMN peerscope.block_life.queue_ms IS 'The longest that s0, s2 or s4 may have waited behind validation.';
COMMENT ON COLUMN peerscope.block_life.n_connects IS 'Times it was connected.';
COMMENT ON COLUMN peerscope.block_life.completed_run IS 'Process of completed_by.';
COMMENT ON COLUMN peerscope.block_life.first_run IS 'Process of first_peer.';

CREATE TABLE peerscope.block_skew (
    hash           bytea NOT NULL,
    node_id        int NOT NULL,
    stage          text NOT NULL,
    day            date NOT NULL,
    height         int,
    at             timestamptz NOT NULL,
    skew_ms        float8,
    skew_lo_ms     float8,
    skew_hi_ms     float8,
    queue_ms       float8,
    significant    bool,
    provisional    bool NOT NULL,
    delay_ms       float8,
    delay_error_ms float8,
    PRIMARY KEY (hash, node_id, stage)
);
CREATE INDEX block_skew_at ON peerscope.block_skew (at);
CREATE INDEX block_skew_day ON peerscope.block_skew (day);
CREATE INDEX block_skew_height ON peerscope.block_skew (height);
COMMENT ON TABLE peerscope.block_skew IS
    'How far each stage of a block at a node is behind the first node: what block_arrival_skew shows.';
COMMENT ON COLUMN peerscope.block_skew.hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope.block_skew.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.block_skew.stage IS 's0 ... s7, see block_arrival.';
COMMENT ON COLUMN peerscope.block_skew.day IS 'UTC day of the block''s first event in the fleet, see block_summary.';
COMMENT ON COLUMN peerscope.block_skew.height IS 'Height; NULL when no node connected it.';
COMMENT ON COLUMN peerscope.block_skew.at IS 'Corrected time of the event.';
COMMENT ON COLUMN peerscope.block_skew.skew_ms IS 'Behind the first node at this stage; NULL when the clock''s error is unknown.';
COMMENT ON COLUMN peerscope.block_skew.skew_lo_ms IS 'At least so much behind all other nodes, not below 0.';
COMMENT ON COLUMN peerscope.block_skew.skew_hi_ms IS 'At most so much, not below 0.';
COMMENT ON COLUMN peerscope.block_skew.queue_ms IS 'How long the event may have waited behind validation.';
COMMENT ON COLUMN peerscope.block_skew.significant IS 'Whether another node was certainly earlier.';
COMMENT ON COLUMN peerscope.block_skew.provisional IS 'Whether a clock segment of the compared events is still open.';
COMMENT ON COLUMN peerscope.block_skew.delay_ms IS 'Since the fleet first knew of the block, t0; NULL when an error is unknown.';
COMMENT ON COLUMN peerscope.block_skew.delay_error_ms IS 'The true delay differs by no more.';

CREATE TABLE peerscope.block_propagation_day (
    day            date NOT NULL,
    stage          text NOT NULL,
    blocks         int NOT NULL,
    nodes          int NOT NULL,
    p50_ms         float8 NOT NULL,
    p90_ms         float8 NOT NULL,
    p99_ms         float8 NOT NULL,
    mean_ms        float8 NOT NULL,
    error_ms       float8 NOT NULL,
    PRIMARY KEY (day, stage)
);
COMMENT ON TABLE peerscope.block_propagation_day IS
    'Delays of a day''s blocks at eligible nodes, counted from when the fleet first knew of the block.';
COMMENT ON COLUMN peerscope.block_propagation_day.day IS 'UTC day on which the fleet got to know the blocks.';
COMMENT ON COLUMN peerscope.block_propagation_day.stage IS 's0 ... s7, see block_arrival.';
COMMENT ON COLUMN peerscope.block_propagation_day.blocks IS 'Blocks counted: those that reached two nodes or more.';
COMMENT ON COLUMN peerscope.block_propagation_day.nodes IS 'Nodes counted.';
COMMENT ON COLUMN peerscope.block_propagation_day.p50_ms IS 'Median delay.';
COMMENT ON COLUMN peerscope.block_propagation_day.p90_ms IS '90th percentile.';
COMMENT ON COLUMN peerscope.block_propagation_day.p99_ms IS '99th percentile.';
COMMENT ON COLUMN peerscope.block_propagation_day.mean_ms IS 'Mean delay.';
COMMENT ON COLUMN peerscope.block_propagation_day.error_ms IS 'No delay counted is off by more than this, and so no percentile and no mean.';

CREATE TABLE peerscope.block_hop_leg (
    hash          bytea NOT NULL,
    node_id       int NOT NULL,
    run_id        bigint NOT NULL,
    peer_id       bigint NOT NULL,
    other_node_id int NOT NULL,
    day           date NOT NULL,
    side          text NOT NULL,
    msg_type      text NOT NULL,
    at            timestamptz NOT NULL,
    queue_ms      float8,
    network_ms    float8,
    validation_ms float8,
    error_ms      float8,
    PRIMARY KEY (hash, node_id, run_id, peer_id, side)
);
CREATE INDEX block_hop_leg_day ON peerscope.block_hop_leg (day);
CREATE INDEX block_hop_leg_at ON peerscope.block_hop_leg (at);
COMMENT ON TABLE peerscope.block_hop_leg IS
    'Messages about a block over a link inside the fleet, seen at both ends: what block_hop shows.';
COMMENT ON COLUMN peerscope.block_hop_leg.hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope.block_hop_leg.node_id IS 'The node that took the message up.';
COMMENT ON COLUMN peerscope.block_hop_leg.run_id IS 'Its process.';
COMMENT ON COLUMN peerscope.block_hop_leg.peer_id IS 'The other node as its peer.';
COMMENT ON COLUMN peerscope.block_hop_leg.other_node_id IS 'The node that sent the message.';
COMMENT ON COLUMN peerscope.block_hop_leg.day IS 'UTC day of the block''s first event in the fleet, see block_summary.';
COMMENT ON COLUMN peerscope.block_hop_leg.side IS 'to: the message carried the block, or what was missing of it, to node_id. from: it asked node_id for that.';
COMMENT ON COLUMN peerscope.block_hop_leg.msg_type IS 'cmpctblock, blocktxn or block; getdata or getblocktxn.';
COMMENT ON COLUMN peerscope.block_hop_leg.at IS 'Corrected time at which it was taken up.';
COMMENT ON COLUMN peerscope.block_hop_leg.queue_ms IS 'How much of its way it may at most have waited for its thread behind validation.';
COMMENT ON COLUMN peerscope.block_hop_leg.network_ms IS 'From sent to taken up, less queue_ms; NULL when a correction is unknown.';
COMMENT ON COLUMN peerscope.block_hop_leg.validation_ms IS 'Time node_id took to connect the block; NULL when it did not.';
COMMENT ON COLUMN peerscope.block_hop_leg.error_ms IS 'Error of queue_ms + network_ms.';

CREATE TABLE peerscope.compact_day (
    day             date NOT NULL,
    node_id         int NOT NULL,
    blocks          int NOT NULL,
    without_request int NOT NULL,
    prefilled       bigint NOT NULL,
    requested_tx    bigint NOT NULL,
    requested_bytes bigint NOT NULL,
    high_bandwidth  int NOT NULL,
    PRIMARY KEY (day, node_id)
);
COMMENT ON TABLE peerscope.compact_day IS
    'Blocks that a node completed from compact blocks, by day.';
COMMENT ON COLUMN peerscope.compact_day.day IS 'UTC day of the blocks'' first event in the fleet, see block_summary.';
COMMENT ON COLUMN peerscope.compact_day.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.compact_day.blocks IS 'Blocks.';
COMMENT ON COLUMN peerscope.compact_day.without_request IS 'Those for which it sent no getblocktxn.';
COMMENT ON COLUMN peerscope.compact_day.prefilled IS 'Transactions that came prefilled, coinbases included.';
COMMENT ON COLUMN peerscope.compact_day.requested_tx IS 'Transactions asked for.';
COMMENT ON COLUMN peerscope.compact_day.requested_bytes IS 'Payload bytes of the answers.';
COMMENT ON COLUMN peerscope.compact_day.high_bandwidth IS 'Blocks whose compact block came unasked.';

CREATE TABLE peerscope.compact_missing_cause (
    hash    bytea NOT NULL,
    node_id int NOT NULL,
    wtxid   bytea NOT NULL,
    day     date NOT NULL,
    at      timestamptz NOT NULL,
    why     text NOT NULL,
    PRIMARY KEY (hash, node_id, wtxid)
);
CREATE INDEX compact_missing_cause_day ON peerscope.compact_missing_cause (day);
CREATE INDEX compact_missing_cause_at ON peerscope.compact_missing_cause (at);
COMMENT ON TABLE peerscope.compact_missing_cause IS
    'Why a node lacked a transaction of a compact block. Judged once, with the first digest after the block: what it rests on is kept for days only.';
COMMENT ON COLUMN peerscope.compact_missing_cause.hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope.compact_missing_cause.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.compact_missing_cause.wtxid IS 'Witness transaction id in wire order.';
COMMENT ON COLUMN peerscope.compact_missing_cause.day IS 'UTC day, on the node''s clock, on which the missing transaction came.';
COMMENT ON COLUMN peerscope.compact_missing_cause.at IS 'When it came, in corrected time.';
COMMENT ON COLUMN peerscope.compact_missing_cause.why IS 'never_announced, in_flight, rejected: <reason>, evicted or unknown, see compact_missing.';

CREATE TABLE peerscope.stale_height (
    day            date NOT NULL,
    height         int NOT NULL,
    kept_hash      bytea NOT NULL,
    block_hashes   bytea[] NOT NULL,
    first_node_ids int[] NOT NULL,
    first_times    timestamptz[] NOT NULL,
    PRIMARY KEY (day, height, kept_hash)
);
CREATE INDEX stale_height_height ON peerscope.stale_height (height);
COMMENT ON TABLE peerscope.stale_height IS
    'Heights with several blocks: which of them are not in the chain that most nodes ended up on.';
COMMENT ON COLUMN peerscope.stale_height.day IS 'UTC day on which the fleet got to know the first of the height''s blocks.';
COMMENT ON COLUMN peerscope.stale_height.height IS 'Height.';
COMMENT ON COLUMN peerscope.stale_height.block_hashes IS 'Stale blocks in wire order, the first seen first.';
COMMENT ON COLUMN peerscope.stale_height.first_node_ids IS 'For each, the node that first knew its header.';
COMMENT ON COLUMN peerscope.stale_height.first_times IS 'For each, when that was, in corrected time.';
COMMENT ON COLUMN peerscope.stale_height.kept_hash IS 'The block that stayed.';

CREATE TABLE peerscope.reorganisation (
    node_id     int NOT NULL,
    clk         int NOT NULL,
    ts          timestamptz NOT NULL,
    seq         bigint NOT NULL,
    day         date NOT NULL,
    at          timestamptz NOT NULL,
    from_hash   bytea NOT NULL,
    to_hash     bytea NOT NULL,
    depth       int NOT NULL,
    from_height int NOT NULL,
    first_new   bytea NOT NULL,
    error_ms    float8,
    PRIMARY KEY (node_id, clk, ts, seq)
);
CREATE INDEX reorganisation_day ON peerscope.reorganisation (day);
CREATE INDEX reorganisation_at ON peerscope.reorganisation (at);
COMMENT ON TABLE peerscope.reorganisation IS
    'Changes of a node to another branch: what reorganisations shows.';
COMMENT ON COLUMN peerscope.reorganisation.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.reorganisation.clk IS 'Clock segment of ts.';
COMMENT ON COLUMN peerscope.reorganisation.ts IS 'When it connected the first block of the new branch, on its own clock.';
COMMENT ON COLUMN peerscope.reorganisation.seq IS 'Sequence number of that event.';
COMMENT ON COLUMN peerscope.reorganisation.day IS 'UTC day of at.';
COMMENT ON COLUMN peerscope.reorganisation.at IS 'The same in corrected time.';
COMMENT ON COLUMN peerscope.reorganisation.from_hash IS 'The tip that was left.';
COMMENT ON COLUMN peerscope.reorganisation.to_hash IS 'The first block of the new branch higher than the tip left, else the first block of the branch.';
COMMENT ON COLUMN peerscope.reorganisation.depth IS 'Blocks disconnected.';
COMMENT ON COLUMN peerscope.reorganisation.from_height IS 'Height of the tip that was left.';
COMMENT ON COLUMN peerscope.reorganisation.first_new IS 'First block connected on the new branch.';
COMMENT ON COLUMN peerscope.reorganisation.error_ms IS 'Error of at; NULL when unknown.';

CREATE TABLE peerscope.block_validation (
    node_id      int NOT NULL,
    run_id       bigint NOT NULL,
    hash         bytea NOT NULL,
    ordinal      bigint NOT NULL,
    ts           timestamptz NOT NULL,
    clk          int NOT NULL,
    seq          bigint NOT NULL,
    height       int NOT NULL,
    duration_ns  bigint NOT NULL,
    inputs       int,
    cache_state  text NOT NULL,
    PRIMARY KEY (node_id, run_id, hash)
);
CREATE UNIQUE INDEX block_validation_ordinal ON peerscope.block_validation (node_id, run_id, ordinal);
CREATE INDEX block_validation_height ON peerscope.block_validation (height);
CREATE INDEX block_validation_ts ON peerscope.block_validation USING brin (ts) WITH (autosummarize = on);
COMMENT ON TABLE peerscope.block_validation IS
    'How long a process took to connect each block, the first time it did: a second time its signatures are cached. Initial download and reindexing are in it too.';
COMMENT ON COLUMN peerscope.block_validation.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.block_validation.run_id IS 'The process.';
COMMENT ON COLUMN peerscope.block_validation.hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope.block_validation.ordinal IS 'The how manieth block we saw this process connect, from 1.';
COMMENT ON COLUMN peerscope.block_validation.ts IS 'When it was connected, on the node''s own clock.';
COMMENT ON COLUMN peerscope.block_validation.clk IS 'Clock segment of ts.';
COMMENT ON COLUMN peerscope.block_validation.seq IS 'Sequence number of the event.';
COMMENT ON COLUMN peerscope.block_validation.height IS 'Height.';
COMMENT ON COLUMN peerscope.block_validation.duration_ns IS 'Time it took to connect.';
COMMENT ON COLUMN peerscope.block_validation.inputs IS 'Inputs in the block, the coinbase''s included.';
COMMENT ON COLUMN peerscope.block_validation.cache_state IS 'cold, emptied or warm: state of the coins cache, see block_validation_benchmark.';

CREATE TABLE peerscope.pool (
    pattern text,
    name    text NOT NULL,
    PRIMARY KEY (pattern)
);
COMMENT ON TABLE peerscope.pool IS
    'Who signs coinbases how. Data, not code: add to it; blocks of days that are computed again take it up.';
COMMENT ON COLUMN peerscope.pool.pattern IS 'Part of the coinbase''s text, in whatever case; of several that fit the longest counts.';
COMMENT ON COLUMN peerscope.pool.name IS 'The pool.';
INSERT INTO peerscope.pool (pattern, name) VALUES
    ('/1THash/', '1THash'),
    ('/58coin.com/', '58COIN'),
    ('/AntPool/', 'AntPool'),
    ('Mined by AntPool', 'AntPool'),
    ('/ArkPool/', 'ArkPool'),
    ('BTC Guild', 'BTC Guild'),
    ('/BTC.COM/', 'BTC.com'),
    ('btccom', 'BTC.com'),
    ('/BTC.TOP/', 'BTC.TOP'),
    ('/BTCC/', 'BTCC'),
    ('BTCChina', 'BTCC'),
    ('BW Pool', 'BWPool'),
    ('BWPool', 'BWPool'),
    ('/Binance/', 'Binance Pool'),
    ('/BitClub Network/', 'BitClub'),
    ('/BitFuFu/', 'BitFuFuPool'),
    ('/BitFury/', 'BitFury'),
    ('BITFARMS', 'Bitfarms'),
    ('/Bixin/', 'Bixin'),
    ('/HaoBTC/', 'Bixin'),
    ('/BlockfillsPool/', 'BlockFills'),
    ('/slush/', 'Braiins Pool'),
    ('/ckpool.org/', 'CKPool'),
    ('/solo.ckpool.org/', 'Solo CK'),
    ('/EMCD/', 'EMCDPool'),
    ('get___emcd', 'EMCDPool'),
    ('/one_more_mcd/', 'EMCDPool'),
    ('F2Pool', 'F2Pool'),
    ('Foundry USA Pool', 'Foundry USA'),
    ('/2cDw/', 'Foundry USA'),
    ('FutureBit Apollo', 'FutureBit Apollo Solo'),
    ('ghash.io', 'GHash.IO'),
    ('/Huobi/', 'Huobi.pool'),
    ('KanoPool', 'KanoPool'),
    ('/KnCMiner', 'KnCMiner'),
    ('/LUXOR/', 'Luxor'),
    ('Luxor Tech', 'Luxor'),
    ('/lubian.com/', 'Lubian.com'),
    ('/Buffett/', 'Lubian.com'),
    ('MARA Pool', 'MARA Pool'),
    ('MARA Made in USA', 'MARA Pool'),
    ('/MaxiPool/', 'MaxiPool'),
    ('/Mining-Dutch/', 'Mining-Dutch'),
    ('/bsquared/', 'Mining Squared'),
    ('BSquared Network', 'Mining Squared'),
    ('/Neopool/', 'Neopool'),
    ('/NiceHash', 'NiceHash'),
    ('/NovaBlock/', 'NovaBlock'),
    ('OCEAN.XYZ', 'OCEAN'),
    ('/www.okex.com/', 'OKExPool'),
    ('okminer.com', 'OKMINER'),
    ('parasite', 'Parasite'),
    ('/pegapool/', 'PEGA Pool'),
    ('/Phoenix/', 'Phoenix'),
    ('/poolin', 'Poolin'),
    ('Public-Pool', 'Public Pool'),
    ('Public Pool', 'Public Pool'),
    ('/Rawpool.com/', 'Rawpool'),
    ('RedRock', 'RedRock Pool'),
    ('SBICrypto', 'SBI Crypto'),
    ('SBI Crypto', 'SBI Crypto'),
    ('SecPool', 'SECPOOL'),
    ('/Sigmapool.com/', 'Sigmapool.com'),
    ('SpiderPool', 'SpiderPool'),
    ('terrapool.io', 'Terra Pool'),
    ('Validated with Clean Energy', 'Terra Pool'),
    ('Titan.io', 'Titan'),
    ('/ultimus/', 'ULTIMUSPOOL'),
    ('/ViaBTC/', 'ViaBTC'),
    ('WhitePool', 'WhitePool');

CREATE TABLE peerscope.pool_day (
    day        date NOT NULL,
    pool       text NOT NULL,
    blocks     int NOT NULL,
    p50_ms     float8,
    p90_ms     float8,
    p99_ms     float8,
    stale      int NOT NULL,
    missing_tx bigint NOT NULL,
    PRIMARY KEY (day, pool)
);
COMMENT ON TABLE peerscope.pool_day IS
    'Blocks of a pool on a day: what block_pools shows.';
COMMENT ON COLUMN peerscope.pool_day.day IS 'UTC day of the blocks'' first event in the fleet, see block_summary.';
COMMENT ON COLUMN peerscope.pool_day.pool IS 'See block_summary; beyond the twenty names of a day that are not in the table pool, *other*.';
COMMENT ON COLUMN peerscope.pool_day.blocks IS 'Blocks.';
COMMENT ON COLUMN peerscope.pool_day.p50_ms IS 'Median over blocks and nodes of how far a node was behind the first with connecting it (stage s6).';
COMMENT ON COLUMN peerscope.pool_day.p90_ms IS '90th percentile.';
COMMENT ON COLUMN peerscope.pool_day.p99_ms IS '99th percentile.';
COMMENT ON COLUMN peerscope.pool_day.stale IS 'Blocks of these that are stale.';
COMMENT ON COLUMN peerscope.pool_day.missing_tx IS 'Transactions of its compact blocks that nodes had to ask for, summed over nodes.';

INSERT INTO peerscope.digest_part (part, ordinal, description) VALUES
    ('coverage', 5, 'coverage_span, fleet_link, clock_audit_sample and clock_audit_day: where the fleet was looking, which peers are its own nodes, and whether its clocks hold'),
    ('blocks', 10, 'block_summary and what follows from it: block_life, block_skew, block_propagation_day, block_hop_leg, compact_day, stale_height, reorganisation, block_validation, pool_day'),
    ('compact_missing', 11, 'compact_missing_cause: why nodes lacked transactions of compact blocks');

INSERT INTO peerscope.retention (table_name, keep, note) VALUES
    ('coverage_span', '1 year', 'some twenty rows a node and day'),
    ('fleet_link', '1 year', 'as long as peer_session'),
    ('clock_audit_sample', '14 days', 'as long as ping_event'),
    ('clock_audit_day', '1 year', NULL),
    ('block_summary', NULL, '144 rows a day'),
    ('block_life', NULL, '144 rows a node and day'),
    ('block_skew', '1 year', 'some 1200 rows a node and day'),
    ('block_propagation_day', NULL, 'eight rows a day'),
    ('block_hop_leg', '1 year', 'some 300 rows a link and day'),
    ('compact_day', NULL, NULL),
    ('compact_missing_cause', '1 year', 'as long as compact_missing_tx'),
    ('stale_height', NULL, NULL),
    ('reorganisation', NULL, NULL),
    ('block_validation', NULL, '144 rows a node and day, and every block of an initial download'),
    ('pool_day', NULL, 'some twenty rows a day');
