-- How often peers announce themselves.

CREATE OR REPLACE FUNCTION peerscope.digest_addresses_self(of_day date) RETURNS void
    LANGUAGE plpgsql
    SET search_path = peerscope, pg_catalog, pg_temp
    SET client_min_messages = warning SET jit = off SET work_mem = '64MB'
    AS $$
#variable_conflict use_column
DECLARE
    day_at CONSTANT timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
BEGIN
    DROP TABLE IF EXISTS pg_temp.own_address;
    CREATE TEMP TABLE own_address ON COMMIT DROP AS
    SELECT a.node_id, a.run_id, a.first_peer AS peer_id, a.network, a.addr, a.port, a.announced_at,
           corrected(a.first_seen, c.corr_ns) AS at
      FROM addr_announcement a
      LEFT JOIN clock_segment c ON c.node_id = a.node_id AND c.clk = a.clk
     WHERE a.class = 'self' AND a.first_seen >= day_at AND a.first_seen < day_at + interval '1 day'
       AND a.run_id IS NOT NULL AND a.first_peer IS NOT NULL;
    ANALYZE own_address;
    UPDATE addr_self s SET at = o.at
      FROM own_address o
     WHERE (s.node_id, s.run_id, s.peer_id, s.network, s.addr, s.port, s.announced_at)
         = (o.node_id, o.run_id, o.peer_id, o.network, o.addr, o.port, o.announced_at) AND s.at <> o.at;
    INSERT INTO addr_self (node_id, run_id, peer_id, network, addr, port, announced_at, at)
    SELECT node_id, run_id, peer_id, network, addr, port, announced_at, at
      FROM own_address o
     WHERE NOT EXISTS (
        SELECT FROM addr_self s
         WHERE (s.node_id, s.run_id, s.peer_id, s.network, s.addr, s.port, s.announced_at)
             = (o.node_id, o.run_id, o.peer_id, o.network, o.addr, o.port, o.announced_at))
     ORDER BY o.at;
    -- The time since the one before, and that of the one after: they may be days away.
    WITH touched AS (
        SELECT DISTINCT node_id, run_id, peer_id, network, addr, port FROM own_address
    ),
    spaced AS (
        SELECT s.node_id, s.run_id, s.peer_id, s.network, s.addr, s.port, s.announced_at,
               extract(epoch FROM s.at - lag(s.at) OVER (
                   PARTITION BY s.node_id, s.run_id, s.peer_id, s.network, s.addr, s.port
                   ORDER BY s.at, s.announced_at))::float8 AS interval_s
          FROM touched t JOIN addr_self s USING (node_id, run_id, peer_id, network, addr, port)
    )
    UPDATE addr_self s SET interval_s = p.interval_s
      FROM spaced p
     WHERE (s.node_id, s.run_id, s.peer_id, s.network, s.addr, s.port, s.announced_at)
         = (p.node_id, p.run_id, p.peer_id, p.network, p.addr, p.port, p.announced_at)
       AND s.interval_s IS DISTINCT FROM p.interval_s;
END
$$;
COMMENT ON FUNCTION peerscope.digest_addresses_self(date) IS
    'The part of the digest that notes which addresses peers announced as their own on a day, and how long after the time before.';

DROP VIEW IF EXISTS peerscope.addr_self_announcements CASCADE;
CREATE VIEW peerscope.addr_self_announcements AS
SELECT n.name AS node,
       s.peer_id AS peer,
       s.addr,
       s.port,
       s.interval_s,
       s.at
  FROM peerscope.addr_self s
  JOIN peerscope.node n ON n.node_id = s.node_id;

COMMENT ON VIEW peerscope.addr_self_announcements IS
    'Each time a peer announced an address as its own. Core does so every 24 h on average to each peer, at random times.';
COMMENT ON COLUMN peerscope.addr_self_announcements.node IS 'The node that was told.';
COMMENT ON COLUMN peerscope.addr_self_announcements.peer IS 'Core''s number of the peer.';
COMMENT ON COLUMN peerscope.addr_self_announcements.addr IS 'The address announced: the peer''s own as the node sees it, or what it named alone in the first address message of an inbound session.';
COMMENT ON COLUMN peerscope.addr_self_announcements.port IS 'Port.';
COMMENT ON COLUMN peerscope.addr_self_announcements.interval_s IS 'Seconds since the same session announced it before; NULL for the first time.';
COMMENT ON COLUMN peerscope.addr_self_announcements.at IS 'Corrected time of the announcement.';
