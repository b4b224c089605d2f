-- Transactions: when each node heard of them, which ids belong together, and its mempool.

CREATE TABLE peerscope.tx_seen (
    node_id  int NOT NULL,
    run_id   bigint NOT NULL,
    ts       timestamptz NOT NULL,
    clk      int NOT NULL,
    seq      bigint NOT NULL,
    peer_id  bigint NOT NULL,
    inbound  bool NOT NULL,
    msg_type text NOT NULL,
    txid     bytea NOT NULL,
    wtxid    bytea NOT NULL,
    size     int NOT NULL,
    vsize    int NOT NULL
) PARTITION BY RANGE (ts);
CREATE INDEX tx_seen_ts ON peerscope.tx_seen USING brin (ts) WITH (autosummarize = on);
CREATE INDEX tx_seen_wtxid ON peerscope.tx_seen (wtxid);
CREATE INDEX tx_seen_txid ON peerscope.tx_seen (txid);
COMMENT ON TABLE peerscope.tx_seen IS
    'Transactions seen whole, in tx and blocktxn messages: which txid belongs to which wtxid.';
COMMENT ON COLUMN peerscope.tx_seen.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.tx_seen.run_id IS 'The bitcoind process; peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.tx_seen.ts IS 'When the probe fired, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.tx_seen.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.tx_seen.seq IS 'Sequence number of the record in the node''s stream.';
COMMENT ON COLUMN peerscope.tx_seen.peer_id IS 'Core''s number of the peer, unique inside run_id.';
COMMENT ON COLUMN peerscope.tx_seen.inbound IS 'True for a transaction we received, false for one we sent.';
COMMENT ON COLUMN peerscope.tx_seen.msg_type IS 'tx or blocktxn.';
COMMENT ON COLUMN peerscope.tx_seen.txid IS 'Transaction id in wire order: does not cover the witness.';
COMMENT ON COLUMN peerscope.tx_seen.wtxid IS 'Witness transaction id in wire order; equal to txid without a witness.';
COMMENT ON COLUMN peerscope.tx_seen.size IS 'Bytes of the transaction, witness included.';
COMMENT ON COLUMN peerscope.tx_seen.vsize IS 'Virtual size: weight / 4, rounded up (BIP141).';

CREATE TABLE peerscope.tx_sighting (
    node_id  int NOT NULL,
    run_id   bigint NOT NULL,
    ts       timestamptz NOT NULL,
    clk      int NOT NULL,
    seq      bigint NOT NULL,
    peer_id  bigint NOT NULL,
    hash     bytea NOT NULL,
    is_wtxid bool NOT NULL,
    via      text NOT NULL
) PARTITION BY RANGE (ts);
CREATE INDEX tx_sighting_ts ON peerscope.tx_sighting USING brin (ts) WITH (autosummarize = on);
CREATE INDEX tx_sighting_hash ON peerscope.tx_sighting (hash);
COMMENT ON TABLE peerscope.tx_sighting IS
    'The first time on a day that a peer told a node of a transaction, under the hash it was announced by.';
COMMENT ON COLUMN peerscope.tx_sighting.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.tx_sighting.run_id IS 'The bitcoind process; peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.tx_sighting.ts IS 'First inbound inv or tx, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.tx_sighting.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.tx_sighting.seq IS 'Sequence number of the record in the node''s stream.';
COMMENT ON COLUMN peerscope.tx_sighting.peer_id IS 'The peer that was first.';
COMMENT ON COLUMN peerscope.tx_sighting.hash IS 'Hash in wire order, as announced: wtxid or txid; the wtxid when it came as tx.';
COMMENT ON COLUMN peerscope.tx_sighting.is_wtxid IS 'Whether hash is a wtxid.';
COMMENT ON COLUMN peerscope.tx_sighting.via IS 'inv, or tx when the transaction came unannounced or was the first we saw of it.';

CREATE TABLE peerscope.mempool_entry (
    node_id    int NOT NULL,
    run_id     bigint NOT NULL,
    txid       bytea NOT NULL,
    added_at   timestamptz NOT NULL,
    clk        int NOT NULL,
    vsize      int NOT NULL,
    fee        bigint NOT NULL,
    removed_at timestamptz,
    reason     text,
    PRIMARY KEY (node_id, run_id, txid, added_at)
);
CREATE INDEX mempool_entry_now ON peerscope.mempool_entry (node_id, run_id) WHERE removed_at IS NULL;
CREATE INDEX mempool_entry_removed ON peerscope.mempool_entry (removed_at) WHERE removed_at IS NOT NULL;
COMMENT ON TABLE peerscope.mempool_entry IS
    'Stays of transactions in a node''s mempool. What was in it before capture began is not known.';
COMMENT ON COLUMN peerscope.mempool_entry.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.mempool_entry.run_id IS 'The process.';
COMMENT ON COLUMN peerscope.mempool_entry.txid IS 'Transaction id in wire order.';
COMMENT ON COLUMN peerscope.mempool_entry.added_at IS 'When it was accepted, on the node''s clock.';
COMMENT ON COLUMN peerscope.mempool_entry.clk IS 'Clock segment of added_at.';
COMMENT ON COLUMN peerscope.mempool_entry.vsize IS 'Virtual size.';
COMMENT ON COLUMN peerscope.mempool_entry.fee IS 'Fee in satoshi.';
COMMENT ON COLUMN peerscope.mempool_entry.removed_at IS 'When it left, on the node''s clock; NULL while it is there or if the process ended first.';
COMMENT ON COLUMN peerscope.mempool_entry.reason IS 'Why it left: expiry, sizelimit, reorg, block, conflict or replaced.';

CREATE TABLE peerscope.mempool_reject_hour (
    node_id int NOT NULL,
    hour    timestamptz NOT NULL,
    reason  text NOT NULL,
    count   bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (node_id, hour, reason)
);
CREATE INDEX mempool_reject_hour_hour ON peerscope.mempool_reject_hour (hour);
COMMENT ON TABLE peerscope.mempool_reject_hour IS
    'Transactions refused per hour and reason.';
COMMENT ON COLUMN peerscope.mempool_reject_hour.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.mempool_reject_hour.hour IS 'Start of the hour, on the node''s clock.';
COMMENT ON COLUMN peerscope.mempool_reject_hour.reason IS 'Core''s reason.';
COMMENT ON COLUMN peerscope.mempool_reject_hour.count IS 'Refusals.';

-- Blocks: who made them, and what compact blocks lacked.

ALTER TABLE peerscope.block_header
    ADD COLUMN pool_tag     text,
    ADD COLUMN version      int,
    ADD COLUMN bits         bigint,
    ADD COLUMN transactions int;
COMMENT ON COLUMN peerscope.block_header.pool_tag IS 'Readable text in its coinbase, where miners and pools sign; NULL until a node got a compact or whole block of it.';
COMMENT ON COLUMN peerscope.block_header.version IS 'Version in the header.';
COMMENT ON COLUMN peerscope.block_header.bits IS 'Target in its compact form.';
COMMENT ON COLUMN peerscope.block_header.transactions IS 'Transactions in the block, from a compact or whole block.';

ALTER TABLE peerscope.validation_window
    ADD COLUMN hash    bytea,
    ADD COLUMN removed int NOT NULL DEFAULT 0;
COMMENT ON COLUMN peerscope.validation_window.hash IS 'The block.';
COMMENT ON COLUMN peerscope.validation_window.removed IS 'Transactions that left the mempool because the block has them.';

CREATE TABLE peerscope.compact_missing_tx (
    node_id  int NOT NULL,
    hash     bytea NOT NULL,
    wtxid    bytea NOT NULL,
    txid     bytea NOT NULL,
    run_id   bigint NOT NULL,
    peer_id  bigint NOT NULL,
    ts       timestamptz NOT NULL,
    clk      int NOT NULL,
    size     int NOT NULL,
    PRIMARY KEY (node_id, hash, wtxid)
);
CREATE INDEX compact_missing_tx_ts ON peerscope.compact_missing_tx (ts);
COMMENT ON TABLE peerscope.compact_missing_tx IS
    'Transactions a node had to ask for to complete a compact block: those of inbound blocktxn messages.';
COMMENT ON COLUMN peerscope.compact_missing_tx.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.compact_missing_tx.hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope.compact_missing_tx.wtxid IS 'Witness transaction id in wire order.';
COMMENT ON COLUMN peerscope.compact_missing_tx.txid IS 'Transaction id in wire order.';
COMMENT ON COLUMN peerscope.compact_missing_tx.run_id IS 'The process.';
COMMENT ON COLUMN peerscope.compact_missing_tx.peer_id IS 'The peer that sent them.';
COMMENT ON COLUMN peerscope.compact_missing_tx.ts IS 'When the blocktxn was taken up, on the node''s clock.';
COMMENT ON COLUMN peerscope.compact_missing_tx.clk IS 'Clock segment of ts.';
COMMENT ON COLUMN peerscope.compact_missing_tx.size IS 'Bytes of the transaction.';

-- What is kept of a table: how long, and of which share of transactions.
ALTER TABLE peerscope.retention ADD COLUMN sample int NOT NULL DEFAULT 1 CHECK (sample BETWEEN 1 AND 65536);
COMMENT ON COLUMN peerscope.retention.sample IS 'Of transactions one in so many is kept, chosen by hash and so the same on every node; 1 keeps all. Heeded by inv_entry.';
UPDATE peerscope.retention SET sample = 64 WHERE table_name = 'inv_entry';
INSERT INTO peerscope.retention (table_name, keep, note) VALUES
    ('session_traffic', '90 days', 'some forty rows a session'),
    ('addr_session_minute', '14 days', NULL),
    ('addr_day', '14 days', 'some 250 000 rows a node and day'),
    ('tx_seen', '7 days', '0.5 M rows a node and day'),
    ('tx_sighting', '7 days', '0.5 M rows a node and day'),
    ('mempool_entry', '2 days', 'counted from removal'),
    ('mempool_reject_hour', '1 year', NULL),
    ('compact_missing_tx', '1 year', 'a few thousand rows a node and day');
