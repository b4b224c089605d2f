-- How an address travels through the fleet: episodes of gossip, and when each reached each node.

-- A day has at most one beginning of an address, and since a beginning takes 24 h of silence, all gossip about an
-- address on one day belongs to one episode: to the one that begins on it, or to the last one before. So a day is
-- computed from its own gossip and that of the day before, whatever the episode's length: it sets what nodes heard on
-- this day, in rows that may be of earlier ones.
--
-- Later rows may still change where an episode begins: those of a node that was late, or a clock that is known better.
-- Then what comes after belongs elsewhere, and the addresses concerned are computed anew from this day on to the end.
CREATE OR REPLACE FUNCTION peerscope.digest_addresses_propagation(of_day date) RETURNS void
    LANGUAGE plpgsql
    SET search_path = peerscope, pg_catalog, pg_temp
    SET client_min_messages = warning SET jit = off SET work_mem = '64MB'
    AS $$
#variable_conflict use_column
DECLARE
    silence_ns CONSTANT bigint := 86400000000000;
    day_at     CONSTANT timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    start_ns   CONSTANT bigint := unix_us(day_at) * 1000;
    end_ns     CONSTANT bigint := start_ns + 86400000000000;
    margin     CONSTANT interval := clock_margin(of_day);
    -- Days after this one have been computed without it, or with another idea of it.
    is_belated CONSTANT bool := EXISTS (SELECT FROM digest_state
                                         WHERE part = 'addresses_propagation' AND day > of_day);
    part_day   date;
BEGIN
    -- Every step is a table of its own with statistics, or an index serves it: the planner takes the columns of an
    -- address for independent, finds hardly a row where there are many, and would compare each with each.
    DROP TABLE IF EXISTS pg_temp.gossip_heard, pg_temp.gossip_key, pg_temp.gossip_stored, pg_temp.gossip_node,
                         pg_temp.gossip_moved, pg_temp.gossip_part, pg_temp.gossip_touched, pg_temp.gossip_episode;

    -- Gossip of the day and of the day before, each announcement at each node.
    CREATE TEMP TABLE gossip_heard ON COMMIT DROP AS
    SELECT h.* FROM (
        SELECT a.network, a.addr, a.port, a.node_id, a.announced_at,
               unix_us(a.first_seen) * 1000 + coalesce(c.corr_ns, 0) AS t_ns,
               unix_us(coalesce(a.last_seen, a.first_seen)) * 1000 + coalesce(c.corr_ns, 0) AS last_ns,
               CASE WHEN c.corr_ns IS NOT NULL THEN c.eps_ns END AS eps_ns,
               c.reference, c.ref_maxerror_ns, a.first_peer AS from_peer, a.freshness_s, a.copies
          FROM addr_announcement a
          LEFT JOIN clock_segment c ON c.node_id = a.node_id AND c.clk = a.clk
         WHERE a.class = 'gossip'
           AND a.first_seen >= day_at - interval '1 day' - margin AND a.first_seen < day_at + interval '1 day' + margin
        ) h
     WHERE h.t_ns < end_ns;
    ANALYZE gossip_heard;

    -- Addresses: their first gossip on the day, the last before it, and what is stored of them.
    CREATE TEMP TABLE gossip_key ON COMMIT DROP AS
    WITH heard AS (
        SELECT network, addr, port, min(t_ns) FILTER (WHERE t_ns >= start_ns) AS first_ns,
               max(last_ns) FILTER (WHERE t_ns < start_ns) AS before_ns
          FROM gossip_heard GROUP BY network, addr, port
    )
    SELECT k.network, k.addr, k.port, k.first_ns,
           k.first_ns IS NOT NULL AND (k.before_ns IS NULL OR k.first_ns > k.before_ns + silence_ns) AS begins,
           max(e.day) FILTER (WHERE e.day < of_day) AS before_day,
           coalesce(bool_or(e.day = of_day), false) AS began, max(e.until_day) AS until_day
      FROM heard k
      LEFT JOIN addr_episode e ON e.addr = k.addr AND e.port = k.port AND e.network = k.network AND e.day <= of_day
     GROUP BY k.network, k.addr, k.port, k.first_ns, k.before_ns;
    CREATE INDEX ON gossip_key (addr, port, network);
    ANALYZE gossip_key;
    -- The silence may have been broken by copies of an announcement from long before, if that was dated far ahead.
    UPDATE gossip_key k SET begins = false
      FROM addr_announcement a
      LEFT JOIN clock_segment c ON c.node_id = a.node_id AND c.clk = a.clk
     WHERE k.begins AND a.addr = k.addr AND a.port = k.port AND a.network = k.network
       AND a.class = 'gossip' AND a.freshness_s < -3000 AND a.first_seen < day_at - interval '1 day' - margin
       AND unix_us(a.last_seen) * 1000 + coalesce(c.corr_ns, 0) >= k.first_ns - silence_ns;

    -- Nodes that had heard of an address on this day, as far as that is stored, but now it was the day before or after.
    CREATE TEMP TABLE gossip_stored ON COMMIT DROP AS
    SELECT r.network, r.addr, r.port, r.node_id, k.before_day
      FROM gossip_key k
      JOIN addr_arrival r ON r.addr = k.addr AND r.port = k.port AND r.network = k.network
       AND r.day = CASE WHEN k.begins THEN of_day ELSE k.before_day END
     WHERE k.first_ns IS NOT NULL AND r.copies_by_day[of_day - r.day + 1] IS NOT NULL;
    ANALYZE gossip_stored;
    CREATE TEMP TABLE gossip_node ON COMMIT DROP AS
    SELECT DISTINCT network, addr, port, node_id FROM gossip_heard WHERE t_ns >= start_ns;
    ANALYZE gossip_node;

    -- Addresses of which something stored from this day on belongs elsewhere now.
    CREATE TEMP TABLE gossip_moved ON COMMIT DROP AS
    SELECT network, addr, port, before_day FROM gossip_key
     WHERE CASE WHEN first_ns IS NULL THEN until_day >= of_day
                WHEN begins THEN NOT began AND (until_day >= of_day OR is_belated)
                ELSE began END
    UNION
    SELECT e.network, e.addr, e.port, NULL FROM addr_episode e
     WHERE e.day = of_day
       AND NOT EXISTS (SELECT FROM gossip_key k WHERE k.addr = e.addr AND k.port = e.port AND k.network = e.network)
    UNION
    SELECT s.network, s.addr, s.port, s.before_day FROM gossip_stored s
     WHERE NOT EXISTS (SELECT FROM gossip_node h
                        WHERE h.addr = s.addr AND h.port = s.port AND h.network = s.network
                          AND h.node_id = s.node_id);
    ANALYZE gossip_moved;
    UPDATE gossip_moved m SET before_day = s.before_day
      FROM (SELECT e.network, e.addr, e.port, max(e.day) AS before_day
              FROM gossip_moved g JOIN addr_episode e USING (network, addr, port)
             WHERE g.before_day IS NULL AND e.day < of_day GROUP BY e.network, e.addr, e.port) s
     WHERE m.before_day IS NULL AND (s.network, s.addr, s.port) = (m.network, m.addr, m.port);

    -- Each node's share in an episode on a day: its first copy, and how many.
    CREATE TEMP TABLE gossip_part (
        network text, addr text, port int, node_id int, day date, on_day date, t_ns bigint, eps_ns bigint,
        reference uuid, ref_maxerror_ns bigint, from_peer bigint, freshness_s float8, copies int
    ) ON COMMIT DROP;
    INSERT INTO gossip_part
    SELECT DISTINCT ON (h.network, h.addr, h.port, h.node_id)
           h.network, h.addr, h.port, h.node_id, CASE WHEN k.begins THEN of_day ELSE k.before_day END, of_day,
           h.t_ns, h.eps_ns, h.reference, h.ref_maxerror_ns, h.from_peer, h.freshness_s,
           sum(h.copies) OVER (PARTITION BY h.network, h.addr, h.port, h.node_id)
      FROM gossip_heard h
      JOIN gossip_key k USING (network, addr, port)
     WHERE h.t_ns >= start_ns AND (k.begins OR k.before_day IS NOT NULL)
       AND NOT EXISTS (SELECT FROM gossip_moved m WHERE m.addr = h.addr AND m.port = h.port AND m.network = h.network)
     ORDER BY h.network, h.addr, h.port, h.node_id, h.t_ns, h.announced_at;

    CREATE TEMP TABLE gossip_touched (network text, addr text, port int, day date) ON COMMIT DROP;
    IF EXISTS (SELECT FROM gossip_moved) THEN
        INSERT INTO gossip_heard
        SELECT h.* FROM (
            SELECT a.network, a.addr, a.port, a.node_id, a.announced_at,
                   unix_us(a.first_seen) * 1000 + coalesce(c.corr_ns, 0) AS t_ns,
                   unix_us(coalesce(a.last_seen, a.first_seen)) * 1000 + coalesce(c.corr_ns, 0),
                   CASE WHEN c.corr_ns IS NOT NULL THEN c.eps_ns END,
                   c.reference, c.ref_maxerror_ns, a.first_peer, a.freshness_s, a.copies
              FROM gossip_moved m
              JOIN addr_announcement a USING (network, addr, port)
              LEFT JOIN clock_segment c ON c.node_id = a.node_id AND c.clk = a.clk
             WHERE a.class = 'gossip' AND a.first_seen >= day_at - margin
            ) h
         WHERE h.t_ns >= end_ns;
        INSERT INTO gossip_part
        WITH heard AS (
            SELECT h.*, m.before_day, max(h.last_ns) OVER (PARTITION BY h.network, h.addr, h.port
                            ORDER BY h.t_ns, h.node_id, h.announced_at
                            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_ns
              FROM gossip_heard h JOIN gossip_moved m USING (network, addr, port)
        ),
        numbered AS (
            SELECT h.*, max(h.t_ns) FILTER (WHERE h.t_ns >= start_ns
                                AND (h.before_ns IS NULL OR h.t_ns > h.before_ns + silence_ns)
                                AND (k.begins OR h.t_ns IS DISTINCT FROM k.first_ns))
                            OVER (PARTITION BY h.network, h.addr, h.port
                                  ORDER BY h.t_ns, h.node_id, h.announced_at) AS began_ns
              FROM heard h LEFT JOIN gossip_key k USING (network, addr, port)
        ),
        placed AS (
            SELECT *, coalesce(date '1970-01-01' + (began_ns / silence_ns)::int, before_day) AS day,
                   date '1970-01-01' + (t_ns / silence_ns)::int AS on_day
              FROM numbered WHERE t_ns >= start_ns
        )
        SELECT DISTINCT ON (network, addr, port, node_id, day, on_day)
               network, addr, port, node_id, day, on_day, t_ns, eps_ns, reference, ref_maxerror_ns, from_peer,
               freshness_s, sum(copies) OVER (PARTITION BY network, addr, port, node_id, day, on_day)
          FROM placed WHERE day IS NOT NULL
         ORDER BY network, addr, port, node_id, day, on_day, t_ns, announced_at;

        -- Take back what was stored of them from this day on.
        DELETE FROM addr_episode e USING gossip_moved m
         WHERE e.addr = m.addr AND e.port = m.port AND e.network = m.network AND e.day >= of_day;
        DELETE FROM addr_arrival r USING gossip_moved m
         WHERE r.addr = m.addr AND r.port = m.port AND r.network = m.network
           AND (r.day >= of_day OR r.t_ns >= start_ns);
        UPDATE addr_arrival r
           SET copies_by_day = r.copies_by_day[1 : of_day - r.day],
               copies = (SELECT coalesce(sum(n), 0) FROM unnest(r.copies_by_day[1 : of_day - r.day]) n)
          FROM gossip_moved m
         WHERE r.addr = m.addr AND r.port = m.port AND r.network = m.network
           AND cardinality(r.copies_by_day) > of_day - r.day;
        UPDATE addr_episode e SET until_day = l.until_day
          FROM (SELECT r.network, r.addr, r.port, r.day, max(r.day + cardinality(r.copies_by_day) - 1) AS until_day
                  FROM addr_arrival r
                  JOIN gossip_moved m ON r.addr = m.addr AND r.port = m.port AND r.network = m.network
                   AND r.day = m.before_day
                 GROUP BY r.network, r.addr, r.port, r.day) l
         WHERE e.addr = l.addr AND e.port = l.port AND e.network = l.network AND e.day = l.day
           AND e.until_day <> l.until_day;
        INSERT INTO gossip_touched
        SELECT network, addr, port, before_day FROM gossip_moved WHERE before_day IS NOT NULL;
    END IF;
    ANALYZE gossip_part;

    -- Day by day, since one row takes up several: of an address that was not moved there is this day only.
    FOR part_day IN SELECT DISTINCT on_day FROM gossip_part ORDER BY 1 LOOP
        INSERT INTO addr_episode AS e (network, addr, port, day, episode_at, until_day)
        SELECT p.network, p.addr, p.port, p.day, at_us(min(p.t_ns) / 1000), part_day
          FROM gossip_part p
         WHERE p.on_day = part_day AND p.day = part_day
           AND NOT EXISTS (SELECT FROM addr_episode o
                            WHERE o.addr = p.addr AND o.port = p.port AND o.network = p.network AND o.day = p.day)
         GROUP BY p.network, p.addr, p.port, p.day;
        UPDATE addr_episode e SET until_day = part_day
          FROM gossip_part p
         WHERE p.on_day = part_day AND e.addr = p.addr AND e.port = p.port AND e.network = p.network
           AND e.day = p.day AND e.until_day < part_day;

        -- A first copy that came on this day or later gives way; what came before stays the first.
        WITH changed AS (
            UPDATE addr_arrival r
               SET copies = r.copies - coalesce(r.copies_by_day[part_day - r.day + 1], 0) + p.copies,
                   copies_by_day[part_day - r.day + 1] = p.copies,
                   t_ns = CASE WHEN r.t_ns >= part.start_ns THEN p.t_ns ELSE r.t_ns END,
                   eps_ns = CASE WHEN r.t_ns >= part.start_ns THEN p.eps_ns ELSE r.eps_ns END,
                   reference = CASE WHEN r.t_ns >= part.start_ns THEN p.reference ELSE r.reference END,
                   ref_maxerror_ns = CASE WHEN r.t_ns >= part.start_ns THEN p.ref_maxerror_ns
                                          ELSE r.ref_maxerror_ns END,
                   from_peer = CASE WHEN r.t_ns >= part.start_ns THEN p.from_peer ELSE r.from_peer END,
                   freshness_s = CASE WHEN r.t_ns >= part.start_ns THEN p.freshness_s ELSE r.freshness_s END
              FROM gossip_part p
             CROSS JOIN (SELECT (part_day - date '1970-01-01') * silence_ns AS start_ns) part
             WHERE p.on_day = part_day AND r.addr = p.addr AND r.port = p.port AND r.network = p.network
               AND r.day = p.day AND r.node_id = p.node_id
               AND (r.copies_by_day[part_day - r.day + 1] IS DISTINCT FROM p.copies
                    OR r.t_ns >= part.start_ns
                       AND (r.t_ns, r.eps_ns, r.reference, r.ref_maxerror_ns, r.from_peer, r.freshness_s)
                           IS DISTINCT FROM
                           (p.t_ns, p.eps_ns, p.reference, p.ref_maxerror_ns, p.from_peer, p.freshness_s))
            RETURNING r.network, r.addr, r.port, r.day, r.t_ns >= part.start_ns AS is_first
        )
        INSERT INTO gossip_touched SELECT network, addr, port, day FROM changed WHERE is_first;
        WITH added AS (
            INSERT INTO addr_arrival (network, addr, port, day, node_id, t_ns, eps_ns, reference, ref_maxerror_ns,
                                      from_peer, freshness_s, copies, copies_by_day, episode_at, first_seen)
            SELECT p.network, p.addr, p.port, p.day, p.node_id, p.t_ns, p.eps_ns, p.reference, p.ref_maxerror_ns,
                   p.from_peer, p.freshness_s, p.copies,
                   array_fill(NULL::int, ARRAY[part_day - p.day]) || p.copies, e.episode_at, at_us(p.t_ns / 1000)
              FROM gossip_part p
              JOIN addr_episode e ON e.addr = p.addr AND e.port = p.port AND e.network = p.network AND e.day = p.day
             WHERE p.on_day = part_day
               AND NOT EXISTS (SELECT FROM addr_arrival r
                                WHERE r.addr = p.addr AND r.port = p.port AND r.network = p.network
                                  AND r.day = p.day AND r.node_id = p.node_id)
             -- Rows of one time together: that is how they are asked for.
             ORDER BY p.t_ns
            RETURNING network, addr, port, day
        )
        INSERT INTO gossip_touched SELECT network, addr, port, day FROM added;
    END LOOP;

    -- Whether an address is new may change as long as its day does.
    INSERT INTO gossip_touched SELECT network, addr, port, day FROM addr_episode WHERE day = of_day;
    ANALYZE gossip_touched;
    CREATE TEMP TABLE gossip_episode ON COMMIT DROP AS
    SELECT r.network, r.addr, r.port, r.day, min(r.t_ns) AS episode_ns, false AS novel,
           min(r.reference::text) IS DISTINCT FROM max(r.reference::text) AS references_differ
      FROM (SELECT DISTINCT network, addr, port, day FROM gossip_touched) t
      JOIN addr_arrival r ON r.addr = t.addr AND r.port = t.port AND r.network = t.network AND r.day = t.day
     GROUP BY r.network, r.addr, r.port, r.day;
    ANALYZE gossip_episode;
    -- New is what nobody was told before, in whatever class. A sighting is corrected by the announcement that made it;
    -- where retention took that, it is older than anything here.
    UPDATE gossip_episode e SET novel = true
     WHERE NOT EXISTS (
        SELECT FROM addr_sighting s
          LEFT JOIN addr_announcement a ON a.addr = s.addr AND a.port = s.port AND a.network = s.network
           AND a.first_seen = s.first_seen AND a.node_id = s.node_id
          LEFT JOIN clock_segment c ON c.node_id = a.node_id AND c.clk = a.clk
         WHERE s.addr = e.addr AND s.port = e.port AND s.network = e.network
           AND unix_us(s.first_seen) * 1000 + coalesce(c.corr_ns, 0) < e.episode_ns);

    UPDATE addr_episode o SET episode_at = at_us(e.episode_ns / 1000), novel = e.novel
      FROM gossip_episode e
     WHERE o.addr = e.addr AND o.port = e.port AND o.network = e.network AND o.day = e.day
       AND (o.episode_at, o.novel) IS DISTINCT FROM (at_us(e.episode_ns / 1000), e.novel);
    WITH known AS (
        SELECT r.network, r.addr, r.port, r.day, r.node_id, e.episode_ns, e.novel, r.t_ns,
               r.eps_ns + CASE WHEN e.references_differ THEN r.ref_maxerror_ns ELSE 0 END AS error_ns
          FROM gossip_episode e
          JOIN addr_arrival r ON r.addr = e.addr AND r.port = e.port AND r.network = e.network AND r.day = e.day
    ),
    compared AS (
        -- Only times with a known error are compared.
        SELECT *, min(t_ns) FILTER (WHERE error_ns IS NOT NULL) OVER e AS first_ns,
               min(t_ns - error_ns) OVER e AS first_lo_ns, min(t_ns + error_ns) OVER e AS first_hi_ns
          FROM known WINDOW e AS (PARTITION BY network, addr, port, day)
    ),
    told AS (
        SELECT *, at_us(episode_ns / 1000) AS episode_at, at_us(t_ns / 1000) AS first_seen,
               CASE WHEN error_ns IS NOT NULL THEN (t_ns - first_ns) / 1e9::float8 END AS delay_s,
               (error_ns + greatest(first_ns - first_lo_ns, first_hi_ns - first_ns)) / 1e9::float8 AS error_s
          FROM compared
    )
    UPDATE addr_arrival r
       SET episode_at = t.episode_at, first_seen = t.first_seen, novel = t.novel, delay_s = t.delay_s,
           error_s = t.error_s
      FROM told t
     WHERE r.addr = t.addr AND r.port = t.port AND r.network = t.network AND r.day = t.day AND r.node_id = t.node_id
       AND (r.episode_at, r.first_seen, r.novel, r.delay_s, r.error_s)
           IS DISTINCT FROM (t.episode_at, t.first_seen, t.novel, t.delay_s, t.error_s);

    -- What came up on this day is not new on a later one.
    IF is_belated THEN
        WITH old AS (
            UPDATE addr_episode e SET novel = false
              FROM addr_sighting s
              LEFT JOIN addr_announcement a ON a.addr = s.addr AND a.port = s.port AND a.network = s.network
               AND a.first_seen = s.first_seen AND a.node_id = s.node_id
              LEFT JOIN clock_segment c ON c.node_id = a.node_id AND c.clk = a.clk
             WHERE s.first_seen >= day_at AND s.first_seen < day_at + interval '1 day'
               AND e.addr = s.addr AND e.port = s.port AND e.network = s.network AND e.day > of_day AND e.novel
               AND unix_us(s.first_seen) * 1000 + coalesce(c.corr_ns, 0) < unix_us(e.episode_at) * 1000
            RETURNING e.network, e.addr, e.port, e.day
        )
        UPDATE addr_arrival r SET novel = false
          FROM old o
         WHERE r.addr = o.addr AND r.port = o.port AND r.network = o.network AND r.day = o.day;
    END IF;
END
$$;
COMMENT ON FUNCTION peerscope.digest_addresses_propagation(date) IS
    'The part of the digest that finds the episodes of gossip which begin on a day, and what nodes heard on it of those that go on.';

DROP VIEW IF EXISTS peerscope.addr_propagation CASCADE;
CREATE VIEW peerscope.addr_propagation AS
SELECT a.network, a.addr, a.port,
       a.episode_at,
       a.novel,
       n.name AS node,
       a.first_seen,
       a.delay_s,
       a.error_s,
       a.freshness_s,
       a.from_peer,
       a.copies
  FROM peerscope.addr_arrival a
  JOIN peerscope.node n ON n.node_id = a.node_id;

COMMENT ON VIEW peerscope.addr_propagation IS
    'When gossip about an address reached each node. An episode begins with the first gossip after 24 h of silence in the fleet: peers remember for so long what they told each other.';
COMMENT ON COLUMN peerscope.addr_propagation.network IS 'Network.';
COMMENT ON COLUMN peerscope.addr_propagation.addr IS 'The address.';
COMMENT ON COLUMN peerscope.addr_propagation.port IS 'Port.';
COMMENT ON COLUMN peerscope.addr_propagation.episode_at IS 'Corrected time of the first copy at any node.';
COMMENT ON COLUMN peerscope.addr_propagation.novel IS 'Whether no node had ever seen the address before, in any class.';
COMMENT ON COLUMN peerscope.addr_propagation.node IS 'The node.';
COMMENT ON COLUMN peerscope.addr_propagation.first_seen IS 'Corrected time of the node''s first copy.';
COMMENT ON COLUMN peerscope.addr_propagation.delay_s IS 'Behind the first node, in seconds; NULL when the clock''s error is unknown.';
COMMENT ON COLUMN peerscope.addr_propagation.error_s IS 'The true delay differs from delay_s by no more, in seconds.';
COMMENT ON COLUMN peerscope.addr_propagation.freshness_s IS 'First copy minus nTime, on the node''s own clock; negative when dated ahead.';
COMMENT ON COLUMN peerscope.addr_propagation.from_peer IS 'Peer of the first copy.';
COMMENT ON COLUMN peerscope.addr_propagation.copies IS 'Copies the node received in the episode, however long that is.';
