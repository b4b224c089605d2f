-- Which days are due for publication, and what of a day may be shared.

CREATE OR REPLACE FUNCTION peerscope.days_to_publish() RETURNS SETOF date
    LANGUAGE sql STABLE
    AS $$
    WITH digested AS (
        SELECT day, max(computed_at) AS computed_at FROM peerscope.digest_state
         GROUP BY day HAVING bool_and(error IS NULL)
    )
    SELECT d.day
      FROM digested d
      LEFT JOIN peerscope.public_day p ON p.day = d.day
     -- A day after its end by the wall clock, when late clocks and nodes have come in as well.
     WHERE d.day <= (now() AT TIME ZONE 'UTC')::date - 2
       AND (p.day IS NULL OR p.published_at < d.computed_at)
       AND NOT EXISTS (SELECT FROM peerscope.dirty_day w WHERE w.day BETWEEN d.day - 1 AND d.day + 1)
       AND NOT EXISTS (SELECT FROM peerscope.digest_input i
                         JOIN peerscope.retention_horizon h ON h.table_name = i.table_name
                        WHERE i.part = 'publish' AND d.day - i.days_before < h.complete_from)
     ORDER BY d.day
    $$;
COMMENT ON FUNCTION peerscope.days_to_publish() IS
    'Days that ended a day ago, are digested, and were not published since, as long as all rows that publish() reads are there.';

-- An own transaction shows itself by being at a node, or leaving it, before anybody told that node of it. Times of one
-- node compare as they are, those of different nodes with their errors; what cannot be told for certain is not
-- published.
CREATE OR REPLACE FUNCTION peerscope.publish_transactions(of_day date) RETURNS void
    LANGUAGE plpgsql SET client_min_messages = warning SET work_mem = '128MB' SET jit = off
    AS $$
DECLARE
    day_from CONSTANT timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    day_to   CONSTANT timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
    -- By how much a node's clock may be off and its rows still count for the day.
    margin   CONSTANT interval := peerscope.clock_margin(of_day);
    unknown  CONSTANT bigint := 86400000000000;
BEGIN
    DROP TABLE IF EXISTS pg_temp.candidate, pg_temp.told, pg_temp.trace;
    -- Whose txid nobody knows cannot be looked for in mempools.
    CREATE TEMP TABLE candidate ON COMMIT DROP AS
    SELECT id, wtxid, txid FROM peerscope.tx_reach WHERE day = of_day AND txid IS NOT NULL;
    ANALYZE candidate;

    -- When each node was told, and by whom: links are sessions between two nodes of the fleet.
    CREATE TEMP TABLE told ON COMMIT DROP AS
    SELECT h.id, s.node_id,
           min(peerscope.unix_us(s.ts) * 1000 + coalesce(c.corr_ns, 0)) AS t_ns,
           min(peerscope.unix_us(s.ts) * 1000 + coalesce(c.corr_ns, 0) + coalesce(c.eps_ns, unknown))
               FILTER (WHERE l.node_id IS NULL) AS outside_hi_ns,
           min(peerscope.unix_us(s.ts) * 1000 + coalesce(c.corr_ns, 0) - coalesce(c.eps_ns, unknown))
               FILTER (WHERE l.node_id IS NOT NULL) AS link_lo_ns
      FROM (SELECT id, wtxid AS hash FROM candidate WHERE wtxid IS NOT NULL
            UNION SELECT id, txid FROM candidate) h
      JOIN peerscope.tx_sighting s ON s.hash = h.hash
      LEFT JOIN peerscope.clock_segment c ON c.node_id = s.node_id AND c.clk = s.clk
      LEFT JOIN peerscope.fleet_link l ON l.node_id = s.node_id AND l.run_id = s.run_id AND l.peer_id = s.peer_id
     WHERE s.ts >= day_from - margin AND s.ts < day_to + margin
     GROUP BY h.id, s.node_id;
    ANALYZE told;

    -- When a node is first known to have had it.
    CREATE TEMP TABLE trace ON COMMIT DROP AS
    SELECT t.id, t.node_id, min(t.t_ns) AS t_ns, min(t.t_ns - t.eps_ns) AS lo_ns, bool_or(t.private) AS private
      FROM (SELECT c.id, m.node_id, peerscope.unix_us(m.ts) * 1000 + coalesce(k.corr_ns, 0) AS t_ns,
                   coalesce(k.eps_ns, unknown) AS eps_ns, false AS private
              FROM peerscope.mempool_added m
              JOIN candidate c ON c.txid = m.txid
              LEFT JOIN peerscope.clock_segment k ON k.node_id = m.node_id AND k.clk = m.clk
             WHERE m.ts >= day_from - interval '1 day' AND m.ts < day_to + margin
            UNION ALL
            SELECT c.id, x.node_id, peerscope.unix_us(x.ts) * 1000 + coalesce(k.corr_ns, 0), coalesce(k.eps_ns, unknown),
                   p.conn_type IS NOT DISTINCT FROM 'private-broadcast'
              FROM peerscope.tx_seen x
              JOIN candidate c ON c.txid = x.txid
              LEFT JOIN peerscope.clock_segment k ON k.node_id = x.node_id AND k.clk = x.clk
              LEFT JOIN peerscope.peer_session p ON p.conn_type = 'private-broadcast' AND p.node_id = x.node_id
                                               AND p.run_id = x.run_id AND p.peer_id = x.peer_id
             WHERE NOT x.inbound AND x.ts >= day_from - interval '1 day' AND x.ts < day_to + interval '1 day') t
     GROUP BY t.id, t.node_id;
    ANALYZE trace;

    DELETE FROM peerscope.public_tx WHERE day = of_day;
    INSERT INTO peerscope.public_tx (day, id)
    WITH fleet AS (
        SELECT id, min(outside_hi_ns) AS outside_hi_ns, min(link_lo_ns) AS link_lo_ns FROM told GROUP BY id
    ),
    -- A node that had it before it was told, and before anybody else certainly was.
    doubtful AS (
        SELECT DISTINCT r.id
          FROM trace r
          JOIN fleet f USING (id)
          LEFT JOIN told w ON w.id = r.id AND w.node_id = r.node_id
         WHERE r.private OR NOT (coalesce(w.t_ns <= r.t_ns, false) OR coalesce(f.outside_hi_ns <= r.lo_ns, false))
    )
    SELECT of_day, f.id
      FROM fleet f
     WHERE f.outside_hi_ns IS NOT NULL
       -- What a node of ours told another one first may be its own, whatever else is not known of it.
       AND (f.link_lo_ns IS NULL OR f.outside_hi_ns <= f.link_lo_ns)
       AND NOT EXISTS (SELECT FROM doubtful d WHERE d.id = f.id)
     ORDER BY f.id;
END
$$;
COMMENT ON FUNCTION peerscope.publish_transactions(date) IS
    'Replaces public_tx of a day, see there.';

CREATE OR REPLACE FUNCTION peerscope.publish_peers(of_day date) RETURNS void
    LANGUAGE plpgsql SET client_min_messages = warning SET work_mem = '128MB' SET jit = off
    AS $$
DECLARE
    day_from CONSTANT timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    day_to   CONSTANT timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
    -- What a node whose clock is hours off told on the day is its own all the same.
    margin   CONSTANT interval := peerscope.clock_margin(of_day);
BEGIN
    -- Our own: the other end of a link inside the fleet, and what a node told of without having been told before.
    INSERT INTO peerscope.public_own_address (addr, found_day)
    SELECT DISTINCT host, of_day
      FROM (SELECT (peerscope.peer_address(s.addr)).host
              FROM peerscope.fleet_link l JOIN peerscope.peer_session s USING (node_id, run_id, peer_id)
            UNION ALL
            SELECT e.addr
              FROM (SELECT node_id, network, addr, port, min(ts) AS ts
                      FROM peerscope.addr_entry
                     WHERE NOT inbound AND ts >= day_from - margin AND ts < day_to + margin
                     GROUP BY node_id, network, addr, port) e
             WHERE NOT EXISTS (SELECT FROM peerscope.addr_sighting g
                                WHERE g.node_id = e.node_id AND g.network = e.network AND g.addr = e.addr
                                  AND g.port = e.port AND g.first_seen <= e.ts)) own
     WHERE host IS NOT NULL
     ORDER BY host
    ON CONFLICT (addr) DO NOTHING;

    DELETE FROM peerscope.public_addr_hour WHERE day = of_day;
    INSERT INTO peerscope.public_addr_hour (day, network, addr, port_8333, hour, novel, nodes)
    SELECT e.day, e.network, e.addr, e.port = 8333, date_trunc('hour', e.episode_at, 'UTC'), bool_or(e.novel), max(a.nodes)
      FROM peerscope.addr_episode e
      JOIN (SELECT day, network, addr, port, count(*)::int AS nodes
              FROM peerscope.addr_arrival WHERE day = of_day GROUP BY day, network, addr, port) a
        ON a.day = e.day AND a.network = e.network AND a.addr = e.addr AND a.port = e.port
     WHERE e.day = of_day
       AND NOT EXISTS (SELECT FROM peerscope.public_own_address o WHERE o.addr = e.addr)
     GROUP BY 1, 2, 3, 4, 5;

    DROP TABLE IF EXISTS pg_temp.met;
    CREATE TEMP TABLE met ON COMMIT DROP AS
    SELECT s.node_id, s.network, a.host, a.port = 8333 AS port_8333,
           CASE WHEN s.inbound THEN 'inbound' ELSE 'outbound' END AS direction,
           s.opened_at, CASE WHEN s.closed_at < day_to THEN s.closed_at END AS closed_at,
           coalesce(s.handshaked_at < day_to, false) AS handshaked, s.evicted AND coalesce(s.closed_at < day_to, false) AS evicted,
           CASE WHEN s.handshaked_at < day_to THEN s.user_agent END AS user_agent
      FROM peerscope.peer_session s
     CROSS JOIN LATERAL peerscope.peer_address(s.addr) AS a
     WHERE s.opened_at >= day_from AND s.opened_at < day_to
       AND s.conn_type IS DISTINCT FROM 'private-broadcast' AND s.network IS NOT NULL AND s.inbound IS NOT NULL
       -- A name that an operator typed is no peer's address.
       AND a.host IS NOT NULL
       AND NOT EXISTS (SELECT FROM peerscope.public_own_address o WHERE o.addr = a.host);
    ANALYZE met;

    DELETE FROM peerscope.public_session WHERE day = of_day;
    INSERT INTO peerscope.public_session (day, node_id, network, addr, port_8333, direction, opened_hour, closed_hour, handshaked,
                                          evicted, user_agent)
    SELECT of_day, node_id, network, host, port_8333, direction, date_trunc('hour', opened_at, 'UTC'),
           date_trunc('hour', closed_at, 'UTC'), handshaked, evicted, c.user_agent
      FROM met m
      LEFT JOIN (SELECT user_agent FROM met WHERE user_agent IS NOT NULL
                  GROUP BY user_agent HAVING count(DISTINCT host) >= 5) c USING (user_agent)
     -- In the order of their hash there is nothing left of the order in which they came.
     ORDER BY 7, sha256(convert_to(host, 'UTF8'));

    DELETE FROM peerscope.public_peer_day WHERE day = of_day;
    INSERT INTO peerscope.public_peer_day (day, network, direction, user_agent, peers, sessions)
    WITH agent AS (
        SELECT network, direction, user_agent FROM met WHERE handshaked AND user_agent IS NOT NULL
         GROUP BY network, direction, user_agent HAVING count(DISTINCT host) >= 5
    )
    SELECT of_day, m.network, m.direction, coalesce(a.user_agent, 'other'), count(DISTINCT m.host), count(*)
      FROM met m LEFT JOIN agent a USING (network, direction, user_agent)
     WHERE m.handshaked
     GROUP BY m.network, m.direction, coalesce(a.user_agent, 'other')
    HAVING count(DISTINCT m.host) >= 5;

    DELETE FROM peerscope.public_connection_day WHERE day = of_day;
    INSERT INTO peerscope.public_connection_day (day, node_id, network, direction, peers, sessions, handshaked)
    SELECT of_day, node_id, network, direction, count(DISTINCT host), count(*), count(*) FILTER (WHERE handshaked)
      FROM met GROUP BY node_id, network, direction
    HAVING count(DISTINCT host) >= 5;
END
$$;
COMMENT ON FUNCTION peerscope.publish_peers(date) IS
    'Replaces what public_addr_hour, public_session, public_peer_day and public_connection_day have of a day, and adds to public_own_address.';

CREATE OR REPLACE FUNCTION peerscope.publish(of_day date) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM peerscope.publish_peers(of_day);
    PERFORM peerscope.publish_transactions(of_day);
    INSERT INTO peerscope.public_day AS p (day, published_at) VALUES (of_day, clock_timestamp())
    ON CONFLICT (day) DO UPDATE SET published_at = excluded.published_at;
END
$$;
COMMENT ON FUNCTION peerscope.publish(date) IS
    'Publishes a day: decides what of it may be shared, and stores that. Public views show it from the second day after it on. maintain() calls it for days_to_publish().';
