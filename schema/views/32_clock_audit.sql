-- A message cannot arrive before it was sent: pings between two nodes of the fleet prove the clocks' errors.
DROP VIEW IF EXISTS peerscope.clock_audit CASCADE;
CREATE VIEW peerscope.clock_audit AS
SELECT a.name || '→' || b.name AS link,
       d.samples,
       d.min_ns / 1e6::float8 AS min_ms,
       d.median_ns / 1e6 AS median_ms,
       d.violations,
       d.error_ns / 1e6::float8 AS error_ms,
       d.day
  FROM peerscope.clock_audit_day d
  JOIN peerscope.node a ON a.node_id = d.from_node_id
  JOIN peerscope.node b ON b.node_id = d.to_node_id;

COMMENT ON VIEW peerscope.clock_audit IS
    'Delays of pings over links inside the fleet, in corrected time, by day. One below minus the errors of both clocks is a violation: an error is larger than it says.';
COMMENT ON COLUMN peerscope.clock_audit.link IS 'Sender and receiver.';
COMMENT ON COLUMN peerscope.clock_audit.samples IS 'Pings seen at both ends.';
COMMENT ON COLUMN peerscope.clock_audit.min_ms IS 'Shortest delay.';
COMMENT ON COLUMN peerscope.clock_audit.median_ms IS 'Median delay.';
COMMENT ON COLUMN peerscope.clock_audit.violations IS 'Must be 0.';
COMMENT ON COLUMN peerscope.clock_audit.error_ms IS 'Largest error of a delay; NULL when unknown.';
COMMENT ON COLUMN peerscope.clock_audit.day IS 'UTC day, on the sender''s clock.';
