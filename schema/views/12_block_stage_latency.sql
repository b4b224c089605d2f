-- The life of a block at a node in one row.
DROP VIEW IF EXISTS peerscope.block_stage_latency CASCADE;
CREATE VIEW peerscope.block_stage_latency AS
SELECT a.hash AS block_hash,
       n.name AS node,
       a.s0_ts + coalesce(c0.corr_ns / 1000, 0) * interval '1 microsecond' AS s0,
       a.s1_ts + coalesce(c1.corr_ns / 1000, 0) * interval '1 microsecond' AS s1,
       a.s2_ts + coalesce(c2.corr_ns / 1000, 0) * interval '1 microsecond' AS s2,
       a.s3_ts + coalesce(c3.corr_ns / 1000, 0) * interval '1 microsecond' AS s3,
       a.s4_ts + coalesce(c4.corr_ns / 1000, 0) * interval '1 microsecond' AS s4,
       a.s5_ts + coalesce(c5.corr_ns / 1000, 0) * interval '1 microsecond' AS s5,
       a.s6_ts + coalesce(c6.corr_ns / 1000, 0) * interval '1 microsecond' AS s6,
       a.s7_ts + coalesce(c7.corr_ns / 1000, 0) * interval '1 microsecond' AS s7,
       a.mode,
       a.completed_by,
       a.first_peer,
       a.height,
       a.source,
       a.s6_duration_ns / 1e6::float8 AS validation_ms,
       greatest(a.s0_queue_ms, a.s2_queue_ms, a.s4_queue_ms) AS queue_ms,
       a.n_connects
  FROM peerscope.block_arrival a
  JOIN peerscope.node n ON n.node_id = a.node_id
  LEFT JOIN peerscope.clock_segment c0 ON c0.node_id = a.node_id AND c0.clk = a.s0_clk
  LEFT JOIN peerscope.clock_segment c1 ON c1.node_id = a.node_id AND c1.clk = a.s1_clk
  LEFT JOIN peerscope.clock_segment c2 ON c2.node_id = a.node_id AND c2.clk = a.s2_clk
  LEFT JOIN peerscope.clock_segment c3 ON c3.node_id = a.node_id AND c3.clk = a.s3_clk
  LEFT JOIN peerscope.clock_segment c4 ON c4.node_id = a.node_id AND c4.clk = a.s4_clk
  LEFT JOIN peerscope.clock_segment c5 ON c5.node_id = a.node_id AND c5.clk = a.s5_clk
  LEFT JOIN peerscope.clock_segment c6 ON c6.node_id = a.node_id AND c6.clk = a.s6_clk
  LEFT JOIN peerscope.clock_segment c7 ON c7.node_id = a.node_id AND c7.clk = a.s7_clk;

COMMENT ON VIEW peerscope.block_stage_latency IS
    'When each stage of a block was reached at a node, in corrected time; NULL for stages that did not happen.';
COMMENT ON COLUMN peerscope.block_stage_latency.block_hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope.block_stage_latency.node IS 'The node.';
COMMENT ON COLUMN peerscope.block_stage_latency.s0 IS 'First inbound inv, headers of at most 8 entries, or cmpctblock naming it.';
COMMENT ON COLUMN peerscope.block_stage_latency.s1 IS 'First getdata for it.';
COMMENT ON COLUMN peerscope.block_stage_latency.s2 IS 'First inbound cmpctblock.';
COMMENT ON COLUMN peerscope.block_stage_latency.s3 IS 'First getblocktxn.';
COMMENT ON COLUMN peerscope.block_stage_latency.s4 IS 'First inbound blocktxn or block.';
COMMENT ON COLUMN peerscope.block_stage_latency.s5 IS 'First cmpctblock to a peer that had not asked for it.';
COMMENT ON COLUMN peerscope.block_stage_latency.s6 IS 'First block_connected; its validation began validation_ms before.';
COMMENT ON COLUMN peerscope.block_stage_latency.s7 IS 'First announcement to a peer after s6.';
COMMENT ON COLUMN peerscope.block_stage_latency.mode IS 'How it was completed: local, compact, compact+blocktxn or block.';
COMMENT ON COLUMN peerscope.block_stage_latency.completed_by IS 'Peer whose message completed it.';
COMMENT ON COLUMN peerscope.block_stage_latency.first_peer IS 'Peer that named it first.';
COMMENT ON COLUMN peerscope.block_stage_latency.height IS 'Height, where this node connected it.';
COMMENT ON COLUMN peerscope.block_stage_latency.source IS 'peer, or local for a block mined here.';
COMMENT ON COLUMN peerscope.block_stage_latency.validation_ms IS 'Time the node took to connect it.';
COMMENT ON COLUMN peerscope.block_stage_latency.queue_ms IS 'The longest that s0, s2 or s4 may have waited behind validation.';
COMMENT ON COLUMN peerscope.block_stage_latency.n_connects IS 'Times it was connected.';
