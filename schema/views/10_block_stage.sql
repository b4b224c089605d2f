-- The eight stages of a block at a node as rows, with corrected time and its error: what the views about
-- blocks stand on.
DROP VIEW IF EXISTS peerscope.block_stage CASCADE;
CREATE VIEW peerscope.block_stage AS
SELECT a.hash,
       a.node_id,
       s.stage,
       s.ts,
       s.clk,
       s.peer,
       s.queue_ms,
       -- Integers of nanoseconds: exact, where seconds as a float would lose the microseconds.
       peerscope.unix_us(s.ts) * 1000 - coalesce(s.before_ns, 0) + coalesce(c.corr_ns, 0) AS t_ns,
       CASE WHEN c.corr_ns IS NOT NULL THEN c.eps_ns END AS eps_ns,
       c.reference,
       c.ref_maxerror_ns,
       coalesce(c.provisional, true) AS provisional,
       s.before_ns IS NOT NULL AS is_origin
  FROM peerscope.block_arrival a
 CROSS JOIN LATERAL (VALUES
       ('s0', a.s0_ts, a.s0_clk, a.s0_peer, a.s0_queue_ms, NULL::bigint),
       ('s1', a.s1_ts, a.s1_clk, a.s1_peer, a.s1_queue_ms, NULL),
       ('s2', a.s2_ts, a.s2_clk, a.s2_peer, a.s2_queue_ms, NULL),
       ('s3', a.s3_ts, a.s3_clk, a.s3_peer, a.s3_queue_ms, NULL),
       ('s4', a.s4_ts, a.s4_clk, a.s4_peer, a.s4_queue_ms, NULL),
       ('s5', a.s5_ts, a.s5_clk, a.s5_peer, a.s5_queue_ms, NULL),
       ('s6', a.s6_ts, a.s6_clk, a.s6_peer, a.s6_queue_ms, NULL),
       ('s7', a.s7_ts, a.s7_clk, a.s7_peer, a.s7_queue_ms, NULL),
       -- Whoever mined a block heard of it first, when its own validation began.
       ('s0', CASE WHEN a.source = 'local' THEN a.s6_ts END, a.s6_clk, NULL, NULL, a.s6_duration_ns)
       ) AS s (stage, ts, clk, peer, queue_ms, before_ns)
  LEFT JOIN peerscope.clock_segment c ON c.node_id = a.node_id AND c.clk = s.clk
 WHERE s.ts IS NOT NULL;

COMMENT ON VIEW peerscope.block_stage IS
    'Stages of a block at a node, one row each, in corrected time.';
COMMENT ON COLUMN peerscope.block_stage.hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope.block_stage.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.block_stage.stage IS 's0 ... s7, see block_arrival.';
COMMENT ON COLUMN peerscope.block_stage.ts IS 'The event''s time on the node''s own clock.';
COMMENT ON COLUMN peerscope.block_stage.clk IS 'Clock segment of ts.';
COMMENT ON COLUMN peerscope.block_stage.peer IS 'The peer that took part.';
COMMENT ON COLUMN peerscope.block_stage.queue_ms IS 'How long the event may have waited behind validation.';
COMMENT ON COLUMN peerscope.block_stage.t_ns IS 'Corrected time, nanoseconds since 1970.';
COMMENT ON COLUMN peerscope.block_stage.eps_ns IS 'Its error; NULL when unknown.';
COMMENT ON COLUMN peerscope.block_stage.reference IS 'The clock that the corrected time is of.';
COMMENT ON COLUMN peerscope.block_stage.ref_maxerror_ns IS 'Error of that clock, which counts when several are compared.';
COMMENT ON COLUMN peerscope.block_stage.provisional IS 'Whether the correction may still change.';
COMMENT ON COLUMN peerscope.block_stage.is_origin IS 'True for the second s0 row, of a block mined here: ts is that of block_connected, t_ns the start of its validation. It counts as a time but is not an arrival.';
