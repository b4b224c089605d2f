-- A message cannot arrive before it was sent: pings between two nodes of the fleet prove the clocks' errors.

-- Only ping: its nonce is random and made by the sender, so nobody can deliver it early. A pong's nonce is known to
-- the other side beforehand.
DROP VIEW IF EXISTS peerscope.clock_audit_sample CASCADE;
CREATE VIEW peerscope.clock_audit_sample AS
WITH corrected AS (
    SELECT p.node_id, p.run_id, p.peer_id, p.inbound, p.nonce, p.ts,
           peerscope.unix_us(p.ts) * 1000 + c.corr_ns AS t_ns, c.eps_ns, c.reference, c.ref_maxerror_ns
      FROM peerscope.ping_event p
      LEFT JOIN peerscope.clock_segment c ON c.node_id = p.node_id AND c.clk = p.clk
     WHERE p.msg_type = 'ping' AND p.nonce <> 0
)
SELECT o.node_id AS from_node_id, o.run_id AS from_run_id, o.peer_id AS from_peer_id,
       i.node_id AS to_node_id, i.run_id AS to_run_id, i.peer_id AS to_peer_id,
       o.ts AS sent_at, i.ts AS taken_up_at, o.nonce,
       i.t_ns - o.t_ns AS delay_ns,
       i.eps_ns + o.eps_ns + CASE WHEN i.reference IS DISTINCT FROM o.reference
                                  THEN i.ref_maxerror_ns + o.ref_maxerror_ns ELSE 0 END AS error_ns
  FROM corrected o
  JOIN corrected i ON i.nonce = o.nonce AND i.inbound AND i.node_id <> o.node_id
 WHERE NOT o.inbound;

COMMENT ON VIEW peerscope.clock_audit_sample IS
    'Pings seen at both ends of a link inside the fleet, which also tells which peers are nodes of ours.';
COMMENT ON COLUMN peerscope.clock_audit_sample.from_node_id IS 'Node that sent it.';
COMMENT ON COLUMN peerscope.clock_audit_sample.from_run_id IS 'Its process.';
COMMENT ON COLUMN peerscope.clock_audit_sample.from_peer_id IS 'The receiver''s peer id at the sender.';
COMMENT ON COLUMN peerscope.clock_audit_sample.to_node_id IS 'Node that received it.';
COMMENT ON COLUMN peerscope.clock_audit_sample.to_run_id IS 'Its process.';
COMMENT ON COLUMN peerscope.clock_audit_sample.to_peer_id IS 'The sender''s peer id at the receiver.';
COMMENT ON COLUMN peerscope.clock_audit_sample.sent_at IS 'When it was queued, on the sender''s clock.';
COMMENT ON COLUMN peerscope.clock_audit_sample.taken_up_at IS 'When it was taken up, on the receiver''s clock.';
COMMENT ON COLUMN peerscope.clock_audit_sample.nonce IS 'Its nonce, as the bit pattern of a u64.';
COMMENT ON COLUMN peerscope.clock_audit_sample.delay_ns IS 'From sent to taken up, in corrected time.';
COMMENT ON COLUMN peerscope.clock_audit_sample.error_ns IS 'Error of the delay; NULL when unknown.';

DROP VIEW IF EXISTS peerscope.clock_audit CASCADE;
CREATE VIEW peerscope.clock_audit AS
SELECT a.name || '→' || b.name AS link,
       count(*) AS samples,
       min(s.delay_ns) / 1e6::float8 AS min_ms,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY s.delay_ns) / 1e6 AS median_ms,
       count(*) FILTER (WHERE s.delay_ns < -s.error_ns) AS violations,
       max(s.error_ns) / 1e6::float8 AS error_ms
  FROM peerscope.clock_audit_sample s
  JOIN peerscope.node a ON a.node_id = s.from_node_id
  JOIN peerscope.node b ON b.node_id = s.to_node_id
 GROUP BY a.name, b.name;

COMMENT ON VIEW peerscope.clock_audit IS
    'Delays of pings over links inside the fleet, in corrected time. One below minus the errors of both clocks is a violation: an error is larger than it says.';
COMMENT ON COLUMN peerscope.clock_audit.link IS 'Sender and receiver.';
COMMENT ON COLUMN peerscope.clock_audit.samples IS 'Pings seen at both ends.';
COMMENT ON COLUMN peerscope.clock_audit.min_ms IS 'Shortest delay.';
COMMENT ON COLUMN peerscope.clock_audit.median_ms IS 'Median delay.';
COMMENT ON COLUMN peerscope.clock_audit.violations IS 'Must be 0.';
COMMENT ON COLUMN peerscope.clock_audit.error_ms IS 'Largest error of a delay; NULL when unknown.';
