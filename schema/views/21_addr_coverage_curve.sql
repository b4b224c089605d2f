-- Which share of the nodes that could hear of an address did so, and how fast.

-- When a node was able to: it was captured without gap, and not in initial download.
DROP VIEW IF EXISTS peerscope.node_coverage CASCADE;
CREATE VIEW peerscope.node_coverage AS
WITH newest AS (
    SELECT node_id, max(last_event_at) AS at FROM peerscope.stream GROUP BY node_id
),
captured AS (
    SELECT i.node_id, range_agg(tstzrange(i.valid_from, coalesce(i.valid_to, n.at), '[]')) AS spans
      FROM peerscope.capture_interval i
      JOIN newest n USING (node_id)
     WHERE i.tracepoint = 'net:inbound_message' AND i.valid_from <= coalesce(i.valid_to, n.at)
     GROUP BY i.node_id
),
-- Header times are by the node's own clock, which a replay or mocktime may have set elsewhere.
offsets AS (
    SELECT node_id, run_id,
           CASE WHEN node_clock_lo_s <= 0 AND node_clock_hi_s >= 0 THEN 0
                ELSE coalesce((node_clock_lo_s + node_clock_hi_s) / 2, 0) END AS offset_s,
           row_number() OVER (PARTITION BY node_id ORDER BY started_at DESC NULLS LAST, run_id) AS age
      FROM peerscope.process_run
),
tips AS (
    SELECT a.node_id, a.s6_ts AS from_ts,
           lead(a.s6_ts) OVER w AS to_ts,
           lag(a.s6_ts) OVER w IS NULL AS is_first,
           max(h.time) OVER w - coalesce(o.offset_s, 0) * interval '1 second' + interval '24 hours' AS fresh_until
      FROM peerscope.block_arrival a
      JOIN peerscope.block_header h ON h.hash = a.hash
      LEFT JOIN offsets o ON o.node_id = a.node_id AND o.age = 1
     WHERE a.s6_ts IS NOT NULL
    WINDOW w AS (PARTITION BY a.node_id ORDER BY a.s6_ts, a.hash)
),
-- Nothing is known of the time before the first block: take it that a node was as it is then.
synced AS (
    SELECT node_id, range_agg(tstzrange(CASE WHEN is_first THEN '-infinity' ELSE from_ts END,
                                        least(to_ts, fresh_until), '[)')) AS spans
      FROM tips WHERE fresh_until > from_ts
     GROUP BY node_id
)
SELECT c.node_id, c.spans AS captured,
       CASE WHEN EXISTS (SELECT FROM tips t WHERE t.node_id = c.node_id)
            THEN coalesce(s.spans, '{}'::tstzmultirange) ELSE '{(,)}'::tstzmultirange END AS synced
  FROM captured c
  LEFT JOIN synced s USING (node_id);

COMMENT ON VIEW peerscope.node_coverage IS
    'When a node could have seen what reached it, on its own clock: what makes it eligible in a comparison.';
COMMENT ON COLUMN peerscope.node_coverage.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.node_coverage.captured IS 'Spans in which net:inbound_message was captured without gap.';
COMMENT ON COLUMN peerscope.node_coverage.synced IS 'Spans in which its best block was younger than 24 h; everything when no block is known.';

DROP VIEW IF EXISTS peerscope.addr_coverage_curve CASCADE;
CREATE VIEW peerscope.addr_coverage_curve AS
WITH delays AS (
    SELECT network, addr, port, episode_at, novel, node, delay_s FROM peerscope.addr_propagation
),
episodes AS (
    SELECT DISTINCT network, addr, port, episode_at, novel FROM delays
),
eligible AS (
    SELECT e.*, n.name AS node, d.delta_s
      FROM episodes e
     CROSS JOIN (VALUES (30), (60), (120), (300), (600), (1200)) AS d (delta_s)
      JOIN peerscope.node_coverage v
        ON v.captured @> tstzrange(e.episode_at, e.episode_at + d.delta_s * interval '1 second', '[]')
       AND v.synced @> e.episode_at
      JOIN peerscope.node n ON n.node_id = v.node_id
),
days AS (
    SELECT DISTINCT (e.episode_at AT TIME ZONE 'UTC')::date AS day, e.network, e.novel, d.delta_s
      FROM episodes e CROSS JOIN (VALUES (30), (60), (120), (300), (600), (1200)) AS d (delta_s)
),
counted AS (
    SELECT (e.episode_at AT TIME ZONE 'UTC')::date AS day, e.network, e.novel, e.delta_s,
           count(*) AS eligible, count(*) FILTER (WHERE d.delay_s <= e.delta_s) AS reached
      FROM eligible e
      LEFT JOIN delays d USING (network, addr, port, episode_at, novel, node)
     GROUP BY 1, 2, 3, 4
)
SELECT day, network, novel, delta_s, coalesce(c.reached, 0) AS reached, coalesce(c.eligible, 0) AS eligible,
       c.reached / c.eligible::float8 AS coverage
  FROM days LEFT JOIN counted c USING (day, network, novel, delta_s);

COMMENT ON VIEW peerscope.addr_coverage_curve IS
    'Share of eligible nodes that gossip about an address had reached after delta_s, over all episodes of a day. Eligible is a node captured without gap from the episode''s start for delta_s and not in initial download.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.day IS 'Day of the episodes'' start, UTC.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.network IS 'Network.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.novel IS 'Addresses never seen before, or others.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.delta_s IS 'Seconds since the episode''s start.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.reached IS 'Pairs of episode and eligible node reached by then.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.eligible IS 'Pairs of episode and eligible node.';
COMMENT ON COLUMN peerscope.addr_coverage_curve.coverage IS 'reached / eligible; NULL when no node was eligible.';
