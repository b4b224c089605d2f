-- When a node could have seen what reached it: what makes it eligible in a comparison.
DROP VIEW IF EXISTS peerscope.node_coverage CASCADE;
CREATE VIEW peerscope.node_coverage AS
SELECT c.day,
       c.node_id,
       range_agg(tstzrange(c.covered_from, c.covered_to, '[]')) AS captured,
       coalesce(range_agg(tstzrange(c.covered_from, c.covered_to, '[]')) FILTER (WHERE NOT c.downloading), '{}')
           AS synced
  FROM peerscope.coverage_span c
 WHERE c.tracepoint = 'net:inbound_message'
 GROUP BY c.day, c.node_id;

COMMENT ON VIEW peerscope.node_coverage IS
    'When a node could have seen what reached it, in corrected time: it is eligible for a key of a day when the synced spans of that day''s row hold the key''s window. Other tracepoints are in coverage_span.';
COMMENT ON COLUMN peerscope.node_coverage.day IS 'UTC day that the row is for; its spans reach into the days before and after, so that a window across midnight is found in one row.';
COMMENT ON COLUMN peerscope.node_coverage.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.node_coverage.captured IS 'Spans in which net:inbound_message was captured without gap.';
COMMENT ON COLUMN peerscope.node_coverage.synced IS 'Those of them in which it was not in initial download either.';
