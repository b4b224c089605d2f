-- Transactions and mempools, for sharing: only what somebody outside of the fleet told us of.

DROP VIEW IF EXISTS peerscope_public.tx_propagation CASCADE;
CREATE VIEW peerscope_public.tx_propagation WITH (security_barrier) AS
SELECT r.day, r.wtxid, r.txid, date_trunc('second', r.t0) AS t0, r.nodes, r.eligible, r.p50_ms, r.p90_ms,
       r.reached / nullif(r.eligible, 0)::float8 AS coverage,
       CASE WHEN r.removal_day < (now() AT TIME ZONE 'UTC')::date - 1 THEN r.removal_reason END AS removal_reason
  FROM peerscope.tx_reach r
  JOIN peerscope.public_tx p ON p.day = r.day AND p.id = r.id
  JOIN peerscope.public_days d ON d.day = r.day;
COMMENT ON VIEW peerscope_public.tx_propagation IS
    'How fast a transaction reached our nodes. Without those that a node of ours had before anybody outside of the fleet told us of them.';
COMMENT ON COLUMN peerscope_public.tx_propagation.day IS 'Day on which the fleet first heard of it, UTC: ask by it.';
COMMENT ON COLUMN peerscope_public.tx_propagation.wtxid IS 'Witness transaction id in wire order; NULL when unknown.';
COMMENT ON COLUMN peerscope_public.tx_propagation.txid IS 'Transaction id in wire order.';
COMMENT ON COLUMN peerscope_public.tx_propagation.t0 IS 'When the first node was told, on the fleet''s common clock, rounded down to a second.';
COMMENT ON COLUMN peerscope_public.tx_propagation.nodes IS 'Nodes told within ten minutes.';
COMMENT ON COLUMN peerscope_public.tx_propagation.eligible IS 'Nodes that could have been told.';
COMMENT ON COLUMN peerscope_public.tx_propagation.p50_ms IS 'Median delay behind the first node, in milliseconds.';
COMMENT ON COLUMN peerscope_public.tx_propagation.p90_ms IS 'Its ninetieth percentile.';
COMMENT ON COLUMN peerscope_public.tx_propagation.coverage IS 'Share of the eligible nodes that were told; NULL when none was eligible.';
COMMENT ON COLUMN peerscope_public.tx_propagation.removal_reason IS 'Why mempools let it go: expiry, sizelimit, reorg, block, conflict or replaced; NULL while unknown.';

DROP VIEW IF EXISTS peerscope_public.mempool_divergence CASCADE;
CREATE VIEW peerscope_public.mempool_divergence WITH (security_barrier) AS
SELECT s.day, s.at, least(a.name, b.name) AS node_a, greatest(a.name, b.name) AS node_b,
       s.common / nullif(s.common + s.only_a + s.only_b, 0)::float8 AS jaccard
  FROM peerscope.mempool_pair_sample s
  JOIN peerscope.public_days d ON d.day = s.day
  JOIN peerscope.public_node a ON a.node_id = s.node_a
  JOIN peerscope.public_node b ON b.node_id = s.node_b
 WHERE s.at < now() - interval '1 day';
COMMENT ON VIEW peerscope_public.mempool_divergence IS
    'What two nodes'' mempools had in common, every ten minutes.';
COMMENT ON COLUMN peerscope_public.mempool_divergence.day IS 'The day, UTC: ask by it.';
COMMENT ON COLUMN peerscope_public.mempool_divergence.at IS 'When they were compared.';
COMMENT ON COLUMN peerscope_public.mempool_divergence.node_a IS 'A node, by its name in this release.';
COMMENT ON COLUMN peerscope_public.mempool_divergence.node_b IS 'The other.';
COMMENT ON COLUMN peerscope_public.mempool_divergence.jaccard IS 'Transactions in both over transactions in either; NULL when there were none.';

DROP VIEW IF EXISTS peerscope_public.mempool_rejects CASCADE;
CREATE VIEW peerscope_public.mempool_rejects WITH (security_barrier) AS
SELECT r.hour, n.name AS node, coalesce(c.reject_class, 'other') AS reject_class, sum(r.count)::bigint AS count
  FROM peerscope.mempool_reject_hour r
  JOIN peerscope.public_days d ON d.day = (r.hour AT TIME ZONE 'UTC')::date
  JOIN peerscope.public_node n ON n.node_id = r.node_id
  LEFT JOIN peerscope.reject_reason c ON c.reason = split_part(split_part(r.reason, ' (', 1), ',', 1)
 GROUP BY r.hour, n.name, coalesce(c.reject_class, 'other');
COMMENT ON VIEW peerscope_public.mempool_rejects IS
    'Transactions refused per hour and class of reason.';
COMMENT ON COLUMN peerscope_public.mempool_rejects.hour IS 'Start of the hour, UTC: ask by it.';
COMMENT ON COLUMN peerscope_public.mempool_rejects.node IS 'The node, by its name in this release.';
COMMENT ON COLUMN peerscope_public.mempool_rejects.reject_class IS 'consensus, script, missing_inputs, fee, replacement and the like; other for reasons not known.';
COMMENT ON COLUMN peerscope_public.mempool_rejects.count IS 'Refusals.';

DROP VIEW IF EXISTS peerscope_public.missing_at_block CASCADE;
CREATE VIEW peerscope_public.missing_at_block WITH (security_barrier) AS
SELECT m.day, m.height, n.name AS node, m.hash AS block_hash, CASE WHEN m.complete THEN m.transactions - 1 - m.removed END AS missing,
       m.transactions
  FROM peerscope.block_missing m
  JOIN peerscope.public_days d ON d.day = m.day
  JOIN peerscope.public_node n ON n.node_id = m.node_id
 WHERE m.at < now() - interval '1 day';
COMMENT ON VIEW peerscope_public.missing_at_block IS
    'How many transactions of a block a node did not have in its mempool.';
COMMENT ON COLUMN peerscope_public.missing_at_block.day IS 'Day on which the node connected it, UTC: ask by it.';
COMMENT ON COLUMN peerscope_public.missing_at_block.height IS 'Height of the block.';
COMMENT ON COLUMN peerscope_public.missing_at_block.node IS 'The node, by its name in this release.';
COMMENT ON COLUMN peerscope_public.missing_at_block.block_hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope_public.missing_at_block.missing IS 'Transactions it did not have, without the coinbase; NULL when capture had a gap.';
COMMENT ON COLUMN peerscope_public.missing_at_block.transactions IS 'Transactions in the block.';
