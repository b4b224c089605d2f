-- The life of a block at a node in one row.

CREATE OR REPLACE FUNCTION peerscope.store_block_life(of_day date) RETURNS void
    LANGUAGE plpgsql SET search_path = peerscope, pg_catalog, pg_temp
    AS $$
DECLARE
    hashes bytea[] := blocks_of(of_day);
BEGIN
    WITH stage AS (
        SELECT hash, node_id,
               max(at) FILTER (WHERE stage = 's0' AND NOT is_origin) AS s0, max(at) FILTER (WHERE stage = 's1') AS s1,
               max(at) FILTER (WHERE stage = 's2') AS s2, max(at) FILTER (WHERE stage = 's3') AS s3,
               max(at) FILTER (WHERE stage = 's4') AS s4, max(at) FILTER (WHERE stage = 's5') AS s5,
               max(at) FILTER (WHERE stage = 's6') AS s6, max(at) FILTER (WHERE stage = 's7') AS s7
          FROM block_stages(hashes) GROUP BY hash, node_id
    ),
    wanted AS MATERIALIZED (
        SELECT s.*, a.mode, a.completed_by, a.first_peer, a.height, a.source,
               a.s6_duration_ns / 1e6::float8 AS validation_ms,
               greatest(a.s0_queue_ms, a.s2_queue_ms, a.s4_queue_ms) AS queue_ms,
               a.n_connects, a.completed_run, a.first_run
          FROM stage s JOIN block_arrival a ON a.node_id = s.node_id AND a.hash = s.hash
    ),
    gone AS (
        DELETE FROM block_life
         WHERE day = of_day AND (hash, node_id) NOT IN (SELECT hash, node_id FROM wanted)
    )
    INSERT INTO block_life AS l (hash, node_id, day, s0, s1, s2, s3, s4, s5, s6, s7, mode, completed_by, first_peer,
                                 height, source, validation_ms, queue_ms, n_connects, completed_run, first_run)
    SELECT hash, node_id, of_day, s0, s1, s2, s3, s4, s5, s6, s7, mode, completed_by, first_peer,
           height, source, validation_ms, queue_ms, n_connects, completed_run, first_run
      FROM wanted
    ON CONFLICT (hash, node_id) DO UPDATE
       SET day = excluded.day, s0 = excluded.s0, s1 = excluded.s1, s2 = excluded.s2, s3 = excluded.s3,
           s4 = excluded.s4, s5 = excluded.s5, s6 = excluded.s6, s7 = excluded.s7, mode = excluded.mode,
           completed_by = excluded.completed_by, first_peer = excluded.first_peer, height = excluded.height,
           source = excluded.source, validation_ms = excluded.validation_ms, queue_ms = excluded.queue_ms,
           n_connects = excluded.n_connects, completed_run = excluded.completed_run, first_run = excluded.first_run
     WHERE l IS DISTINCT FROM excluded;
END
$$;
COMMENT ON FUNCTION peerscope.store_block_life(date) IS
    'Stores block_life of a UTC day anew, from block_arrival and clock_segment.';

DROP VIEW IF EXISTS peerscope.block_stage_latency CASCADE;
CREATE VIEW peerscope.block_stage_latency AS
SELECT l.hash AS block_hash,
       n.name AS node,
       l.s0, l.s1, l.s2, l.s3, l.s4, l.s5, l.s6, l.s7,
       l.mode,
       l.completed_by,
       l.first_peer,
       l.height,
       l.source,
       l.validation_ms,
       l.queue_ms,
       l.n_connects,
       l.completed_run,
       l.first_run
  FROM peerscope.block_life l
  JOIN peerscope.node n ON n.node_id = l.node_id;

COMMENT ON VIEW peerscope.block_stage_latency IS
    'When each stage of a block was reached at a node, in corrected time; NULL for stages that did not happen. Blocks that a node fetched in initial download are in block_arrival alone.';
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
COMMENT ON COLUMN peerscope.block_stage_latency.completed_run IS 'Process of completed_by: peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.block_stage_latency.first_run IS 'Process of first_peer.';
