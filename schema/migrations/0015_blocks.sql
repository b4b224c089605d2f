-- Blocks, links inside the fleet, and where the fleet was looking: what the digest's parts 'coverage' and 'blocks' store,
-- and what block_arrival has to keep for them.

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

CREATE INDEX capture_interval_valid_to ON peerscope.capture_interval (valid_to);
CREATE INDEX clock_segment_valid_from ON peerscope.clock_segment (node_id, valid_from);

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

INSERT INTO peerscope.digest_part (part, ordinal, description) VALUES
    ('coverage', 5, 'coverage_span, fleet_link, clock_audit_sample and clock_audit_day: where the fleet was looking, which peers are its own nodes, and whether its clocks hold');

INSERT INTO peerscope.retention (table_name, keep, note) VALUES
    ('coverage_span', '1 year', 'some twenty rows a node and day'),
    ('fleet_link', '1 year', 'as long as peer_session'),
    ('clock_audit_sample', '14 days', 'as long as ping_event'),
    ('clock_audit_day', '1 year', NULL);
