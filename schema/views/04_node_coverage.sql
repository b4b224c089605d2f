-- When a node was able to: it was captured without gap, and not in initial download.
DROP VIEW IF EXISTS peerscope.node_coverage CASCADE;
CREATE VIEW peerscope.node_coverage AS
SELECT c.node_id,
       range_agg(tstzrange(c.covered_from, c.covered_to, '[]')) AS captured,
       coalesce(range_agg(tstzrange(c.covered_from, c.covered_to, '[]')) FILTER (WHERE NOT c.downloading), '{}')
           AS synced
  FROM peerscope.coverage_span c
 WHERE c.tracepoint = 'net:inbound_message'
 GROUP BY c.node_id;

COMMENT ON VIEW peerscope.node_coverage IS
    'When a node could have seen what reached it, in corrected time: what makes it eligible in a comparison. coverage_span tells it by day and for each tracepoint.';
COMMENT ON COLUMN peerscope.node_coverage.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.node_coverage.captured IS 'Spans in which net:inbound_message was captured without gap.';
COMMENT ON COLUMN peerscope.node_coverage.synced IS 'Those of them in which it was not in initial download.';
