-- How much of a block a node did not have in its mempool.
DROP VIEW IF EXISTS peerscope.missing_at_block CASCADE;
CREATE VIEW peerscope.missing_at_block AS
SELECT m.height,
       n.name AS node,
       CASE WHEN m.complete THEN m.transactions - 1 - m.removed END AS missing,
       m.hash AS block_hash,
       m.at,
       m.transactions
  FROM peerscope.block_missing m
  JOIN peerscope.node n ON n.node_id = m.node_id;
COMMENT ON VIEW peerscope.missing_at_block IS
    'Transactions of a block that were not in a node''s mempool when it first connected the block: transactions − 1 (the coinbase) − those removed from the mempool for block. In initial download that is nearly all.';
COMMENT ON COLUMN peerscope.missing_at_block.height IS 'Height.';
COMMENT ON COLUMN peerscope.missing_at_block.node IS 'The node.';
COMMENT ON COLUMN peerscope.missing_at_block.missing IS 'Transactions missing; NULL when removals were not captured all the while.';
COMMENT ON COLUMN peerscope.missing_at_block.block_hash IS 'Block hash in wire order: a height may have several.';
COMMENT ON COLUMN peerscope.missing_at_block.at IS 'When it was connected, corrected time.';
COMMENT ON COLUMN peerscope.missing_at_block.transactions IS 'Transactions in the block, with its coinbase.';
