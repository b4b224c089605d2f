-- Which share of the nodes that could hear of an address did so, and how fast.

CREATE OR REPLACE FUNCTION peerscope.count_addr_coverage(of_day date) RETURNS void
    LANGUAGE plpgsql
    SET search_path = peerscope, pg_catalog, pg_temp
    SET client_min_messages = warning SET jit = off SET work_mem = '64MB'
    AS $$
#variable_conflict use_column
BEGIN
    DROP TABLE IF EXISTS pg_temp.begun, pg_temp.arrived;
    CREATE TEMP TABLE begun ON COMMIT DROP AS
    SELECT network, addr, port, novel, episode_at FROM addr_episode WHERE day = of_day;
    ANALYZE begun;
    CREATE TEMP TABLE arrived ON COMMIT DROP AS
    SELECT network, addr, port, node_id, delay_s FROM addr_arrival WHERE day = of_day;
    ANALYZE arrived;

    DELETE FROM addr_coverage_day WHERE day = of_day;
    INSERT INTO addr_coverage_day (day, network, novel, delta_s, reached, eligible)
    WITH pair AS (
        -- A node that could hear of the episode when it began: for how long, and after how long it did.
        SELECT e.network, e.novel, extract(epoch FROM s.covered_to - e.episode_at) AS covered_s, r.delay_s
          FROM begun e
          JOIN coverage_span s ON s.day = of_day AND s.tracepoint = 'net:inbound_message' AND NOT s.downloading
           AND s.covered_from <= e.episode_at AND s.covered_to >= e.episode_at
          LEFT JOIN arrived r ON r.addr = e.addr AND r.port = e.port AND r.network = e.network
           AND r.node_id = s.node_id
    ),
    counted AS (
        SELECT network, novel,
               ARRAY[count(*) FILTER (WHERE covered_s >= 30), count(*) FILTER (WHERE covered_s >= 60),
                     count(*) FILTER (WHERE covered_s >= 120), count(*) FILTER (WHERE covered_s >= 300),
                     count(*) FILTER (WHERE covered_s >= 600), count(*) FILTER (WHERE covered_s >= 1200)] AS eligible,
               ARRAY[count(*) FILTER (WHERE covered_s >= 30 AND delay_s <= 30),
                     count(*) FILTER (WHERE covered_s >= 60 AND delay_s <= 60),
                     count(*) FILTER (WHERE covered_s >= 120 AND delay_s <= 120),
                     count(*) FILTER (WHERE covered_s >= 300 AND delay_s <= 300),
                     count(*) FILTER (WHERE covered_s >= 600 AND delay_s <= 600),
                     count(*) FILTER (WHERE covered_s >= 1200 AND delay_s <= 1200)] AS reached
          FROM pair GROUP BY network, novel
    )
    SELECT of_day, e.network, e.novel, d.delta_s, coalesce(c.reached[d.i], 0), coalesce(c.eligible[d.i], 0)
      FROM (SELECT DISTINCT network, novel FROM begun) e
      LEFT JOIN counted c USING (network, novel)
     CROSS JOIN (VALUES (1, 30), (2, 60), (3, 120), (4, 300), (5, 600), (6, 1200)) AS d (i, delta_s);
END
$$;
COMMENT ON FUNCTION peerscope.count_addr_coverage(date) IS
    'Counts which nodes the episodes of a day had reached, and which they could have.';

-- What began before midnight may have reached a node after it: of that the day before could not know.
CREATE OR REPLACE FUNCTION peerscope.digest_addresses_coverage(of_day date) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM peerscope.count_addr_coverage(of_day - 1);
    PERFORM peerscope.count_addr_coverage(of_day);
END
$$;
COMMENT ON FUNCTION peerscope.digest_addresses_coverage(date) IS
    'The part of the digest that counts which share of the nodes the episodes of a day and of the day before reached.';

DROP VIEW IF EXISTS peerscope.addr_coverage_curve CASCADE;
CREATE VIEW peerscope.addr_coverage_curve AS
SELECT day, network, novel, delta_s, reached, eligible,
       reached / nullif(eligible, 0)::float8 AS coverage
  FROM peerscope.addr_coverage_day;

COMMENT ON VIEW peerscope.addr_coverage_curve IS
    'Share of eligible nodes that gossip about an address had reached after delta_s, over all episodes of a day. Eligible is a node captured without gap from the episode''s start for delta_s and not in initial download.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.day IS 'Day of the episodes'' start, UTC.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.network IS 'Network.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.novel IS 'Addresses never seen before, or others.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.delta_s IS 'Seconds since the episode''s start.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.reached IS 'Pairs of episode and eligible node reached by then.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.eligible IS 'Pairs of episode and eligible node.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.coverage IS 'reached / eligible; NULL when no node was eligible.';
