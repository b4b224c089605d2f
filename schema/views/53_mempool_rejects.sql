-- What nodes refuse, and why.
DROP VIEW IF EXISTS peerscope.mempool_rejects CASCADE;
CREATE VIEW peerscope.mempool_rejects AS
SELECT n.name AS node,
       h.hour,
       coalesce(c.reject_class, 'other') AS reject_class,
       h.reason,
       h.count
  FROM peerscope.mempool_reject_hour h
  JOIN peerscope.node n ON n.node_id = h.node_id
  -- mempool-script-verify-flag-failed (Signature must be zero for failed CHECK(MULTI)SIG operation), and the like.
  LEFT JOIN peerscope.reject_reason c ON c.reason = split_part(split_part(h.reason, ' (', 1), ',', 1);
COMMENT ON VIEW peerscope.mempool_rejects IS
    'Transactions refused per hour and reason, with a class to count by.';
COMMENT ON COLUMN peerscope.mempool_rejects.node IS 'The node.';
COMMENT ON COLUMN peerscope.mempool_rejects.hour IS 'Start of the hour, UTC on the node''s clock.';
COMMENT ON COLUMN peerscope.mempool_rejects.reject_class IS 'consensus, script, missing_inputs, premature, known, fee, replacement, limits, non_standard or witness, by reject_reason; other for reasons that are not in there.';
COMMENT ON COLUMN peerscope.mempool_rejects.reason IS 'Core''s reason.';
COMMENT ON COLUMN peerscope.mempool_rejects.count IS 'Refusals.';
