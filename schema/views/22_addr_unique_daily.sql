-- How many addresses there are: distinct ones by day, network and class.

-- Written for millions of rows: each address of a node is brought to one row with the set of its classes, so that
-- every count that follows reads it once.
CREATE OR REPLACE FUNCTION peerscope.digest_addresses_unique(of_day date) RETURNS void
    LANGUAGE plpgsql
    SET search_path = peerscope, pg_catalog, pg_temp
    SET client_min_messages = warning SET jit = off SET work_mem = '64MB'
    AS $$
#variable_conflict use_column
DECLARE
    day_at CONSTANT timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    day_to CONSTANT timestamptz := day_at + interval '1 day';
BEGIN
    DROP TABLE IF EXISTS pg_temp.told_node, pg_temp.told_first, pg_temp.told_fleet;
    CREATE TEMP TABLE told_node ON COMMIT DROP AS
    SELECT node_id, network, addr, port,
           bit_or(CASE class WHEN 'getaddr_response' THEN 1 WHEN 'self' THEN 2 WHEN 'bulk' THEN 4
                             WHEN 'gossip' THEN 8 WHEN 'stale' THEN 16 ELSE 0 END) AS classes
      FROM addr_day
     WHERE ts >= day_at AND ts < day_to
     GROUP BY node_id, network, addr, port;
    ANALYZE told_node;
    -- The fleet's addresses, and whether one, or its IP, was told to a node for the first time.
    CREATE TEMP TABLE told_first ON COMMIT DROP AS
    SELECT s.network, s.addr, s.port,
           NOT EXISTS (SELECT FROM addr_sighting o
                        WHERE o.addr = s.addr AND o.network = s.network AND o.first_seen < day_at) AS new_ip
      FROM (SELECT DISTINCT network, addr, port FROM addr_sighting
             WHERE first_seen >= day_at AND first_seen < day_to) s
     WHERE NOT EXISTS (SELECT FROM addr_sighting o
                        WHERE o.addr = s.addr AND o.port = s.port AND o.network = s.network
                          AND o.first_seen < day_at);
    ANALYZE told_first;
    CREATE TEMP TABLE told_fleet ON COMMIT DROP AS
    SELECT t.network, t.addr, t.port, t.classes, f.new_ip IS NOT NULL AS new_key, coalesce(f.new_ip, false) AS new_ip
      FROM (SELECT network, addr, port, bit_or(classes) AS classes FROM told_node GROUP BY network, addr, port) t
      LEFT JOIN told_first f USING (network, addr, port);
    ANALYZE told_fleet;

    DELETE FROM addr_unique_day WHERE day = of_day;
    INSERT INTO addr_unique_day (day, network, class, unit, union_count, median_per_node, nodes, new_addrs)
    WITH class (name, bits) AS (
        VALUES ('getaddr_response', 1), ('self', 2), ('bulk', 4), ('gossip', 8), ('stale', 16), ('all', -1)
    ),
    -- Addresses with the same set of classes are counted together; there are at most 31 sets.
    node_set AS (
        SELECT 'ip:port' AS unit, node_id, network, classes, count(*) AS n
          FROM told_node GROUP BY node_id, network, classes
        UNION ALL
        SELECT 'ip', node_id, network, classes, count(*)
          FROM (SELECT node_id, network, addr, bit_or(classes) AS classes
                  FROM told_node GROUP BY node_id, network, addr) ip
         GROUP BY node_id, network, classes
    ),
    fleet_set AS (
        SELECT 'ip:port' AS unit, network, classes, count(*) AS n, count(*) FILTER (WHERE new_key) AS fresh
          FROM told_fleet GROUP BY network, classes
        UNION ALL
        SELECT 'ip', network, classes, count(*), count(*) FILTER (WHERE new_ip)
          FROM (SELECT network, addr, bit_or(classes) AS classes, bool_or(new_ip) AS new_ip
                  FROM told_fleet GROUP BY network, addr) ip
         GROUP BY network, classes
    ),
    per_node AS (
        SELECT s.unit, s.node_id, s.network, c.name AS class, sum(s.n) AS n
          FROM node_set s JOIN class c ON s.classes & c.bits <> 0 OR c.name = 'all'
         GROUP BY s.unit, s.node_id, s.network, c.name
    ),
    nodes AS (
        SELECT unit, network, class, count(*) AS nodes, percentile_cont(0.5) WITHIN GROUP (ORDER BY n) AS median
          FROM per_node GROUP BY unit, network, class
    ),
    fleet AS (
        SELECT s.unit, s.network, c.name AS class, sum(s.n) AS n, sum(s.fresh) AS fresh
          FROM fleet_set s JOIN class c ON s.classes & c.bits <> 0 OR c.name = 'all'
         GROUP BY s.unit, s.network, c.name
    )
    SELECT of_day, f.network, f.class, f.unit, f.n, n.median, n.nodes, f.fresh
      FROM fleet f JOIN nodes n USING (unit, network, class);
END
$$;
COMMENT ON FUNCTION peerscope.digest_addresses_unique(date) IS
    'The part of the digest that counts the distinct addresses of a day.';

DROP VIEW IF EXISTS peerscope.addr_unique_daily CASCADE;
CREATE VIEW peerscope.addr_unique_daily AS
SELECT u.day, u.network, u.class, u.unit, u.union_count, u.median_per_node, u.nodes, u.new_addrs,
       u.union_count / nullif((
           SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY b.union_count)
             FROM peerscope.addr_unique_day b
            WHERE b.day >= u.day - 7 AND b.day < u.day
              AND b.network = u.network AND b.class = u.class AND b.unit = u.unit), 0) AS vs_7d_median
  FROM peerscope.addr_unique_day u;

COMMENT ON VIEW peerscope.addr_unique_daily IS
    'Distinct addresses the fleet was told on a day. Published for comparison: 40 000 a day in 2021, some 6 000 000 in that year''s flood; what a flood pushes beyond Core''s rate limit and the day''s budget is not in here, see addr_flood_candidates.';
COMMENT ON COLUMN peerscope.addr_unique_daily.day IS 'The day, UTC on each node''s own clock.';
COMMENT ON COLUMN peerscope.addr_unique_daily.network IS 'Network.';
COMMENT ON COLUMN peerscope.addr_unique_daily.class IS 'Why a peer sent it: getaddr_response, self, bulk, gossip, stale; or all, in whatever class.';
COMMENT ON COLUMN peerscope.addr_unique_daily.unit IS 'What is counted: ip, or ip:port.';
COMMENT ON COLUMN peerscope.addr_unique_daily.union_count IS 'Distinct addresses at all nodes together.';
COMMENT ON COLUMN peerscope.addr_unique_daily.median_per_node IS 'Median over the nodes that were told any.';
COMMENT ON COLUMN peerscope.addr_unique_daily.nodes IS 'Nodes that were told any.';
COMMENT ON COLUMN peerscope.addr_unique_daily.new_addrs IS 'Those of union_count that no node had been told on an earlier day, in any class.';
COMMENT ON COLUMN peerscope.addr_unique_daily.vs_7d_median IS 'union_count over the median of the seven days before, as far as they have such a row; NULL when none has.';
