-- How much the mempools of two nodes have in common.
DROP VIEW IF EXISTS peerscope.mempool_divergence CASCADE;
CREATE VIEW peerscope.mempool_divergence AS
SELECT s.at,
       a.name AS node_a,
       b.name AS node_b,
       s.common / nullif(s.common + s.only_a + s.only_b, 0)::float8 AS jaccard,
       s.only_a,
       s.only_b,
       s.common
  FROM peerscope.mempool_pair_sample s
  JOIN peerscope.node a ON a.node_id = s.node_a
  JOIN peerscope.node b ON b.node_id = s.node_b;
COMMENT ON VIEW peerscope.mempool_divergence IS
    'Mempools of each two nodes compared every ten minutes of UTC, each pair once. Counted are transactions that had been in a node''s mempool for at least 60 s and pay at least the fee floor of both nodes (the last each process sent in a feefilter: a day computed late uses a later one). What was in a mempool before capture began, or may have left it unseen in a gap, is not known: so both nodes must have been captured without gap (additions and removals, in one process) for at least ten minutes, and only transactions count that no mempool of the fleet is known to have held before the later of the two captures began. Nodes that have just connected a block differ from those that are about to.';
COMMENT ON COLUMN peerscope.mempool_divergence.at IS 'Corrected time of the sample.';
COMMENT ON COLUMN peerscope.mempool_divergence.node_a IS 'One node.';
COMMENT ON COLUMN peerscope.mempool_divergence.node_b IS 'The other node.';
COMMENT ON COLUMN peerscope.mempool_divergence.jaccard IS 'Jaccard index: transactions in both over transactions in either; NULL when there are none.';
COMMENT ON COLUMN peerscope.mempool_divergence.only_a IS 'Transactions only in the mempool of node_a.';
COMMENT ON COLUMN peerscope.mempool_divergence.only_b IS 'Transactions only in the mempool of node_b.';
COMMENT ON COLUMN peerscope.mempool_divergence.common IS 'Transactions in both.';
