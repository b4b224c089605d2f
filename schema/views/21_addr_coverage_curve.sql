-- Which share of the nodes that could hear of an address did so, and how fast.

DROP VIEW IF EXISTS peerscope.addr_coverage_curve CASCADE;
CREATE VIEW peerscope.addr_coverage_curve AS
WITH
-- An episode in one row, with the nodes it reached beside their delays: what follows needs no second look at them.
episodes AS (
    SELECT network, addr, port, episode_at, novel,
           array_agg(node) AS nodes, array_agg(delay_s) AS delays
      FROM peerscope.addr_propagation
     GROUP BY network, addr, port, episode_at, novel
),
pairs AS (
    SELECT (e.episode_at AT TIME ZONE 'UTC')::date AS day, e.network, e.novel, d.delta_s,
           v.captured @> tstzrange(e.episode_at, e.episode_at + d.delta_s * interval '1 second', '[]')
               AND v.synced @> e.episode_at AS is_eligible,
           e.delays[array_position(e.nodes, n.name)] <= d.delta_s AS is_reached
      FROM episodes e
     CROSS JOIN (VALUES (30), (60), (120), (300), (600), (1200)) AS d (delta_s)
     CROSS JOIN peerscope.node_coverage v
      JOIN peerscope.node n ON n.node_id = v.node_id
),
counted AS (
    SELECT day, network, novel, delta_s,
           count(*) FILTER (WHERE is_eligible AND is_reached) AS reached,
           count(*) FILTER (WHERE is_eligible) AS eligible
      FROM pairs
     GROUP BY day, network, novel, delta_s
)
SELECT day, network, novel, delta_s, reached, eligible,
       reached / nullif(eligible, 0)::float8 AS coverage
  FROM counted;

COMMENT ON VIEW peerscope.addr_coverage_curve IS
    'Share of eligible nodes that gossip about an address had reached after delta_s, over all episodes of a day. Eligible is a node captured without gap from the episode''s start for delta_s and not in initial download.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.day IS 'Day of the episodes'' start, UTC.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.network IS 'Network.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.novel IS 'Addresses never seen before, or others.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.delta_s IS 'Seconds since the episode''s start.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.reached IS 'Pairs of episode and eligible node reached by then.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.eligible IS 'Pairs of episode and eligible node.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.coverage IS 'reached / eligible; NULL when no node was eligible.';
