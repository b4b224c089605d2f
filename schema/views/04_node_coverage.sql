-- When a node was able to: it was captured without gap, and not in initial download.
DROP VIEW IF EXISTS peerscope.node_coverage CASCADE;
CREATE VIEW peerscope.node_coverage AS
WITH newest AS (
    SELECT node_id, max(last_event_at) AS at FROM peerscope.stream GROUP BY node_id
),
-- The spans of days need no better correction than the clock's newest one.
clock AS (
    SELECT DISTINCT ON (node_id) node_id, coalesce(corr_ns / 1000, 0) * interval '1 microsecond' AS corr
      FROM peerscope.clock_segment ORDER BY node_id, clk DESC
),
captured AS (
    SELECT i.node_id, range_agg(tstzrange(i.valid_from + coalesce(k.corr, interval '0'),
                                          coalesce(i.valid_to, n.at) + coalesce(k.corr, interval '0'), '[]'))
               AS spans
      FROM peerscope.capture_interval i
      JOIN newest n USING (node_id)
      LEFT JOIN clock k USING (node_id)
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
    SELECT a.node_id, a.s6_ts + coalesce(k.corr, interval '0') AS from_ts,
           lead(a.s6_ts + coalesce(k.corr, interval '0')) OVER w AS to_ts,
           lag(a.s6_ts) OVER w IS NULL AS is_first,
           max(h.time) OVER w - coalesce(o.offset_s, 0) * interval '1 second' + coalesce(k.corr, interval '0')
               + interval '24 hours' AS fresh_until
      FROM peerscope.block_arrival a
      JOIN peerscope.block_header h ON h.hash = a.hash
      LEFT JOIN clock k ON k.node_id = a.node_id
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
    'When a node could have seen what reached it, in corrected time: what makes it eligible in a comparison.';
COMMENT ON COLUMN peerscope.node_coverage.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.node_coverage.captured IS 'Spans in which net:inbound_message was captured without gap.';
COMMENT ON COLUMN peerscope.node_coverage.synced IS 'Spans in which its best block was younger than 24 h; everything when no block is known.';
