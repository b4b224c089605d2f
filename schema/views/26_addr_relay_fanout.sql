-- To how many peers a node sends gossip on, and how soon.

CREATE OR REPLACE FUNCTION peerscope.digest_addresses_fanout(of_day date) RETURNS void
    LANGUAGE plpgsql
    SET search_path = peerscope, pg_catalog, pg_temp
    SET client_min_messages = warning SET jit = off SET work_mem = '64MB'
    AS $$
#variable_conflict use_column
DECLARE
    day_at CONSTANT timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    day_to CONSTANT timestamptz := day_at + interval '1 day';
    margin CONSTANT interval := clock_margin(of_day);
BEGIN
    -- Every step is a table of its own with statistics: the planner takes a day that ANALYZE has not seen for an empty one,
    -- and would compare each announcement with each entry.
    DROP TABLE IF EXISTS pg_temp.received, pg_temp.sent, pg_temp.forwarded, pg_temp.noted;
    -- What Core relays: gossip, and what a peer says of itself.
    CREATE TEMP TABLE received ON COMMIT DROP AS
    SELECT a.node_id, a.network, a.addr, a.port, a.announced_at,
           min(unix_us(a.first_seen) + coalesce(c.corr_ns, 0) / 1000) AS t_us
      FROM addr_announcement a
      LEFT JOIN clock_segment c ON c.node_id = a.node_id AND c.clk = a.clk
     WHERE a.class IN ('gossip', 'self') AND a.first_seen >= day_at AND a.first_seen < day_to
     GROUP BY a.node_id, a.network, a.addr, a.port, a.announced_at;
    ANALYZE received;
    CREATE TEMP TABLE sent ON COMMIT DROP AS
    SELECT e.node_id, e.network, e.addr, e.port, e.announced_at, e.run_id, e.peer_id,
           unix_us(e.ts) + coalesce(c.corr_ns, 0) / 1000 AS t_us
      FROM addr_entry e
      LEFT JOIN clock_segment c ON c.node_id = e.node_id AND c.clk = e.clk
     WHERE NOT e.inbound AND e.ts >= day_at AND e.ts < day_to + interval '10 minutes';
    ANALYZE sent;
    CREATE TEMP TABLE forwarded ON COMMIT DROP AS
    -- What goes to one peer counts once.
    WITH told AS (
        SELECT r.node_id, r.network, r.addr, r.port, r.announced_at, r.t_us, min(s.t_us) AS sent_us
          FROM received r
          JOIN sent s USING (node_id, network, addr, port, announced_at)
         WHERE s.t_us BETWEEN r.t_us AND r.t_us + 600000000
         GROUP BY r.node_id, r.network, r.addr, r.port, r.announced_at, r.t_us, s.run_id, s.peer_id
    )
    SELECT node_id, network, addr, port, announced_at, at_us(t_us) AS at, count(*)::int AS fanout,
           (min(sent_us) - t_us) / 1e6::float8 AS forward_delay_s
      FROM told
     GROUP BY node_id, network, addr, port, announced_at, t_us;
    ANALYZE forwarded;
    CREATE TEMP TABLE noted ON COMMIT DROP AS
    SELECT node_id, network, addr, port, announced_at, at, fanout, forward_delay_s
      FROM addr_fanout WHERE at >= day_at - margin AND at < day_to + margin;
    ANALYZE noted;
    UPDATE addr_fanout f SET at = o.at, fanout = o.fanout, forward_delay_s = o.forward_delay_s
      FROM forwarded o
      JOIN noted n USING (node_id, network, addr, port, announced_at)
     WHERE (o.at, o.fanout, o.forward_delay_s) IS DISTINCT FROM (n.at, n.fanout, n.forward_delay_s)
       AND (f.node_id, f.network, f.addr, f.port, f.announced_at)
         = (o.node_id, o.network, o.addr, o.port, o.announced_at);
    INSERT INTO addr_fanout (node_id, network, addr, port, announced_at, at, fanout, forward_delay_s)
    SELECT node_id, network, addr, port, announced_at, at, fanout, forward_delay_s
      FROM forwarded o
     WHERE NOT EXISTS (
        SELECT FROM noted n
         WHERE (n.node_id, n.network, n.addr, n.port, n.announced_at)
             = (o.node_id, o.network, o.addr, o.port, o.announced_at))
     ORDER BY at
    -- A clock that was further off than it is now may have put it elsewhere.
    ON CONFLICT (node_id, network, addr, port, announced_at) DO UPDATE
       SET at = excluded.at, fanout = excluded.fanout, forward_delay_s = excluded.forward_delay_s;
END
$$;
COMMENT ON FUNCTION peerscope.digest_addresses_fanout(date) IS
    'The part of the digest that counts to how many peers the gossip of a day was sent on.';

DROP VIEW IF EXISTS peerscope.addr_relay_fanout CASCADE;
CREATE VIEW peerscope.addr_relay_fanout AS
SELECT n.name AS node,
       ROW(f.network, f.addr, f.port, f.announced_at)::peerscope.announcement AS announcement,
       f.fanout,
       f.forward_delay_s,
       f.at
  FROM peerscope.addr_fanout f
  JOIN peerscope.node n ON n.node_id = f.node_id;

COMMENT ON VIEW peerscope.addr_relay_fanout IS
    'Gossip a node sent on. Core chooses two peers for an address on a network it reaches, else one or two; a peer that knows the address already is passed over. What was sent to nobody has no row: it is in addr_announcement, with out_peers = 0. Only messages of at most ten entries are looked at; a node that knows so few addresses that it answers a getaddr with one seems to relay them.';
COMMENT ON COLUMN peerscope.addr_relay_fanout.node IS 'The node.';
COMMENT ON COLUMN peerscope.addr_relay_fanout.announcement IS 'What it received and sent on: (announcement).network, .addr, .port and .announced_at, which is nTime.';
COMMENT ON COLUMN peerscope.addr_relay_fanout.fanout IS 'Distinct peers of either direction it was sent to within 10 min of the first copy received, be that gossip or from the peer that owns the address.';
COMMENT ON COLUMN peerscope.addr_relay_fanout.forward_delay_s IS 'Seconds from that first copy to the first one sent.';
COMMENT ON COLUMN peerscope.addr_relay_fanout.at IS 'Corrected time of the first copy received.';
