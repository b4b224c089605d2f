-- Peers, transactions and alerts: what the digest keeps of them by day.

CREATE TABLE peerscope.session_credit (
    node_id            int NOT NULL,
    run_id             bigint NOT NULL,
    peer_id            bigint NOT NULL,
    day                date NOT NULL,
    first_blocks       int NOT NULL DEFAULT 0,
    first_transactions int NOT NULL DEFAULT 0,
    PRIMARY KEY (node_id, run_id, peer_id, day)
);
CREATE INDEX session_credit_day ON peerscope.session_credit (day);
COMMENT ON TABLE peerscope.session_credit IS
    'What a session told its node first on a day: blocks and transactions that no other peer of the node had announced before.';
COMMENT ON COLUMN peerscope.session_credit.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.session_credit.run_id IS 'The process.';
COMMENT ON COLUMN peerscope.session_credit.peer_id IS 'Core''s number of the peer.';
COMMENT ON COLUMN peerscope.session_credit.day IS 'The day, UTC in corrected time: on which the node connected the block, or the fleet first heard of the transaction.';
COMMENT ON COLUMN peerscope.session_credit.first_blocks IS 'Blocks it announced first, of those the node connected and did not mine.';
COMMENT ON COLUMN peerscope.session_credit.first_transactions IS 'Transactions it announced or delivered first.';

CREATE TABLE peerscope.node_hour (
    node_id     int NOT NULL,
    hour        timestamptz NOT NULL,
    day         date NOT NULL,
    captured_s  float8 NOT NULL,
    run_age_s   float8,
    inbound     float8 NOT NULL,
    outbound    float8 NOT NULL,
    opened_in   int NOT NULL,
    bytes_in    bigint NOT NULL,
    bytes_out   bigint NOT NULL,
    tip_lag_s   float8,
    PRIMARY KEY (node_id, hour)
);
CREATE INDEX node_hour_hour ON peerscope.node_hour (hour);
CREATE INDEX node_hour_day ON peerscope.node_hour (day);
COMMENT ON TABLE peerscope.node_hour IS
    'A node''s hour in numbers: what alerts compare an hour with.';
COMMENT ON COLUMN peerscope.node_hour.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.node_hour.hour IS 'Start of the hour, on the node''s clock.';
COMMENT ON COLUMN peerscope.node_hour.day IS 'Day of the hour, UTC on the node''s clock.';
COMMENT ON COLUMN peerscope.node_hour.captured_s IS 'Seconds of the hour in which the node''s messages were captured without gap.';
COMMENT ON COLUMN peerscope.node_hour.run_age_s IS 'Age of the process where the captured part of the hour begins, in seconds; NULL when its start is unknown.';
COMMENT ON COLUMN peerscope.node_hour.inbound IS 'Inbound peers connected, mean over the captured time.';
COMMENT ON COLUMN peerscope.node_hour.outbound IS 'Outbound peers connected, mean over the captured time; without feelers, addr-fetch and private-broadcast.';
COMMENT ON COLUMN peerscope.node_hour.opened_in IS 'Inbound sessions opened.';
COMMENT ON COLUMN peerscope.node_hour.bytes_in IS 'Payload bytes received.';
COMMENT ON COLUMN peerscope.node_hour.bytes_out IS 'Payload bytes sent.';
COMMENT ON COLUMN peerscope.node_hour.tip_lag_s IS 'The most seconds its tip was behind the fleet''s best; see eclipse_indicators.';

CREATE TABLE peerscope.eclipse_hour (
    node_id               int NOT NULL,
    hour                  timestamptz NOT NULL,
    population            text NOT NULL,
    day                   date NOT NULL,
    members               float8,
    netgroup_hhi          float8,
    effective_groups      float8,
    top_group_share       float8,
    top_group             text,
    top_source_share      float8,
    table_occupancy       float8,
    outbound_replacements int,
    evicted_per_inbound   float8,
    tip_lag_s             float8,
    PRIMARY KEY (node_id, hour, population)
);
CREATE INDEX eclipse_hour_hour ON peerscope.eclipse_hour (hour);
CREATE INDEX eclipse_hour_day ON peerscope.eclipse_hour (day);
COMMENT ON TABLE peerscope.eclipse_hour IS
    'How concentrated a node''s peers and address tables are, by hour: what eclipse_indicators shows.';
COMMENT ON COLUMN peerscope.eclipse_hour.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.eclipse_hour.hour IS 'Start of the hour, on the node''s clock.';
COMMENT ON COLUMN peerscope.eclipse_hour.population IS 'outbound, inbound or addrman.';
COMMENT ON COLUMN peerscope.eclipse_hour.day IS 'Day of the hour, UTC on the node''s clock.';
COMMENT ON COLUMN peerscope.eclipse_hour.members IS 'Peers connected, mean over the captured time; for addrman, slots known to be filled at the hour''s end.';
COMMENT ON COLUMN peerscope.eclipse_hour.netgroup_hhi IS 'Sum of the squared shares of network groups.';
COMMENT ON COLUMN peerscope.eclipse_hour.effective_groups IS 'e to the entropy of those shares.';
COMMENT ON COLUMN peerscope.eclipse_hour.top_group_share IS 'Share of the largest group.';
COMMENT ON COLUMN peerscope.eclipse_hour.top_group IS 'The largest group; of equal ones the first by name.';
COMMENT ON COLUMN peerscope.eclipse_hour.top_source_share IS 'addrman: share of the largest group of sources.';
COMMENT ON COLUMN peerscope.eclipse_hour.table_occupancy IS 'addrman: share of its 81 920 slots known to be filled.';
COMMENT ON COLUMN peerscope.eclipse_hour.outbound_replacements IS 'outbound: full-relay and block-relay peers lost after at least ten minutes.';
COMMENT ON COLUMN peerscope.eclipse_hour.evicted_per_inbound IS 'inbound: evictions per session opened.';
COMMENT ON COLUMN peerscope.eclipse_hour.tip_lag_s IS 'The most seconds the node''s tip was behind the fleet''s best.';

CREATE TABLE peerscope.connection_hour (
    node_id       int NOT NULL,
    hour          timestamptz NOT NULL,
    network       text NOT NULL,
    direction     text NOT NULL,
    day           date NOT NULL,
    opened        int NOT NULL,
    handshaked    int NOT NULL,
    closed        int NOT NULL,
    evicted       int NOT NULL,
    median_life_s float8,
    PRIMARY KEY (node_id, hour, network, direction)
);
CREATE INDEX connection_hour_hour ON peerscope.connection_hour (hour);
CREATE INDEX connection_hour_day ON peerscope.connection_hour (day);
COMMENT ON TABLE peerscope.connection_hour IS
    'Connections that came and went in an hour: what connection_churn shows.';
COMMENT ON COLUMN peerscope.connection_hour.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.connection_hour.hour IS 'Start of the hour, on the node''s clock.';
COMMENT ON COLUMN peerscope.connection_hour.network IS 'ipv4, ipv6, onion, i2p, cjdns, unroutable or unknown.';
COMMENT ON COLUMN peerscope.connection_hour.direction IS 'inbound or outbound.';
COMMENT ON COLUMN peerscope.connection_hour.day IS 'Day of the hour, UTC on the node''s clock.';
COMMENT ON COLUMN peerscope.connection_hour.opened IS 'Sessions opened in the hour.';
COMMENT ON COLUMN peerscope.connection_hour.handshaked IS 'Handshakes completed in the hour.';
COMMENT ON COLUMN peerscope.connection_hour.closed IS 'Sessions ended in the hour, by whatever cause.';
COMMENT ON COLUMN peerscope.connection_hour.evicted IS 'Those of them that we evicted.';
COMMENT ON COLUMN peerscope.connection_hour.median_life_s IS 'Median life of the sessions opened in the hour, in seconds; see connection_churn.';

CREATE TABLE peerscope.addrman_slot (
    node_id      int NOT NULL,
    tried        bool NOT NULL,
    bucket       int NOT NULL,
    position     int NOT NULL,
    day          date NOT NULL,
    addr         text,
    netgroup     text,
    source_group text,
    filled_at    timestamptz,
    PRIMARY KEY (node_id, tried, bucket, position, day)
);
CREATE INDEX addrman_slot_day ON peerscope.addrman_slot (day);
COMMENT ON TABLE peerscope.addrman_slot IS
    'Slots of a patched node''s address tables that changed on a day, as they were at its end.';
COMMENT ON COLUMN peerscope.addrman_slot.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.addrman_slot.tried IS 'Whether of the tried table (256 buckets of 64), not of the new one (1024 of 64).';
COMMENT ON COLUMN peerscope.addrman_slot.bucket IS 'Bucket.';
COMMENT ON COLUMN peerscope.addrman_slot.position IS 'Position in the bucket.';
COMMENT ON COLUMN peerscope.addrman_slot.day IS 'The day, UTC on the node''s clock.';
COMMENT ON COLUMN peerscope.addrman_slot.addr IS 'Address in it, with port; NULL when it moved to the tried table.';
COMMENT ON COLUMN peerscope.addrman_slot.netgroup IS 'Group of the address: AS<number> where the node has an asmap, else its network group.';
COMMENT ON COLUMN peerscope.addrman_slot.source_group IS 'Group of whoever told the node of it.';
COMMENT ON COLUMN peerscope.addrman_slot.filled_at IS 'When it was put there, on the node''s clock.';

CREATE TABLE peerscope.spy_window (
    day           date NOT NULL,
    "group"       text NOT NULL,
    nodes         int NOT NULL,
    sessions      int NOT NULL,
    median_life_s float8,
    reconnects    int NOT NULL,
    inv_out       bigint NOT NULL,
    getdata_in    bigint NOT NULL,
    tx_in         bigint NOT NULL,
    agents        int NOT NULL,
    score         float8 NOT NULL,
    third_node_at timestamptz NOT NULL,
    PRIMARY KEY (day, "group")
);
COMMENT ON TABLE peerscope.spy_window IS
    'Groups that were connected to at least three of our nodes within seven days: what spy_candidates shows of the last window.';
COMMENT ON COLUMN peerscope.spy_window.day IS 'Last of the seven days, UTC on the nodes'' clocks.';
COMMENT ON COLUMN peerscope.spy_window."group" IS 'A /24 (IPv4) or /48 (IPv6, CJDNS).';
COMMENT ON COLUMN peerscope.spy_window.nodes IS 'Nodes it was connected to.';
COMMENT ON COLUMN peerscope.spy_window.sessions IS 'Inbound sessions.';
COMMENT ON COLUMN peerscope.spy_window.median_life_s IS 'Median life of the sessions in seconds (Kaplan-Meier).';
COMMENT ON COLUMN peerscope.spy_window.reconnects IS 'Sessions of an address to a node after an earlier one of the same address there had ended.';
COMMENT ON COLUMN peerscope.spy_window.inv_out IS 'Transactions we announced to them.';
COMMENT ON COLUMN peerscope.spy_window.getdata_in IS 'Transactions they asked us for.';
COMMENT ON COLUMN peerscope.spy_window.tx_in IS 'Transactions they delivered.';
COMMENT ON COLUMN peerscope.spy_window.agents IS 'Different user agents they claimed.';
COMMENT ON COLUMN peerscope.spy_window.score IS 'See spy_candidates.';
COMMENT ON COLUMN peerscope.spy_window.third_node_at IS 'When the group had been to three nodes: start of the first session at the third.';

CREATE TABLE peerscope.peer_value_window (
    day                date NOT NULL,
    peer               text NOT NULL,
    agent              text NOT NULL,
    "group"            text,
    nodes              int NOT NULL,
    sessions           int NOT NULL,
    first_blocks       bigint NOT NULL,
    first_transactions bigint NOT NULL,
    bytes              bigint NOT NULL,
    evicted            int NOT NULL,
    PRIMARY KEY (day, peer, agent)
);
COMMENT ON TABLE peerscope.peer_value_window IS
    'What each peer was worth in seven days: what peer_value shows of the last window.';
COMMENT ON COLUMN peerscope.peer_value_window.day IS 'Last of the seven days, UTC on the nodes'' clocks.';
COMMENT ON COLUMN peerscope.peer_value_window.peer IS 'Host of the peer, without port.';
COMMENT ON COLUMN peerscope.peer_value_window.agent IS 'User agent it claims; empty when it said none.';
COMMENT ON COLUMN peerscope.peer_value_window."group" IS 'Its /24 or /48, else its network group; NULL for a name.';
COMMENT ON COLUMN peerscope.peer_value_window.nodes IS 'Nodes it was connected to.';
COMMENT ON COLUMN peerscope.peer_value_window.sessions IS 'Sessions.';
COMMENT ON COLUMN peerscope.peer_value_window.first_blocks IS 'Blocks that these sessions named first, in all their life.';
COMMENT ON COLUMN peerscope.peer_value_window.first_transactions IS 'Transactions that they announced or delivered first, in all their life.';
COMMENT ON COLUMN peerscope.peer_value_window.bytes IS 'Payload bytes of these sessions in both directions, in all their life.';
COMMENT ON COLUMN peerscope.peer_value_window.evicted IS 'Sessions that we evicted.';

-- Transactions.

CREATE TABLE peerscope.tx_reach (
    day            date NOT NULL,
    id             bytea NOT NULL,
    wtxid          bytea,
    txid           bytea,
    t0             timestamptz NOT NULL,
    nodes          int NOT NULL,
    eligible       int NOT NULL,
    reached        int NOT NULL,
    p50_ms         float8,
    p90_ms         float8,
    error_ms       float8,
    removal_reason text,
    removal_day    date,
    PRIMARY KEY (day, id)
);
CREATE INDEX tx_reach_t0 ON peerscope.tx_reach (t0);
CREATE INDEX tx_reach_wtxid ON peerscope.tx_reach (wtxid);
CREATE INDEX tx_reach_txid ON peerscope.tx_reach (txid);
COMMENT ON TABLE peerscope.tx_reach IS
    'How far and how fast each transaction came in the fleet: what tx_propagation shows. A transaction is of the day on which the fleet heard of it, if no node had on the day before.';
COMMENT ON COLUMN peerscope.tx_reach.day IS 'Day of t0, UTC.';
COMMENT ON COLUMN peerscope.tx_reach.id IS 'wtxid, or txid where no wtxid is known.';
COMMENT ON COLUMN peerscope.tx_reach.wtxid IS 'Witness transaction id in wire order; NULL when it was announced by txid only and never seen whole.';
COMMENT ON COLUMN peerscope.tx_reach.txid IS 'Transaction id in wire order; NULL when it was announced by wtxid only and never seen whole.';
COMMENT ON COLUMN peerscope.tx_reach.t0 IS 'Corrected time of the first inbound inv or tx at any node, of those whose clock error is known if there are any.';
COMMENT ON COLUMN peerscope.tx_reach.nodes IS 'Nodes that were told of it within ten minutes.';
COMMENT ON COLUMN peerscope.tx_reach.eligible IS 'Nodes that could have been told.';
COMMENT ON COLUMN peerscope.tx_reach.reached IS 'Those of them that were.';
COMMENT ON COLUMN peerscope.tx_reach.p50_ms IS 'Median delay of the nodes told, in milliseconds after t0.';
COMMENT ON COLUMN peerscope.tx_reach.p90_ms IS 'Delay that nine of ten of the nodes told kept within.';
COMMENT ON COLUMN peerscope.tx_reach.error_ms IS 'The true p50_ms and p90_ms differ from the given ones by no more.';
COMMENT ON COLUMN peerscope.tx_reach.removal_reason IS 'Why it left the mempools: expiry, sizelimit, reorg, block, conflict or replaced, whichever most nodes said on removal_day; NULL while none let it go.';
COMMENT ON COLUMN peerscope.tx_reach.removal_day IS 'The first UTC day, in corrected time, on which a node let it go.';

CREATE TABLE peerscope.mempool_pair_sample (
    at     timestamptz NOT NULL,
    node_a int NOT NULL,
    node_b int NOT NULL,
    day    date NOT NULL,
    common int NOT NULL,
    only_a int NOT NULL,
    only_b int NOT NULL,
    PRIMARY KEY (at, node_a, node_b)
);
CREATE INDEX mempool_pair_sample_day ON peerscope.mempool_pair_sample (day);
COMMENT ON TABLE peerscope.mempool_pair_sample IS
    'Mempools of two nodes compared, every ten minutes: what mempool_divergence shows.';
COMMENT ON COLUMN peerscope.mempool_pair_sample.at IS 'Corrected time of the sample, a multiple of ten minutes UTC.';
COMMENT ON COLUMN peerscope.mempool_pair_sample.node_a IS 'The node with the lower number.';
COMMENT ON COLUMN peerscope.mempool_pair_sample.node_b IS 'The other node.';
COMMENT ON COLUMN peerscope.mempool_pair_sample.day IS 'Day of the sample, UTC.';
COMMENT ON COLUMN peerscope.mempool_pair_sample.common IS 'Transactions in both mempools.';
COMMENT ON COLUMN peerscope.mempool_pair_sample.only_a IS 'Transactions only in that of node_a.';
COMMENT ON COLUMN peerscope.mempool_pair_sample.only_b IS 'Transactions only in that of node_b.';

CREATE TABLE peerscope.block_missing (
    node_id      int NOT NULL,
    hash         bytea NOT NULL,
    day          date NOT NULL,
    height       int NOT NULL,
    at           timestamptz NOT NULL,
    transactions bigint NOT NULL,
    removed      int NOT NULL,
    complete     bool NOT NULL,
    PRIMARY KEY (node_id, hash)
);
CREATE INDEX block_missing_height ON peerscope.block_missing (height);
CREATE INDEX block_missing_at ON peerscope.block_missing (at);
CREATE INDEX block_missing_day ON peerscope.block_missing (day);
COMMENT ON TABLE peerscope.block_missing IS
    'How much of a block a node''s mempool held when the node first connected it: what missing_at_block shows.';
COMMENT ON COLUMN peerscope.block_missing.node_id IS 'The node.';
COMMENT ON COLUMN peerscope.block_missing.hash IS 'Block hash in wire order.';
COMMENT ON COLUMN peerscope.block_missing.day IS 'Day of block_connected, UTC on the node''s clock.';
COMMENT ON COLUMN peerscope.block_missing.height IS 'Height.';
COMMENT ON COLUMN peerscope.block_missing.at IS 'When it was connected, corrected time.';
COMMENT ON COLUMN peerscope.block_missing.transactions IS 'Transactions in the block, with its coinbase.';
COMMENT ON COLUMN peerscope.block_missing.removed IS 'Transactions that left the mempool because the block has them.';
COMMENT ON COLUMN peerscope.block_missing.complete IS 'Whether removals were captured without gap from block_connected to a second after the last of them.';

-- Why a transaction was refused, in the few words an operator counts by. Core tells classes apart with
-- TxValidationResult, which no tracepoint carries; its reasons belong to one each.
CREATE TABLE peerscope.reject_reason (
    reason       text,
    reject_class text NOT NULL,
    PRIMARY KEY (reason)
);
COMMENT ON TABLE peerscope.reject_reason IS
    'Classes of Core''s reasons to refuse a transaction (validation.cpp, tx_check.cpp, tx_verify.cpp, policy.cpp, rbf.cpp, truc_policy.cpp of v23 to v31). Data: INSERT what a newer Core says.';
COMMENT ON COLUMN peerscope.reject_reason.reason IS 'Core''s reason, up to the first " (" or "," where details begin.';
COMMENT ON COLUMN peerscope.reject_reason.reject_class IS 'consensus, script, missing_inputs, premature, known, fee, replacement, limits, non_standard or witness.';
INSERT INTO peerscope.reject_reason (reject_class, reason)
SELECT c.reject_class, unnest(c.reasons) FROM (VALUES
    ('consensus', ARRAY['bad-txns-vin-empty', 'bad-txns-vout-empty', 'bad-txns-oversize', 'bad-txns-vout-negative',
        'bad-txns-vout-toolarge', 'bad-txns-txouttotal-toolarge', 'bad-txns-inputs-duplicate', 'bad-txns-prevout-null',
        'bad-cb-length', 'bad-txns-inputvalues-outofrange', 'bad-txns-in-belowout', 'bad-txns-fee-outofrange',
        'bad-txns-accumulated-fee-outofrange', 'coinbase']),
    ('script', ARRAY['mandatory-script-verify-flag-failed', 'non-mandatory-script-verify-flag',
        'mempool-script-verify-flag-failed', 'block-script-verify-flag-failed']),
    ('missing_inputs', ARRAY['bad-txns-inputs-missingorspent', 'missing-inputs']),
    ('premature', ARRAY['non-final', 'non-BIP68-final', 'bad-txns-premature-spend-of-coinbase']),
    ('known', ARRAY['txn-already-in-mempool', 'txn-same-nonwitness-data-in-mempool', 'txn-already-known']),
    ('fee', ARRAY['min relay fee not met', 'mempool min fee not met', 'package-fee-too-low', 'max feerate exceeded',
        'max-fee-exceeded']),
    ('replacement', ARRAY['insufficient fee', 'txn-mempool-conflict', 'too many potential replacements',
        'replacement-adds-unconfirmed', 'bad-txns-spends-conflicting-tx', 'replacement-failed',
        'bip125-replacement-disallowed']),
    ('limits', ARRAY['too-long-mempool-chain', 'too-large-cluster', 'mempool full', 'package-mempool-limits',
        'TRUC-violation', 'v3-rule-violation']),
    ('non_standard', ARRAY['version', 'tx-size', 'tx-size-small', 'scriptsig-size', 'scriptsig-not-pushonly', 'scriptpubkey',
        'bare-multisig', 'dust', 'multi-op-return', 'datacarrier', 'bad-txns-nonstandard-inputs', 'bad-txns-too-many-sigops',
        'missing-ephemeral-spends']),
    ('witness', ARRAY['bad-witness-nonstandard', 'no-witness-yet', 'witness-program-mismatch'])
) AS c (reject_class, reasons);

-- Alerts.

-- When a gap of sequence numbers was noted is the only time it has.
ALTER TABLE peerscope.event_gap ADD COLUMN declared_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX event_gap_at ON peerscope.event_gap (coalesce(gap_from, declared_at));
COMMENT ON COLUMN peerscope.event_gap.declared_at IS 'When it was noted, on the database''s clock.';

CREATE TABLE peerscope.alert_rule (
    kind        text NOT NULL,
    measure     text NOT NULL,
    threshold   float8 NOT NULL,
    release     float8 NOT NULL,
    below       bool NOT NULL DEFAULT false,
    minimum     float8 NOT NULL DEFAULT 0,
    hold        interval NOT NULL,
    lasting     interval NOT NULL DEFAULT '0',
    unit        text NOT NULL,
    enabled     bool NOT NULL DEFAULT true,
    description text NOT NULL,
    evidence    text NOT NULL,
    PRIMARY KEY (kind, measure)
);
COMMENT ON TABLE peerscope.alert_rule IS
    'When an alert opens and when it closes. Data, not code: UPDATE it; what is changed holds from the next digest of a day on.';
COMMENT ON COLUMN peerscope.alert_rule.kind IS 'The alert.';
COMMENT ON COLUMN peerscope.alert_rule.measure IS 'What is measured; an alert may have several.';
COMMENT ON COLUMN peerscope.alert_rule.threshold IS 'The alert opens when the measure reaches this.';
COMMENT ON COLUMN peerscope.alert_rule.release IS 'It stays open while the measure is at this or beyond.';
COMMENT ON COLUMN peerscope.alert_rule.below IS 'Whether small values are bad.';
COMMENT ON COLUMN peerscope.alert_rule.minimum IS 'The measure counts only where it rests on this much; the description says of what.';
COMMENT ON COLUMN peerscope.alert_rule.hold IS 'It closes when the measure has not been so for this long; what comes back earlier is the same alert.';
COMMENT ON COLUMN peerscope.alert_rule.lasting IS 'It opens only when the measure has been so for this long.';
COMMENT ON COLUMN peerscope.alert_rule.unit IS 'Unit of threshold and release.';
COMMENT ON COLUMN peerscope.alert_rule.enabled IS 'Whether the rule is applied.';
COMMENT ON COLUMN peerscope.alert_rule.description IS 'The rule in words.';
COMMENT ON COLUMN peerscope.alert_rule.evidence IS 'The query that shows the rows behind an alert, for format(): 1 the node, 2 and 3 start and end of the span, 4 the subject.';

INSERT INTO peerscope.alert_rule
    (kind, measure, threshold, release, below, minimum, hold, lasting, unit, description, evidence) VALUES
    ('silent_node', 'silence', 300, 300, false, 0, '0', '0', 'seconds',
     'No batch of the node has arrived for so long, by the aggregator''s wall clock. Nodes with the label "retired" are left alone.',
     'SELECT n.name, s.stream_id, s.last_batch_at, s.last_event_at, now() - s.last_batch_at AS silent_for FROM peerscope.stream s JOIN peerscope.node n USING (node_id) WHERE n.name = %1$L ORDER BY s.last_batch_at DESC'),
    ('stale_tip', 'time', 600, 600, false, 0, '60 s', '0', 'seconds',
     'The node has not connected a block for so long after the first node of the fleet connected one of that height or above.',
     'SELECT * FROM peerscope.block_arrival_skew WHERE stage = ''s6'' AND at >= %2$L::timestamptz - interval ''1 hour'' AND at < %3$L::timestamptz + interval ''1 hour'' ORDER BY height, at'),
    ('stale_tip', 'height', 3, 3, false, 0, '60 s', '10 s', 'blocks',
     'The fleet''s best node is so many blocks ahead of the node.',
     'SELECT * FROM peerscope.block_arrival_skew WHERE stage = ''s6'' AND at >= %2$L::timestamptz - interval ''1 hour'' AND at < %3$L::timestamptz + interval ''1 hour'' ORDER BY height, at'),
    ('block_rate', 'slow', 5, 8, true, 0, '20 min', '0', 'blocks',
     'Blocks of different heights that the node connected in the last four hours, looked at every ten minutes; of 24 expected, so few come by chance once in some ten million four-hour spans. Only while it was captured all that time, is not in initial download, and the chain needs work (not regtest).',
     'SELECT * FROM peerscope.block_stage_latency WHERE node = %1$L AND s6 > %2$L::timestamptz - interval ''4 hours'' AND s6 <= %3$L ORDER BY s6'),
    ('block_rate', 'fast', 48, 44, false, 0, '20 min', '0', 'blocks',
     'As slow, for too many.',
     'SELECT * FROM peerscope.block_stage_latency WHERE node = %1$L AND s6 > %2$L::timestamptz - interval ''4 hours'' AND s6 <= %3$L ORDER BY s6'),
    ('clock_fault', 'segment', 1, 1, false, 0, '5 min', '0', 'faults',
     'A clock segment contradicts itself (clock_fault) or its NTP bounds (ntp_fault).',
     'SELECT c.* FROM peerscope.clock_segment c JOIN peerscope.node n USING (node_id) WHERE n.name = %1$L AND c.quality IN (''clock_fault'', ''ntp_fault'') AND c.valid_from <= %3$L AND coalesce(c.valid_to, ''infinity'') >= %2$L ORDER BY c.clk'),
    ('loss', 'events', 1, 1, false, 0, '5 min', '0', 'events',
     'Events were lost and counted: ring full, spool bound, unreadable memory, quarantine and the like.',
     'SELECT g.* FROM peerscope.event_gap g JOIN peerscope.node n USING (node_id) WHERE n.name = %1$L AND (g.gap_from IS NULL OR g.gap_from <= %3$L AND coalesce(g.gap_to, g.gap_from) >= %2$L) ORDER BY g.gap_from, g.seq'),
    ('loss', 'blind', 60, 60, false, 0, '5 min', '0', 'seconds',
     'Programs were not attached for so long: what happened then nobody can count.',
     'SELECT g.* FROM peerscope.event_gap g JOIN peerscope.node n USING (node_id) WHERE n.name = %1$L AND g.reason = ''blind'' AND g.gap_from <= %3$L AND coalesce(g.gap_to, ''infinity'') >= %2$L ORDER BY g.gap_from, g.seq'),
    ('addr_flood', 'tens', 20, 5, false, 0, '5 min', '0', 'messages a minute',
     'A session sent so many address messages of exactly ten entries in a minute, as in the flood of 2021. Honest peers send one in half a minute.',
     'SELECT m.*, s.addr AS peer, s.user_agent FROM peerscope.addr_session_minute m JOIN peerscope.node n USING (node_id) JOIN peerscope.peer_session s USING (node_id, run_id, peer_id) WHERE n.name = %1$L AND m.minute >= %2$L AND m.minute < %3$L AND m.run_id || '':'' || m.peer_id = %4$L ORDER BY m.minute'),
    ('addr_flood', 'limited', 500, 50, false, 0, '5 min', '0', 'entries a minute',
     'Core''s rate limit drops so many address entries of a session in a minute.',
     'SELECT m.*, s.addr AS peer, s.user_agent FROM peerscope.addr_session_minute m JOIN peerscope.node n USING (node_id) JOIN peerscope.peer_session s USING (node_id, run_id, peer_id) WHERE n.name = %1$L AND m.minute >= %2$L AND m.minute < %3$L AND m.run_id || '':'' || m.peer_id = %4$L ORDER BY m.minute'),
    ('inbound_drop', 'ratio', 0.5, 0.7, true, 8, '2 h', '0', 'of the median',
     'Inbound peers in an hour against the median hour of the 24 before, of which at least six must be known; minimum: peers in the median hour. Not in the first six hours of a process, nor with less than ten captured minutes in the hour.',
     'SELECT h.* FROM peerscope.node_hour h JOIN peerscope.node n USING (node_id) WHERE n.name = %1$L AND h.hour >= %2$L::timestamptz - interval ''24 hours'' AND h.hour < %3$L ORDER BY h.hour'),
    ('netgroup_concentration', 'outbound', 0.5, 0.35, false, 4, '2 h', '0', 'share',
     'Largest network group''s share of the outbound peers of an hour; minimum: peers connected. Core takes each automatic outbound peer from another group.',
     'SELECT * FROM peerscope.eclipse_indicators WHERE node = %1$L AND hour >= %2$L AND hour < %3$L AND population = %4$L ORDER BY hour'),
    ('netgroup_concentration', 'inbound', 0.5, 0.35, false, 20, '2 h', '0', 'share',
     'The same of the inbound peers. Peers without a routable address, as over Tor, are not held to be one group.',
     'SELECT * FROM peerscope.eclipse_indicators WHERE node = %1$L AND hour >= %2$L AND hour < %3$L AND population = %4$L ORDER BY hour'),
    ('netgroup_concentration', 'addrman', 0.5, 0.35, false, 1000, '2 h', '0', 'share',
     'Largest share of one group of addresses or of sources in the node''s address tables (patched nodes); minimum: slots known to be filled.',
     'SELECT * FROM peerscope.eclipse_indicators WHERE node = %1$L AND hour >= %2$L AND hour < %3$L AND population = %4$L ORDER BY hour'),
    ('outbound_rotation', 'replacements', 5, 3, false, 0, '1 h', '0', 'peers an hour',
     'Outbound full-relay and block-relay peers lost in an hour after at least ten minutes. Core has ten of them and keeps them for days.',
     'SELECT c.* FROM peerscope.peer_connection c WHERE c.node = %1$L AND c.direction = ''outbound'' AND c.closed_at >= %2$L AND c.closed_at < %3$L ORDER BY c.closed_at'),
    ('mempool_divergence', 'jaccard', 0.8, 0.9, true, 100, '20 min', '10 min', 'Jaccard index',
     'Jaccard index that the node does not exceed with more than half of the other nodes; minimum: transactions in either mempool, at the median. With two nodes nobody can say which of them is wrong, and both are named.',
     'SELECT * FROM peerscope.mempool_divergence WHERE (node_a = %1$L OR node_b = %1$L) AND at >= %2$L AND at <= %3$L ORDER BY at, node_a, node_b'),
    ('reject_burst', 'ratio', 10, 5, false, 500, '2 h', '0', 'times the median',
     'Refused transactions in an hour against the median hour of the 24 before, of which at least six must be known; minimum: refusals in the hour.',
     'SELECT * FROM peerscope.mempool_rejects WHERE node = %1$L AND hour >= %2$L::timestamptz - interval ''24 hours'' AND hour < %3$L ORDER BY hour, count DESC'),
    ('misbehaviour_burst', 'events', 10, 3, false, 0, '20 min', '0', 'in ten minutes',
     'Peers that the node found misbehaving in ten minutes.',
     'SELECT e.* FROM peerscope.connection_event e JOIN peerscope.node n USING (node_id) WHERE n.name = %1$L AND e.event = ''misbehaving'' AND e.ts >= %2$L AND e.ts < %3$L ORDER BY e.ts'),
    ('ping_spam', 'pings', 60, 20, false, 0, '5 min', '0', 'a minute',
     'Pings from one session in a minute. Core sends one in two minutes.',
     'SELECT p.* FROM peerscope.ping_event p JOIN peerscope.node n USING (node_id) WHERE n.name = %1$L AND p.inbound AND p.msg_type = ''ping'' AND p.ts >= %2$L AND p.ts < %3$L AND p.run_id || '':'' || p.peer_id = %4$L ORDER BY p.ts'),
    ('bandwidth_surge', 'in', 5, 3, false, 50000000, '1 h', '0', 'times the median',
     'Bytes received in an hour against the median hour of the 24 before, of which at least six must be known; minimum: bytes in the hour.',
     'SELECT minute, msg_type, conn_type, inbound, sum(messages) AS messages, sum(bytes) AS bytes FROM peerscope.message_minute m JOIN peerscope.node n USING (node_id) WHERE n.name = %1$L AND minute >= %2$L AND minute < %3$L GROUP BY minute, msg_type, conn_type, inbound ORDER BY bytes DESC LIMIT 100'),
    ('bandwidth_surge', 'out', 5, 3, false, 200000000, '1 h', '0', 'times the median',
     'The same for bytes sent.',
     'SELECT minute, msg_type, conn_type, inbound, sum(messages) AS messages, sum(bytes) AS bytes FROM peerscope.message_minute m JOIN peerscope.node n USING (node_id) WHERE n.name = %1$L AND minute >= %2$L AND minute < %3$L GROUP BY minute, msg_type, conn_type, inbound ORDER BY bytes DESC LIMIT 100'),
    ('spy_candidate', 'score', 0.4, 0.25, false, 3, '1 day', '0', 'score',
     'A group with such a score in spy_candidates; minimum: nodes. Concerns the whole fleet.',
     'SELECT * FROM peerscope.peer_connection WHERE group24 = %4$L AND direction = ''inbound'' AND opened_at < %3$L AND opened_at >= %2$L::timestamptz - interval ''7 days'' ORDER BY opened_at');

CREATE TABLE peerscope.alert_sample (
    kind     text NOT NULL,
    node_id  int NOT NULL,
    subject  text NOT NULL,
    measure  text NOT NULL,
    at       timestamptz NOT NULL,
    until    timestamptz NOT NULL,
    day      date NOT NULL,
    value    float8 NOT NULL,
    PRIMARY KEY (kind, node_id, subject, measure, at)
);
CREATE INDEX alert_sample_day ON peerscope.alert_sample (day);
COMMENT ON TABLE peerscope.alert_sample IS
    'What a rule measured wherever that was at its release or beyond: alerts are made of these alone.';
COMMENT ON COLUMN peerscope.alert_sample.kind IS 'The alert.';
COMMENT ON COLUMN peerscope.alert_sample.node_id IS 'The node; 0 for the whole fleet.';
COMMENT ON COLUMN peerscope.alert_sample.subject IS 'What of the node it is about, a population or run_id:peer_id; empty for the node itself.';
COMMENT ON COLUMN peerscope.alert_sample.measure IS 'What was measured.';
COMMENT ON COLUMN peerscope.alert_sample.at IS 'Start of the span it was measured in.';
COMMENT ON COLUMN peerscope.alert_sample.until IS 'End of that span.';
COMMENT ON COLUMN peerscope.alert_sample.day IS 'Day of at, UTC on the clock that at is of: the node''s own, or corrected time where nodes are compared.';
COMMENT ON COLUMN peerscope.alert_sample.value IS 'The value, in the rule''s unit.';

CREATE TABLE peerscope.alert (
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    node      text,
    kind      text NOT NULL,
    evidence  text NOT NULL,
    subject   text NOT NULL,
    measures  text[] NOT NULL,
    worst     float8 NOT NULL
);
CREATE UNIQUE INDEX alert_key ON peerscope.alert (kind, coalesce(node, ''), subject, opened_at);
CREATE INDEX alert_opened ON peerscope.alert (opened_at);
CREATE INDEX alert_open ON peerscope.alert (kind) WHERE closed_at IS NULL;
COMMENT ON TABLE peerscope.alert IS
    'What an operator should look at, from its beginning to its end. Rules and thresholds are in alert_rule.';
COMMENT ON COLUMN peerscope.alert.opened_at IS 'Since when: start of the first span in which a measure reached its threshold.';
COMMENT ON COLUMN peerscope.alert.closed_at IS 'Until when: end of the last span in which a measure was at its release or beyond; NULL while it lasts.';
COMMENT ON COLUMN peerscope.alert.node IS 'The node; NULL for the whole fleet.';
COMMENT ON COLUMN peerscope.alert.kind IS 'silent_node, stale_tip, block_rate, clock_fault, loss, addr_flood, inbound_drop, netgroup_concentration, outbound_rotation, mempool_divergence, reject_burst, misbehaviour_burst, ping_spam, bandwidth_surge or spy_candidate.';
COMMENT ON COLUMN peerscope.alert.evidence IS 'A query that shows the rows behind it, to be run as it is.';
COMMENT ON COLUMN peerscope.alert.subject IS 'What of the node it is about: a population, run_id:peer_id of a session, or a group of peers; empty for the node itself.';
COMMENT ON COLUMN peerscope.alert.measures IS 'The measures of the rule that were reached.';
COMMENT ON COLUMN peerscope.alert.worst IS 'The worst value of the first of them, in the unit of its rule.';

INSERT INTO peerscope.digest_part (part, ordinal, description) VALUES
    ('peers', 30, 'Connections by hour, concentration of peers and address tables, peers of many nodes: node_hour, eclipse_hour, connection_hour, addrman_slot, spy_window, session_credit'),
    ('transactions', 40, 'How transactions travel, how mempools differ, what peers are worth: tx_reach, mempool_pair_sample, block_missing, session_credit, peer_value_window'),
    ('alerts', 90, 'Alerts and what they rest on: alert_sample, alert');

INSERT INTO peerscope.retention (table_name, keep, note) VALUES
    ('session_credit', '1 year', 'as long as sessions'),
    ('node_hour', '1 year', '24 rows a node and day'),
    ('eclipse_hour', '1 year', '72 rows a node and day'),
    ('connection_hour', '1 year', 'some hundred rows a node and day'),
    ('addrman_slot', '14 days', 'patched nodes only'),
    ('spy_window', '90 days', NULL),
    ('peer_value_window', '2 days', 'the last day is what is shown'),
    ('tx_reach', '14 days', '0.5 M rows a day'),
    ('mempool_pair_sample', '90 days', '144 rows a pair and day'),
    ('block_missing', '1 year', '144 rows a node and day'),
    ('alert_sample', '1 year', NULL),
    ('alert', '1 year', NULL);
