-- What the aggregator needs to go on after a restart exactly as it would have without one.

CREATE TABLE peerscope.clock_reference (
    reference           uuid,
    reference_offset_ns bigint NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (reference)
);
COMMENT ON TABLE peerscope.clock_reference IS
    'The clocks that corrected times refer to: one per boot of an aggregator''s host.';
COMMENT ON COLUMN peerscope.clock_reference.reference IS 'Boot id of the aggregator''s host.';
COMMENT ON COLUMN peerscope.clock_reference.reference_offset_ns IS 'Realtime minus monotonic of that host, fixed at its first use.';
COMMENT ON COLUMN peerscope.clock_reference.created_at IS 'When it was first used.';

ALTER TABLE peerscope.clock_segment
    ADD COLUMN from_mono_ns       bigint,
    ADD COLUMN to_mono_ns         bigint,
    ADD COLUMN real_minus_mono_ns bigint;
COMMENT ON COLUMN peerscope.clock_segment.from_mono_ns IS 'CLOCK_MONOTONIC of the node''s host where the segment begins.';
COMMENT ON COLUMN peerscope.clock_segment.to_mono_ns IS 'Where it ends, or the latest event in it while it is open.';
COMMENT ON COLUMN peerscope.clock_segment.real_minus_mono_ns IS 'Realtime minus monotonic of the node''s host in it.';

CREATE TABLE peerscope.addr_budget (
    node_id int NOT NULL,
    day     date NOT NULL,
    opened  bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (node_id, day)
);
COMMENT ON TABLE peerscope.addr_budget IS
    'Address entries beyond Core''s token bucket: how many opened announcements all the same, and how many were only counted because the day''s budget was used up.';
COMMENT ON COLUMN peerscope.addr_budget.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.addr_budget.day IS 'Day in UTC, on the node''s clock.';
COMMENT ON COLUMN peerscope.addr_budget.opened IS 'Entries beyond the bucket that were kept in the rollups.';
COMMENT ON COLUMN peerscope.addr_budget.refused IS 'Entries beyond the bucket and the budget.';
