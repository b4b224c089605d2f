-- How far apart a block reaches the same stage at different nodes, as an interval (DESIGN.md, Time).

CREATE OR REPLACE FUNCTION peerscope.store_block_skew(of_day date) RETURNS void
    LANGUAGE plpgsql SET search_path = peerscope, pg_catalog, pg_temp
    AS $$
DECLARE
    hashes bytea[] := blocks_of(of_day);
BEGIN
    WITH compared AS (
        SELECT *,
               min(reference::text) OVER w IS DISTINCT FROM max(reference::text) OVER w AS references_differ,
               bool_or(provisional) OVER w AS any_provisional
          FROM block_stages(hashes)
        WINDOW w AS (PARTITION BY hash, stage)
    ),
    error AS (
        SELECT *, eps_ns + CASE WHEN references_differ THEN ref_maxerror_ns ELSE 0 END AS error_ns FROM compared
    ),
    bounds AS (
        -- Without a known error a time is not compared: all three are NULL.
        SELECT *,
               CASE WHEN error_ns IS NOT NULL THEN t_ns END AS known_ns,
               t_ns - error_ns - coalesce(round(queue_ms * 1e6), 0)::bigint AS lo_ns,
               t_ns + error_ns AS hi_ns
          FROM error
    ),
    others AS (
        SELECT *,
               min(known_ns) OVER (PARTITION BY hash, stage) AS first_ns,
               min(lo_ns) OVER other AS other_lo_ns,
               min(hi_ns) OVER other AS other_hi_ns
          FROM bounds
        WINDOW other AS (PARTITION BY hash, stage
                         ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW)
    ),
    wanted AS MATERIALIZED (
        SELECT o.hash, o.node_id, o.stage, CASE WHEN b.connected > 0 THEN b.height END AS height,
               at_us(o.t_ns / 1000) AS at,
               (o.known_ns - o.first_ns) / 1e6::float8 AS skew_ms,
               CASE WHEN o.error_ns IS NOT NULL
                    THEN greatest(0, o.lo_ns - o.other_hi_ns) / 1e6::float8 END AS skew_lo_ms,
               CASE WHEN o.error_ns IS NOT NULL
                    THEN greatest(0, o.hi_ns - o.other_lo_ns) / 1e6::float8 END AS skew_hi_ms,
               o.queue_ms,
               CASE WHEN o.error_ns IS NOT NULL THEN coalesce(o.lo_ns > o.other_hi_ns, false) END AS significant,
               o.any_provisional AS provisional,
               -- A node's own event is no error away from itself.
               CASE WHEN o.error_ns IS NOT NULL AND b.t0_error_ns IS NOT NULL
                    THEN (o.t_ns - b.t0_ns) / 1e6::float8 END AS delay_ms,
               CASE WHEN o.t_ns = b.t0_ns AND o.node_id = b.first_node_id THEN 0
                    ELSE (o.error_ns + b.t0_error_ns) / 1e6::float8 END AS delay_error_ms
          FROM others o
          JOIN block_summary b ON b.hash = o.hash
         WHERE NOT o.is_origin
    ),
    gone AS (
        DELETE FROM block_skew
         WHERE day = of_day AND (hash, node_id, stage) NOT IN (SELECT hash, node_id, stage FROM wanted)
    )
    INSERT INTO block_skew AS s (hash, node_id, stage, day, height, at, skew_ms, skew_lo_ms, skew_hi_ms, queue_ms,
                                 significant, provisional, delay_ms, delay_error_ms)
    SELECT hash, node_id, stage, of_day, height, at, skew_ms, skew_lo_ms, skew_hi_ms, queue_ms,
           significant, provisional, delay_ms, delay_error_ms
      FROM wanted
    ON CONFLICT (hash, node_id, stage) DO UPDATE
       SET day = excluded.day, height = excluded.height, at = excluded.at, skew_ms = excluded.skew_ms,
           skew_lo_ms = excluded.skew_lo_ms, skew_hi_ms = excluded.skew_hi_ms, queue_ms = excluded.queue_ms,
           significant = excluded.significant, provisional = excluded.provisional, delay_ms = excluded.delay_ms,
           delay_error_ms = excluded.delay_error_ms
     WHERE s IS DISTINCT FROM excluded;
END
$$;
COMMENT ON FUNCTION peerscope.store_block_skew(date) IS
    'Stores block_skew of a UTC day anew, from block_arrival and clock_segment.';

DROP VIEW IF EXISTS peerscope.block_arrival_skew CASCADE;
CREATE VIEW peerscope.block_arrival_skew AS
SELECT s.hash AS block_hash,
       s.height,
       n.name AS node,
       s.stage,
       s.at,
       s.skew_ms,
       s.skew_lo_ms,
       s.skew_hi_ms,
       s.queue_ms,
       s.significant,
       s.provisional
  FROM peerscope.block_skew s
  JOIN peerscope.node n ON n.node_id = s.node_id;

COMMENT ON VIEW peerscope.block_arrival_skew IS
    'By how much each node is behind the first at each stage of a block, with the interval that clocks and queues allow. A block mined by a node of the fleet starts the clock of stage s0 with its validation there. Nodes in initial download are left out.';
COMMENT ON COLUMN peerscope.block_arrival_skew.block_hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope.block_arrival_skew.height IS 'Height; NULL when no node connected it.';
COMMENT ON COLUMN peerscope.block_arrival_skew.node IS 'The node.';
COMMENT ON COLUMN peerscope.block_arrival_skew.stage IS 's0 ... s7, see block_arrival.';
COMMENT ON COLUMN peerscope.block_arrival_skew.at IS 'Corrected time of the event.';
COMMENT ON COLUMN peerscope.block_arrival_skew.skew_ms IS 'Behind the first node at this stage; NULL when the clock''s error is unknown.';
COMMENT ON COLUMN peerscope.block_arrival_skew.skew_lo_ms IS 'At least so much behind all other nodes: earliest possible time minus the others'' least latest one, not below 0.';
COMMENT ON COLUMN peerscope.block_arrival_skew.skew_hi_ms IS 'At most so much: latest possible time minus the others'' least earliest one, not below 0.';
COMMENT ON COLUMN peerscope.block_arrival_skew.queue_ms IS 'How long the event may have waited behind validation; widens the interval downwards.';
COMMENT ON COLUMN peerscope.block_arrival_skew.significant IS 'Whether another node was certainly earlier.';
COMMENT ON COLUMN peerscope.block_arrival_skew.provisional IS 'Whether a clock segment of the compared events is still open.';
