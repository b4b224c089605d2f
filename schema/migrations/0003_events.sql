-- Event tables: one row per event or per entry of a message, partitioned by UTC day on ts.
-- No unique index: the watermark of the stream makes rows exactly-once.

CREATE TABLE peerscope.p2p_message (
    node_id       int NOT NULL,
    run_id        bigint NOT NULL,
    ts            timestamptz NOT NULL,
    clk           int NOT NULL,
    seq           bigint NOT NULL,
    peer_id       bigint NOT NULL,
    inbound       bool NOT NULL,
    msg_type      text NOT NULL,
    size          int NOT NULL,
    captured      int NOT NULL,
    decode_status text,
    conn_type     text,
    addr          text,
    tid           int,
    payload       bytea
) PARTITION BY RANGE (ts);
CREATE INDEX p2p_message_ts ON peerscope.p2p_message USING brin (ts) WITH (autosummarize = on);
COMMENT ON TABLE peerscope.p2p_message IS
    'Every P2P message a node received or sent.';
COMMENT ON COLUMN peerscope.p2p_message.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.p2p_message.run_id IS 'The bitcoind process; peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.p2p_message.ts IS 'When the probe fired, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.p2p_message.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.p2p_message.seq IS 'Sequence number of the record in the node''s stream.';
COMMENT ON COLUMN peerscope.p2p_message.peer_id IS 'Core''s number of the peer, unique inside run_id.';
COMMENT ON COLUMN peerscope.p2p_message.inbound IS 'True for a message we received, false for one we sent.';
COMMENT ON COLUMN peerscope.p2p_message.msg_type IS 'Type as on the wire; bytes outside printable ASCII as \xHH.';
COMMENT ON COLUMN peerscope.p2p_message.size IS 'Payload bytes, without the header.';
COMMENT ON COLUMN peerscope.p2p_message.captured IS 'Payload bytes that were captured.';
COMMENT ON COLUMN peerscope.p2p_message.decode_status IS 'ok, truncated, malformed, trailing or unknown.';
COMMENT ON COLUMN peerscope.p2p_message.conn_type IS 'inbound, outbound-full-relay, block-relay-only, feeler, manual, addr-fetch, private-broadcast.';
COMMENT ON COLUMN peerscope.p2p_message.addr IS 'The peer''s address as Core prints it.';
COMMENT ON COLUMN peerscope.p2p_message.tid IS 'Thread that fired it; 0 when unknown.';
COMMENT ON COLUMN peerscope.p2p_message.payload IS 'The payload, where kept.';

CREATE TABLE peerscope.connection_event (
    node_id      int NOT NULL,
    run_id       bigint NOT NULL,
    ts           timestamptz NOT NULL,
    clk          int NOT NULL,
    seq          bigint NOT NULL,
    event        text NOT NULL,
    peer_id      bigint NOT NULL,
    addr         text,
    conn_type    text,
    network      text,
    connections  bigint,
    connected_at timestamptz,
    reason       text
) PARTITION BY RANGE (ts);
CREATE INDEX connection_event_ts ON peerscope.connection_event USING brin (ts) WITH (autosummarize = on);
COMMENT ON TABLE peerscope.connection_event IS
    'Peers coming, going and misbehaving.';
COMMENT ON COLUMN peerscope.connection_event.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.connection_event.run_id IS 'The bitcoind process; peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.connection_event.ts IS 'When the probe fired, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.connection_event.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.connection_event.seq IS 'Sequence number of the record in the node''s stream.';
COMMENT ON COLUMN peerscope.connection_event.event IS 'inbound, outbound, evicted, closed or misbehaving.';
COMMENT ON COLUMN peerscope.connection_event.peer_id IS 'Core''s number of the peer, unique inside run_id.';
COMMENT ON COLUMN peerscope.connection_event.addr IS 'The peer''s address; NULL for misbehaving.';
COMMENT ON COLUMN peerscope.connection_event.conn_type IS 'Connection type; NULL for misbehaving.';
COMMENT ON COLUMN peerscope.connection_event.network IS 'ipv4, ipv6, onion, i2p, cjdns or unroutable.';
COMMENT ON COLUMN peerscope.connection_event.connections IS 'Connections including this one, for inbound and outbound.';
COMMENT ON COLUMN peerscope.connection_event.connected_at IS 'When the connection began, for evicted and closed; full seconds.';
COMMENT ON COLUMN peerscope.connection_event.reason IS 'Core''s reason, for misbehaving.';

CREATE TABLE peerscope.addr_entry (
    node_id      int NOT NULL,
    run_id       bigint NOT NULL,
    ts           timestamptz NOT NULL,
    clk          int NOT NULL,
    seq          bigint NOT NULL,
    peer_id      bigint NOT NULL,
    inbound      bool NOT NULL,
    msg_type     text NOT NULL,
    class        text,
    network      text NOT NULL,
    addr         text NOT NULL,
    port         int NOT NULL,
    services     bigint NOT NULL,
    announced_at timestamptz NOT NULL
) PARTITION BY RANGE (ts);
CREATE INDEX addr_entry_ts ON peerscope.addr_entry USING brin (ts) WITH (autosummarize = on);
COMMENT ON TABLE peerscope.addr_entry IS
    'Entries of addr and addrv2 messages.';
COMMENT ON COLUMN peerscope.addr_entry.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.addr_entry.run_id IS 'The bitcoind process; peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.addr_entry.ts IS 'When the probe fired, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.addr_entry.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.addr_entry.seq IS 'Sequence number of the record in the node''s stream.';
COMMENT ON COLUMN peerscope.addr_entry.peer_id IS 'Core''s number of the peer, unique inside run_id.';
COMMENT ON COLUMN peerscope.addr_entry.inbound IS 'True for a message we received, false for one we sent.';
COMMENT ON COLUMN peerscope.addr_entry.msg_type IS 'addr or addrv2.';
COMMENT ON COLUMN peerscope.addr_entry.class IS 'Inbound only: getaddr_response, self, bulk, gossip or stale; NULL for what we sent.';
COMMENT ON COLUMN peerscope.addr_entry.network IS 'ipv4, ipv6, onion, i2p, cjdns, torv2 or unknown-<id>.';
COMMENT ON COLUMN peerscope.addr_entry.addr IS 'The address; raw hex for torv2 and unknown networks.';
COMMENT ON COLUMN peerscope.addr_entry.port IS 'Port.';
COMMENT ON COLUMN peerscope.addr_entry.services IS 'Service bits, as the bit pattern of a u64.';
COMMENT ON COLUMN peerscope.addr_entry.announced_at IS 'nTime of the entry, as claimed by whoever announced it.';

CREATE TABLE peerscope.inv_entry (
    node_id  int NOT NULL,
    run_id   bigint NOT NULL,
    ts       timestamptz NOT NULL,
    clk      int NOT NULL,
    seq      bigint NOT NULL,
    peer_id  bigint NOT NULL,
    inbound  bool NOT NULL,
    msg_type text NOT NULL,
    inv_type bigint NOT NULL,
    hash     bytea NOT NULL
) PARTITION BY RANGE (ts);
CREATE INDEX inv_entry_ts ON peerscope.inv_entry USING brin (ts) WITH (autosummarize = on);
COMMENT ON TABLE peerscope.inv_entry IS
    'Entries of inv, getdata and notfound messages.';
COMMENT ON COLUMN peerscope.inv_entry.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.inv_entry.run_id IS 'The bitcoind process; peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.inv_entry.ts IS 'When the probe fired, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.inv_entry.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.inv_entry.seq IS 'Sequence number of the record in the node''s stream.';
COMMENT ON COLUMN peerscope.inv_entry.peer_id IS 'Core''s number of the peer, unique inside run_id.';
COMMENT ON COLUMN peerscope.inv_entry.inbound IS 'True for a message we received, false for one we sent.';
COMMENT ON COLUMN peerscope.inv_entry.msg_type IS 'inv, getdata or notfound.';
COMMENT ON COLUMN peerscope.inv_entry.inv_type IS '1 tx, 2 block, 3 filtered block, 4 cmpctblock, 5 wtx; 0x40000000 witness flag.';
COMMENT ON COLUMN peerscope.inv_entry.hash IS 'Hash in wire order.';

CREATE TABLE peerscope.block_announcement (
    node_id   int NOT NULL,
    run_id    bigint NOT NULL,
    ts        timestamptz NOT NULL,
    clk       int NOT NULL,
    seq       bigint NOT NULL,
    peer_id   bigint NOT NULL,
    inbound   bool NOT NULL,
    msg_type  text NOT NULL,
    hash      bytea NOT NULL,
    entries   int,
    prefilled int,
    short_ids int,
    requested int,
    size      int,
    tid       int
) PARTITION BY RANGE (ts);
CREATE INDEX block_announcement_ts ON peerscope.block_announcement USING brin (ts) WITH (autosummarize = on);
CREATE INDEX block_announcement_hash ON peerscope.block_announcement (hash, node_id);
COMMENT ON TABLE peerscope.block_announcement IS
    'Messages that name a block, one row per block named.';
COMMENT ON COLUMN peerscope.block_announcement.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.block_announcement.run_id IS 'The bitcoind process; peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.block_announcement.ts IS 'When the probe fired, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.block_announcement.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.block_announcement.seq IS 'Sequence number of the record in the node''s stream.';
COMMENT ON COLUMN peerscope.block_announcement.peer_id IS 'Core''s number of the peer, unique inside run_id.';
COMMENT ON COLUMN peerscope.block_announcement.inbound IS 'True for a message we received, false for one we sent.';
COMMENT ON COLUMN peerscope.block_announcement.msg_type IS 'inv, headers, cmpctblock, getdata, getblocktxn, blocktxn or block.';
COMMENT ON COLUMN peerscope.block_announcement.hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope.block_announcement.entries IS 'Entries in the message, for headers, inv and getdata.';
COMMENT ON COLUMN peerscope.block_announcement.prefilled IS 'Prefilled transactions of a cmpctblock.';
COMMENT ON COLUMN peerscope.block_announcement.short_ids IS 'Short ids of a cmpctblock.';
COMMENT ON COLUMN peerscope.block_announcement.requested IS 'Indexes of a getblocktxn, transactions of a blocktxn or block.';
COMMENT ON COLUMN peerscope.block_announcement.size IS 'Payload bytes of the message.';
COMMENT ON COLUMN peerscope.block_announcement.tid IS 'Thread that fired it; 0 when unknown.';

CREATE TABLE peerscope.block_connected (
    node_id      int NOT NULL,
    run_id       bigint NOT NULL,
    ts           timestamptz NOT NULL,
    clk          int NOT NULL,
    seq          bigint NOT NULL,
    hash         bytea NOT NULL,
    height       int NOT NULL,
    transactions bigint,
    inputs       int,
    sigops_cost  bigint,
    duration_ns  bigint NOT NULL,
    tid          int
) PARTITION BY RANGE (ts);
CREATE INDEX block_connected_ts ON peerscope.block_connected USING brin (ts) WITH (autosummarize = on);
CREATE INDEX block_connected_hash ON peerscope.block_connected (hash, node_id);
COMMENT ON TABLE peerscope.block_connected IS
    'Blocks connected to a chain state; also fires for background chain states.';
COMMENT ON COLUMN peerscope.block_connected.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.block_connected.run_id IS 'The bitcoind process; peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.block_connected.ts IS 'When the probe fired, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.block_connected.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.block_connected.seq IS 'Sequence number of the record in the node''s stream.';
COMMENT ON COLUMN peerscope.block_connected.hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope.block_connected.height IS 'Height.';
COMMENT ON COLUMN peerscope.block_connected.transactions IS 'Transactions in the block.';
COMMENT ON COLUMN peerscope.block_connected.inputs IS 'Inputs in the block.';
COMMENT ON COLUMN peerscope.block_connected.sigops_cost IS 'Signature operation cost.';
COMMENT ON COLUMN peerscope.block_connected.duration_ns IS 'Time it took to connect; ts is its end.';
COMMENT ON COLUMN peerscope.block_connected.tid IS 'Thread that fired it; 0 when unknown.';

CREATE TABLE peerscope.mempool_added (
    node_id int NOT NULL,
    run_id  bigint NOT NULL,
    ts      timestamptz NOT NULL,
    clk     int NOT NULL,
    seq     bigint NOT NULL,
    txid    bytea NOT NULL,
    vsize   int NOT NULL,
    fee     bigint NOT NULL
) PARTITION BY RANGE (ts);
CREATE INDEX mempool_added_ts ON peerscope.mempool_added USING brin (ts) WITH (autosummarize = on);
COMMENT ON TABLE peerscope.mempool_added IS
    'Transactions accepted to the mempool.';
COMMENT ON COLUMN peerscope.mempool_added.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.mempool_added.run_id IS 'The bitcoind process; peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.mempool_added.ts IS 'When the probe fired, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.mempool_added.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.mempool_added.seq IS 'Sequence number of the record in the node''s stream.';
COMMENT ON COLUMN peerscope.mempool_added.txid IS 'Transaction id in wire order.';
COMMENT ON COLUMN peerscope.mempool_added.vsize IS 'Virtual size.';
COMMENT ON COLUMN peerscope.mempool_added.fee IS 'Fee in satoshi.';

CREATE TABLE peerscope.mempool_removed (
    node_id    int NOT NULL,
    run_id     bigint NOT NULL,
    ts         timestamptz NOT NULL,
    clk        int NOT NULL,
    seq        bigint NOT NULL,
    txid       bytea NOT NULL,
    reason     text NOT NULL,
    vsize      int NOT NULL,
    fee        bigint NOT NULL,
    entry_time timestamptz NOT NULL
) PARTITION BY RANGE (ts);
CREATE INDEX mempool_removed_ts ON peerscope.mempool_removed USING brin (ts) WITH (autosummarize = on);
COMMENT ON TABLE peerscope.mempool_removed IS
    'Transactions leaving the mempool.';
COMMENT ON COLUMN peerscope.mempool_removed.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.mempool_removed.run_id IS 'The bitcoind process; peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.mempool_removed.ts IS 'When the probe fired, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.mempool_removed.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.mempool_removed.seq IS 'Sequence number of the record in the node''s stream.';
COMMENT ON COLUMN peerscope.mempool_removed.txid IS 'Transaction id in wire order.';
COMMENT ON COLUMN peerscope.mempool_removed.reason IS 'expiry, sizelimit, reorg, block, conflict or replaced.';
COMMENT ON COLUMN peerscope.mempool_removed.vsize IS 'Virtual size.';
COMMENT ON COLUMN peerscope.mempool_removed.fee IS 'Fee in satoshi.';
COMMENT ON COLUMN peerscope.mempool_removed.entry_time IS 'When it had entered; full seconds of the node''s clock.';

CREATE TABLE peerscope.mempool_replaced (
    node_id        int NOT NULL,
    run_id         bigint NOT NULL,
    ts             timestamptz NOT NULL,
    clk            int NOT NULL,
    seq            bigint NOT NULL,
    old_txid       bytea NOT NULL,
    old_vsize      int NOT NULL,
    old_fee        bigint NOT NULL,
    old_entry_time timestamptz NOT NULL,
    new_id         bytea NOT NULL,
    new_vsize      int NOT NULL,
    new_fee        bigint NOT NULL,
    new_is_txid    bool
) PARTITION BY RANGE (ts);
CREATE INDEX mempool_replaced_ts ON peerscope.mempool_replaced USING brin (ts) WITH (autosummarize = on);
COMMENT ON TABLE peerscope.mempool_replaced IS
    'Transactions replaced by fee.';
COMMENT ON COLUMN peerscope.mempool_replaced.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.mempool_replaced.run_id IS 'The bitcoind process; peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.mempool_replaced.ts IS 'When the probe fired, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.mempool_replaced.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.mempool_replaced.seq IS 'Sequence number of the record in the node''s stream.';
COMMENT ON COLUMN peerscope.mempool_replaced.old_txid IS 'Transaction that went.';
COMMENT ON COLUMN peerscope.mempool_replaced.old_vsize IS 'Its virtual size.';
COMMENT ON COLUMN peerscope.mempool_replaced.old_fee IS 'Its fee in satoshi.';
COMMENT ON COLUMN peerscope.mempool_replaced.old_entry_time IS 'When it had entered.';
COMMENT ON COLUMN peerscope.mempool_replaced.new_id IS 'txid of what replaced it, or hash of the package.';
COMMENT ON COLUMN peerscope.mempool_replaced.new_vsize IS 'Virtual size of what replaced it.';
COMMENT ON COLUMN peerscope.mempool_replaced.new_fee IS 'Fee of what replaced it, in satoshi.';
COMMENT ON COLUMN peerscope.mempool_replaced.new_is_txid IS 'Whether new_id is a txid; NULL before v29, where the node does not say.';

CREATE TABLE peerscope.mempool_rejected (
    node_id int NOT NULL,
    run_id  bigint NOT NULL,
    ts      timestamptz NOT NULL,
    clk     int NOT NULL,
    seq     bigint NOT NULL,
    txid    bytea NOT NULL,
    reason  text NOT NULL
) PARTITION BY RANGE (ts);
CREATE INDEX mempool_rejected_ts ON peerscope.mempool_rejected USING brin (ts) WITH (autosummarize = on);
COMMENT ON TABLE peerscope.mempool_rejected IS
    'Transactions refused.';
COMMENT ON COLUMN peerscope.mempool_rejected.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.mempool_rejected.run_id IS 'The bitcoind process; peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.mempool_rejected.ts IS 'When the probe fired, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.mempool_rejected.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.mempool_rejected.seq IS 'Sequence number of the record in the node''s stream.';
COMMENT ON COLUMN peerscope.mempool_rejected.txid IS 'Transaction id in wire order.';
COMMENT ON COLUMN peerscope.mempool_rejected.reason IS 'Core''s reason.';

CREATE TABLE peerscope.utxocache_flush (
    node_id     int NOT NULL,
    run_id      bigint NOT NULL,
    ts          timestamptz NOT NULL,
    clk         int NOT NULL,
    seq         bigint NOT NULL,
    duration_us bigint NOT NULL,
    mode        int NOT NULL,
    coins       bigint NOT NULL,
    bytes       bigint NOT NULL,
    for_prune   bool NOT NULL
) PARTITION BY RANGE (ts);
CREATE INDEX utxocache_flush_ts ON peerscope.utxocache_flush USING brin (ts) WITH (autosummarize = on);
COMMENT ON TABLE peerscope.utxocache_flush IS
    'Flushes of the coins cache.';
COMMENT ON COLUMN peerscope.utxocache_flush.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.utxocache_flush.run_id IS 'The bitcoind process; peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.utxocache_flush.ts IS 'When the probe fired, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.utxocache_flush.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.utxocache_flush.seq IS 'Sequence number of the record in the node''s stream.';
COMMENT ON COLUMN peerscope.utxocache_flush.duration_us IS 'Duration in microseconds.';
COMMENT ON COLUMN peerscope.utxocache_flush.mode IS '0 none, 1 if needed, 2 periodic, 3 always (v31: force flush), 4 (v31: force sync).';
COMMENT ON COLUMN peerscope.utxocache_flush.coins IS 'Coins in the cache.';
COMMENT ON COLUMN peerscope.utxocache_flush.bytes IS 'Memory of the cache.';
COMMENT ON COLUMN peerscope.utxocache_flush.for_prune IS 'Whether pruning asked for it.';

CREATE TABLE peerscope.utxocache_change (
    node_id  int NOT NULL,
    run_id   bigint NOT NULL,
    ts       timestamptz NOT NULL,
    clk      int NOT NULL,
    seq      bigint NOT NULL,
    change   text NOT NULL,
    txid     bytea NOT NULL,
    vout     bigint NOT NULL,
    height   bigint NOT NULL,
    value    bigint NOT NULL,
    coinbase bool NOT NULL
) PARTITION BY RANGE (ts);
CREATE INDEX utxocache_change_ts ON peerscope.utxocache_change USING brin (ts) WITH (autosummarize = on);
COMMENT ON TABLE peerscope.utxocache_change IS
    'Changes of the coins cache; temporary caches fire them as well.';
COMMENT ON COLUMN peerscope.utxocache_change.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.utxocache_change.run_id IS 'The bitcoind process; peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.utxocache_change.ts IS 'When the probe fired, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.utxocache_change.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.utxocache_change.seq IS 'Sequence number of the record in the node''s stream.';
COMMENT ON COLUMN peerscope.utxocache_change.change IS 'add, spent or uncache.';
COMMENT ON COLUMN peerscope.utxocache_change.txid IS 'Transaction id in wire order.';
COMMENT ON COLUMN peerscope.utxocache_change.vout IS 'Output index.';
COMMENT ON COLUMN peerscope.utxocache_change.height IS 'Height at which the coin was made, for spent too.';
COMMENT ON COLUMN peerscope.utxocache_change.value IS 'Value in satoshi.';
COMMENT ON COLUMN peerscope.utxocache_change.coinbase IS 'Whether it is a coinbase output.';

CREATE TABLE peerscope.coin_selection (
    node_id    int NOT NULL,
    run_id     bigint NOT NULL,
    ts         timestamptz NOT NULL,
    clk        int NOT NULL,
    seq        bigint NOT NULL,
    event      text NOT NULL,
    wallet     text,
    algorithm  text,
    target     bigint,
    waste      bigint,
    selected   bigint,
    use_aps    bool,
    success    bool,
    fee        bigint,
    change_pos int
) PARTITION BY RANGE (ts);
CREATE INDEX coin_selection_ts ON peerscope.coin_selection USING brin (ts) WITH (autosummarize = on);
COMMENT ON TABLE peerscope.coin_selection IS
    'Coin selection of the node''s own wallets. Off by default.';
COMMENT ON COLUMN peerscope.coin_selection.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.coin_selection.run_id IS 'The bitcoind process; peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.coin_selection.ts IS 'When the probe fired, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.coin_selection.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.coin_selection.seq IS 'Sequence number of the record in the node''s stream.';
COMMENT ON COLUMN peerscope.coin_selection.event IS 'selected_coins, normal_create_tx_internal, attempting_aps_create_tx or aps_create_tx_internal.';
COMMENT ON COLUMN peerscope.coin_selection.wallet IS 'Wallet name.';
COMMENT ON COLUMN peerscope.coin_selection.algorithm IS 'Algorithm, for selected_coins.';
COMMENT ON COLUMN peerscope.coin_selection.target IS 'Target in satoshi, for selected_coins.';
COMMENT ON COLUMN peerscope.coin_selection.waste IS 'Waste metric, for selected_coins.';
COMMENT ON COLUMN peerscope.coin_selection.selected IS 'Selected value in satoshi, for selected_coins.';
COMMENT ON COLUMN peerscope.coin_selection.use_aps IS 'Whether avoid-partial-spends was used.';
COMMENT ON COLUMN peerscope.coin_selection.success IS 'Whether a transaction was made.';
COMMENT ON COLUMN peerscope.coin_selection.fee IS 'Fee in satoshi.';
COMMENT ON COLUMN peerscope.coin_selection.change_pos IS 'Index of the change output; -1 for none.';

CREATE TABLE peerscope.addrman_add (
    node_id   int NOT NULL,
    run_id    bigint NOT NULL,
    ts        timestamptz NOT NULL,
    clk       int NOT NULL,
    seq       bigint NOT NULL,
    inserted  bool NOT NULL,
    bucket    int NOT NULL,
    position  int NOT NULL,
    addr      text NOT NULL,
    addr_as   bigint NOT NULL,
    source    text NOT NULL,
    source_as bigint NOT NULL
) PARTITION BY RANGE (ts);
CREATE INDEX addrman_add_ts ON peerscope.addrman_add USING brin (ts) WITH (autosummarize = on);
COMMENT ON TABLE peerscope.addrman_add IS
    'Attempts to add an address to the new table (patched nodes).';
COMMENT ON COLUMN peerscope.addrman_add.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.addrman_add.run_id IS 'The bitcoind process; peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.addrman_add.ts IS 'When the probe fired, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.addrman_add.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.addrman_add.seq IS 'Sequence number of the record in the node''s stream.';
COMMENT ON COLUMN peerscope.addrman_add.inserted IS 'Whether it was inserted.';
COMMENT ON COLUMN peerscope.addrman_add.bucket IS 'Bucket; -1 when not inserted.';
COMMENT ON COLUMN peerscope.addrman_add.position IS 'Position in the bucket; -1 when not inserted.';
COMMENT ON COLUMN peerscope.addrman_add.addr IS 'Address with port.';
COMMENT ON COLUMN peerscope.addrman_add.addr_as IS 'Autonomous system of the address; 0 without asmap.';
COMMENT ON COLUMN peerscope.addrman_add.source IS 'Who told us.';
COMMENT ON COLUMN peerscope.addrman_add.source_as IS 'Autonomous system of the source; 0 without asmap.';

CREATE TABLE peerscope.addrman_good (
    node_id   int NOT NULL,
    run_id    bigint NOT NULL,
    ts        timestamptz NOT NULL,
    clk       int NOT NULL,
    seq       bigint NOT NULL,
    bucket    int NOT NULL,
    position  int NOT NULL,
    addr      text NOT NULL,
    addr_as   bigint NOT NULL,
    source    text NOT NULL,
    source_as bigint NOT NULL
) PARTITION BY RANGE (ts);
CREATE INDEX addrman_good_ts ON peerscope.addrman_good USING brin (ts) WITH (autosummarize = on);
COMMENT ON TABLE peerscope.addrman_good IS
    'Addresses moved to the tried table (patched nodes).';
COMMENT ON COLUMN peerscope.addrman_good.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.addrman_good.run_id IS 'The bitcoind process; peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.addrman_good.ts IS 'When the probe fired, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.addrman_good.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.addrman_good.seq IS 'Sequence number of the record in the node''s stream.';
COMMENT ON COLUMN peerscope.addrman_good.bucket IS 'Bucket; -1 when not inserted.';
COMMENT ON COLUMN peerscope.addrman_good.position IS 'Position in the bucket; -1 when not inserted.';
COMMENT ON COLUMN peerscope.addrman_good.addr IS 'Address with port.';
COMMENT ON COLUMN peerscope.addrman_good.addr_as IS 'Autonomous system of the address; 0 without asmap.';
COMMENT ON COLUMN peerscope.addrman_good.source IS 'Who told us.';
COMMENT ON COLUMN peerscope.addrman_good.source_as IS 'Autonomous system of the source; 0 without asmap.';

CREATE TABLE peerscope.tracepoint_count (
    node_id    int NOT NULL,
    run_id     bigint NOT NULL,
    ts         timestamptz NOT NULL,
    clk        int NOT NULL,
    seq        bigint NOT NULL,
    tracepoint text NOT NULL,
    count      bigint NOT NULL
) PARTITION BY RANGE (ts);
CREATE INDEX tracepoint_count_ts ON peerscope.tracepoint_count USING brin (ts) WITH (autosummarize = on);
COMMENT ON TABLE peerscope.tracepoint_count IS
    'Events that the policy counts instead of storing: one row a minute.';
COMMENT ON COLUMN peerscope.tracepoint_count.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.tracepoint_count.run_id IS 'The bitcoind process; peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.tracepoint_count.ts IS 'When the probe fired, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.tracepoint_count.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.tracepoint_count.seq IS 'Sequence number of the record in the node''s stream.';
COMMENT ON COLUMN peerscope.tracepoint_count.tracepoint IS 'provider:probe.';
COMMENT ON COLUMN peerscope.tracepoint_count.count IS 'Events since the row before.';

CREATE TABLE peerscope.ping_event (
    node_id  int NOT NULL,
    run_id   bigint NOT NULL,
    ts       timestamptz NOT NULL,
    clk      int NOT NULL,
    seq      bigint NOT NULL,
    peer_id  bigint NOT NULL,
    inbound  bool NOT NULL,
    msg_type text NOT NULL,
    nonce    bigint NOT NULL
) PARTITION BY RANGE (ts);
CREATE INDEX ping_event_ts ON peerscope.ping_event USING brin (ts) WITH (autosummarize = on);
CREATE INDEX ping_event_nonce ON peerscope.ping_event (nonce);
COMMENT ON TABLE peerscope.ping_event IS
    'Nonces of ping and pong messages, to audit clocks over links inside the fleet.';
COMMENT ON COLUMN peerscope.ping_event.node_id IS 'The node, see node.';
COMMENT ON COLUMN peerscope.ping_event.run_id IS 'The bitcoind process; peer ids are unique only inside one.';
COMMENT ON COLUMN peerscope.ping_event.ts IS 'When the probe fired, on the node''s own UTC clock.';
COMMENT ON COLUMN peerscope.ping_event.clk IS 'Clock segment of ts: join clock_segment on (node_id, clk).';
COMMENT ON COLUMN peerscope.ping_event.seq IS 'Sequence number of the record in the node''s stream.';
COMMENT ON COLUMN peerscope.ping_event.peer_id IS 'Core''s number of the peer, unique inside run_id.';
COMMENT ON COLUMN peerscope.ping_event.inbound IS 'True for a message we received, false for one we sent.';
COMMENT ON COLUMN peerscope.ping_event.msg_type IS 'ping or pong.';
COMMENT ON COLUMN peerscope.ping_event.nonce IS 'Nonce, as the bit pattern of a u64.';
