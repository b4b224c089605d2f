-- What a block's way over a connection inside the fleet consists of: the wire, the other side's queue, validation.

-- Both ends of a session number the messages of a type about a block; where they count differently one end missed
-- some, and nothing is paired. Of what carried the block, and of what asked for it, the last before the receiver
-- connected the block counts, else the last.
CREATE OR REPLACE FUNCTION peerscope.store_block_hops(of_day date) RETURNS void
    LANGUAGE plpgsql SET search_path = peerscope, pg_catalog, pg_temp
    AS $$
DECLARE
    since  timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    until  timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
    hashes bytea[] := blocks_of(of_day);
BEGIN
    WITH message AS MATERIALIZED (
        SELECT a.node_id, a.run_id, a.peer_id, a.inbound, a.msg_type, a.hash, a.ts, a.clk, a.tid,
               l.other_node_id, l.other_run_id, l.other_peer_id,
               row_number() OVER (PARTITION BY a.node_id, a.run_id, a.peer_id, a.inbound, a.msg_type, a.hash
                                  ORDER BY a.clk, a.ts, a.seq) AS number,
               count(*) OVER (PARTITION BY a.node_id, a.run_id, a.peer_id, a.inbound, a.msg_type, a.hash) AS numbers
          FROM block_announcement a
          JOIN fleet_link l ON l.node_id = a.node_id AND l.run_id = a.run_id AND l.peer_id = a.peer_id
         WHERE a.ts >= since - interval '1 day' AND a.ts < until + interval '1 day' AND a.hash = ANY (hashes)
           AND a.msg_type IN ('cmpctblock', 'blocktxn', 'block', 'getdata', 'getblocktxn')
    ),
    paired AS (
        SELECT i.hash, i.node_id, i.run_id, i.peer_id, i.other_node_id, i.msg_type, i.ts, i.clk, i.tid,
               CASE WHEN i.msg_type LIKE 'get%' THEN 'from' ELSE 'to' END AS side,
               unix_us(i.ts) * 1000 + ci.corr_ns AS in_ns,
               unix_us(o.ts) * 1000 + co.corr_ns AS out_ns,
               ci.eps_ns + co.eps_ns + CASE WHEN ci.reference IS DISTINCT FROM co.reference
                                            THEN ci.ref_maxerror_ns + co.ref_maxerror_ns ELSE 0 END AS error_ns,
               corrected(i.ts, ci.corr_ns) AS at
          FROM message i
          JOIN message o
            ON o.node_id = i.other_node_id AND o.run_id = i.other_run_id AND o.peer_id = i.other_peer_id
           AND NOT o.inbound AND o.msg_type = i.msg_type AND o.hash = i.hash AND o.number = i.number
           AND o.numbers = i.numbers
          LEFT JOIN clock_segment ci ON ci.node_id = i.node_id AND ci.clk = i.clk
          LEFT JOIN clock_segment co ON co.node_id = o.node_id AND co.clk = o.clk
         WHERE i.inbound
    ),
    leg AS MATERIALIZED (
        SELECT DISTINCT ON (p.hash, p.node_id, p.run_id, p.peer_id, p.side) p.*, b.s6_duration_ns
          FROM paired p
          LEFT JOIN block_arrival b ON b.node_id = p.node_id AND b.hash = p.hash
          LEFT JOIN block_arrival r ON r.hash = p.hash
           AND r.node_id = CASE p.side WHEN 'to' THEN p.node_id ELSE p.other_node_id END
          LEFT JOIN clock_segment c ON c.node_id = r.node_id AND c.clk = r.s6_clk
         ORDER BY p.hash, p.node_id, p.run_id, p.peer_id, p.side,
                  coalesce(p.at <= corrected(r.s6_ts, c.corr_ns), true) DESC, p.clk DESC, p.ts DESC
    ),
    busy AS (
        SELECT l.hash, l.node_id, l.run_id, l.peer_id, l.side, min(w.start_ts) AS start_ts
          FROM leg l
          JOIN validation_window w ON w.node_id = l.node_id AND w.run_id = l.run_id
           AND w.connected_ts BETWEEN l.ts - interval '1 hour' AND l.ts
           AND l.ts <= coalesce(w.last_removal_ts, w.connected_ts) + interval '100 ms'
           AND (w.tid = l.tid OR w.tid = 0 OR coalesce(l.tid, 0) = 0)
         GROUP BY l.hash, l.node_id, l.run_id, l.peer_id, l.side
    ),
    waited AS (
        SELECT l.*,
               -- It cannot have waited longer than it was on its way.
               least(unix_us(l.ts) * 1000 - unix_us(b.start_ts) * 1000, greatest(l.in_ns - l.out_ns, 0)) AS queue_ns
          FROM leg l LEFT JOIN busy b USING (hash, node_id, run_id, peer_id, side)
    ),
    wanted AS MATERIALIZED (
        SELECT hash, node_id, run_id, peer_id, other_node_id, side, msg_type, at,
               CASE WHEN in_ns - out_ns IS NOT NULL THEN coalesce(queue_ns, 0) / 1e6::float8 END AS queue_ms,
               CASE WHEN error_ns IS NOT NULL
                    THEN (in_ns - out_ns - coalesce(queue_ns, 0)) / 1e6::float8 END AS network_ms,
               s6_duration_ns / 1e6::float8 AS validation_ms,
               error_ns / 1e6::float8 AS error_ms
          FROM waited
    ),
    gone AS (
        DELETE FROM block_hop_leg h
         WHERE h.day = of_day
           AND NOT EXISTS (SELECT FROM wanted w
                            WHERE (w.hash, w.node_id, w.run_id, w.peer_id, w.side)
                                = (h.hash, h.node_id, h.run_id, h.peer_id, h.side))
    )
    INSERT INTO block_hop_leg AS h (hash, node_id, run_id, peer_id, other_node_id, day, side, msg_type, at,
                                    queue_ms, network_ms, validation_ms, error_ms)
    SELECT hash, node_id, run_id, peer_id, other_node_id, of_day, side, msg_type, at,
           queue_ms, network_ms, validation_ms, error_ms
      FROM wanted
    ON CONFLICT (hash, node_id, run_id, peer_id, side) DO UPDATE
       SET other_node_id = excluded.other_node_id, day = excluded.day, msg_type = excluded.msg_type,
           at = excluded.at, queue_ms = excluded.queue_ms, network_ms = excluded.network_ms,
           validation_ms = excluded.validation_ms, error_ms = excluded.error_ms
     WHERE h IS DISTINCT FROM excluded;
END
$$;
COMMENT ON FUNCTION peerscope.store_block_hops(date) IS
    'Stores block_hop_leg of a UTC day anew, from block_announcement of the day and its neighbours, fleet_link and validation_window.';

DROP VIEW IF EXISTS peerscope.block_hop CASCADE;
CREATE VIEW peerscope.block_hop AS
SELECT h.hash AS block_hash,
       b.height,
       f.name AS from_node,
       t.name AS to_node,
       h.side,
       h.queue_ms,
       h.network_ms,
       h.validation_ms,
       h.msg_type,
       h.at,
       h.error_ms
  FROM peerscope.block_hop_leg h
  JOIN peerscope.node f ON f.node_id = CASE h.side WHEN 'to' THEN h.other_node_id ELSE h.node_id END
  JOIN peerscope.node t ON t.node_id = CASE h.side WHEN 'to' THEN h.node_id ELSE h.other_node_id END
  LEFT JOIN peerscope.block_summary b ON b.hash = h.hash;

COMMENT ON VIEW peerscope.block_hop IS
    'A block over a connection between two nodes of the fleet, one row a side: at the side "to", the message that brought it, or what was missing of it; at the side "from", the request for that, where there was one. On its way a message is on the wire and may then wait for the thread that takes it up, which may be validating.';
COMMENT ON COLUMN peerscope.block_hop.block_hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope.block_hop.height IS 'Height; NULL while unknown.';
COMMENT ON COLUMN peerscope.block_hop.from_node IS 'The node that gave the block.';
COMMENT ON COLUMN peerscope.block_hop.to_node IS 'The node that got it.';
COMMENT ON COLUMN peerscope.block_hop.side IS 'Whose numbers these are: from or to.';
COMMENT ON COLUMN peerscope.block_hop.queue_ms IS 'How much of its way the message that this side took up may at most have waited for its thread behind validation.';
COMMENT ON COLUMN peerscope.block_hop.network_ms IS 'From sent to taken up, less queue_ms: so much at least was not validation''s doing. Below 0 by the error of the clocks only; NULL when that is unknown.';
COMMENT ON COLUMN peerscope.block_hop.validation_ms IS 'Time this side took to connect the block; NULL when it did not.';
COMMENT ON COLUMN peerscope.block_hop.msg_type IS 'The message that this side took up.';
COMMENT ON COLUMN peerscope.block_hop.at IS 'Corrected time at which it took it up.';
COMMENT ON COLUMN peerscope.block_hop.error_ms IS 'Error of queue_ms + network_ms, by the clocks.';
