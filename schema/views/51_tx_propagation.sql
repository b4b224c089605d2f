-- How transactions travel through the fleet.
DROP VIEW IF EXISTS peerscope.tx_propagation CASCADE;
CREATE VIEW peerscope.tx_propagation AS
SELECT r.wtxid,
       r.txid,
       r.t0,
       r.nodes,
       r.eligible,
       r.p50_ms,
       r.p90_ms,
       r.reached / nullif(r.eligible, 0)::float8 AS coverage,
       r.removal_reason,
       r.error_ms
  FROM peerscope.tx_reach r;
COMMENT ON VIEW peerscope.tx_propagation IS
    'How fast a transaction reached the nodes of the fleet, and how many of them. A node''s time is that of the first inbound inv or tx, under either hash, in corrected time; what comes more than ten minutes after t0 does not count. A transaction that was told again appears anew only after a whole UTC day of silence. Eligible is a node that was captured without gap for ten minutes from t0 on, was not in initial download, and did not have it already untold, as from its own wallet: so transactions of the last ten minutes of data have no eligible nodes yet.';
COMMENT ON COLUMN peerscope.tx_propagation.wtxid IS 'Witness transaction id in wire order; NULL when it was announced by txid only and never seen whole.';
COMMENT ON COLUMN peerscope.tx_propagation.txid IS 'Transaction id in wire order; NULL when it was announced by wtxid only and never seen whole.';
COMMENT ON COLUMN peerscope.tx_propagation.t0 IS 'Corrected time at which the first node was told, of those whose clock error is known if there are any.';
COMMENT ON COLUMN peerscope.tx_propagation.nodes IS 'Nodes told within ten minutes.';
COMMENT ON COLUMN peerscope.tx_propagation.eligible IS 'Nodes that could have been told.';
COMMENT ON COLUMN peerscope.tx_propagation.p50_ms IS 'Median delay behind the first node, in milliseconds, over the nodes told whose clock error is known, the first included; interpolated.';
COMMENT ON COLUMN peerscope.tx_propagation.p90_ms IS 'The same for the ninetieth percentile.';
COMMENT ON COLUMN peerscope.tx_propagation.coverage IS 'Share of the eligible nodes that were told; NULL when none was eligible.';
COMMENT ON COLUMN peerscope.tx_propagation.removal_reason IS 'Why the mempools let it go: expiry, sizelimit, reorg, block, conflict or replaced, whichever most nodes said on the first day any did; NULL while none did or when its txid is unknown.';
COMMENT ON COLUMN peerscope.tx_propagation.error_ms IS 'The true p50_ms and p90_ms differ from the given ones by no more; NULL when no clock error is known.';
