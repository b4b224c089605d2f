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
    WITH message AS (
        SELECT a.hash, a.msg_type, a.inbound, a.ts, a.clk, a.tid,
               CASE WHEN a.inbound THEN a.node_id ELSE l.other_node_id END AS node_id,
               CASE WHEN a.inbound THEN a.run_id ELSE l.other_run_id END AS run_id,
               CASE WHEN a.inbound THEN a.peer_id ELSE l.other_peer_id END AS peer_id,
               CASE WHEN a.inbound THEN l.other_node_id ELSE a.node_id END AS other_node_id,
               row_number() OVER (PARTITION BY a.node_id, a.run_id, a.peer_id, a.inbound, a.msg_type, a.hash
                                  ORDER BY a.clk, a.ts, a.seq) AS number,
               count(*) OVER (PARTITION BY a.node_id, a.run_id, a.peer_id, a.inbound, a.msg_type, a.hash) AS numbers
          FROM block_announcement a
          JOIN fleet_link l ON l.node_id = a.node_id AND l.run_id = a.run_id AND l.peer_id = a.peer_id
         WHERE a.ts >= since - interval '1 day' AND a.ts < until + interval '1 day' AND a.hash = ANY (hashes)
           AND a.msg_type IN ('cmpctblock', 'blocktxn', 'block', 'getdata', 'getblocktxn')
    ),
    -- Seen from who took it up: one event there, and one where it was sent.
    paired AS (
        SELECT hash, node_id, run_id, peer_id, other_node_id, msg_type,
               max(ts) FILTER (WHERE inbound) AS ts, max(clk) FILTER (WHERE inbound) AS clk,
               max(tid) FILTER (WHERE inbound) AS tid,
               max(ts) FILTER (WHERE NOT inbound) AS sent_ts, max(clk) FILTER (WHERE NOT inbound) AS sent_clk
          FROM message
         GROUP BY hash, node_id, run_id, peer_id, other_node_id, msg_type, number, numbers
        HAVING count(*) = 2 AND bool_or(inbound) AND NOT bool_and(inbound)
    ),
    timed AS (
        SELECT p.hash, p.node_id, p.run_id, p.peer_id, p.other_node_id, p.msg_type, p.ts, p.clk, p.tid,
               CASE WHEN p.msg_type LIKE 'get%' THEN 'from' ELSE 'to' END AS side,
               unix_us(p.ts) * 1000 + i.corr_ns - unix_us(p.sent_ts) * 1000 - o.corr_ns AS way_ns,
               i.eps_ns + o.eps_ns + CASE WHEN i.reference IS DISTINCT FROM o.reference
                                          THEN i.ref_maxerror_ns + o.ref_maxerror_ns ELSE 0 END AS error_ns,
               corrected(p.ts, i.corr_ns) AS at
          FROM paired p
          LEFT JOIN clock_segment i ON i.node_id = p.node_id AND i.clk = p.clk
          LEFT JOIN clock_segment o ON o.node_id = p.other_node_id AND o.clk = p.sent_clk
    ),
    leg AS (
        SELECT DISTINCT ON (t.hash, t.node_id, t.run_id, t.peer_id, t.side)
               t.hash, t.node_id, t.run_id, t.peer_id, t.other_node_id, t.side, t.msg_type, t.ts, t.tid, t.at, t.way_ns,
               t.error_ns, b.s6_duration_ns
          FROM timed t
          LEFT JOIN block_arrival b ON b.node_id = t.node_id AND b.hash = t.hash
          -- Who got the block: the one that took it up, or the one that asked for it.
          LEFT JOIN block_arrival r ON r.hash = t.hash
           AND r.node_id = CASE t.side WHEN 'to' THEN t.node_id ELSE t.other_node_id END
          LEFT JOIN clock_segment c ON c.node_id = r.node_id AND c.clk = r.s6_clk
         ORDER BY t.hash, t.node_id, t.run_id, t.peer_id, t.side,
                  coalesce(t.at <= corrected(r.s6_ts, c.corr_ns), true) DESC, t.clk DESC, t.ts DESC
    ),
    busy AS (
        SELECT l.hash, l.node_id, l.run_id, l.peer_id, l.other_node_id, l.side, l.msg_type, l.ts, l.at, l.way_ns,
               l.error_ns, l.s6_duration_ns, min(w.start_ts) AS busy_since
          FROM leg l
          LEFT JOIN validation_window w ON w.node_id = l.node_id AND w.run_id = l.run_id
           AND w.connected_ts BETWEEN l.ts - interval '1 hour' AND l.ts
           AND l.ts <= coalesce(w.last_removal_ts, w.connected_ts) + interval '100 ms'
           AND (w.tid = l.tid OR w.tid = 0 OR coalesce(l.tid, 0) = 0)
         GROUP BY l.hash, l.node_id, l.run_id, l.peer_id, l.other_node_id, l.side, l.msg_type, l.ts, l.at, l.way_ns,
                  l.error_ns, l.s6_duration_ns
    ),
    waited AS (
        -- It cannot have waited longer than it was on its way.
        SELECT *, CASE WHEN busy_since IS NULL THEN 0
                       ELSE least((unix_us(ts) - unix_us(busy_since)) * 1000, greatest(way_ns, 0)) END AS queue_ns
          FROM busy
    ),
    wanted AS MATERIALIZED (
        SELECT hash, node_id, run_id, peer_id, other_node_id, side, msg_type, at,
               CASE WHEN way_ns IS NOT NULL THEN queue_ns / 1e6::float8 END AS queue_ms,
               CASE WHEN error_ns IS NOT NULL THEN (way_ns - queue_ns) / 1e6::float8 END AS network_ms,
               s6_duration_ns / 1e6::float8 AS validation_ms,
               error_ns / 1e6::float8 AS error_ms
          FROM waited
    ),
    gone AS (
        DELETE FROM block_hop_leg
         WHERE day = of_day
           AND (hash, node_id, run_id, peer_id, side) NOT IN (SELECT hash, node_id, run_id, peer_id, side FROM wanted)
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
