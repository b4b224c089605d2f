/// Temporary tables through which rollups are merged: made once per connection, emptied at each commit.
///
/// COPY cannot resolve conflicts, and rows inserted one by one are slow: so rows are copied into a table of the
/// same shape and merged by one statement, in the order of the key, so that two writers cannot deadlock.
enum StagingTable: String, CaseIterable {
    case dirtyDay = "dirty_day"
    case peerSession = "peer_session"
    case sessionTraffic = "session_traffic"
    case processRun = "process_run"
    case streamTracepoint = "stream_tracepoint"
    case validationWindow = "validation_window"
    case clockSegment = "clock_segment"
    case addrBudget = "addr_budget"
    case messageMinute = "message_minute"
    case addrSessionMinute = "addr_session_minute"
    case mempoolRejectHour = "mempool_reject_hour"
    case addrAnnouncement = "addr_announcement"
    case addrSighting = "addr_sighting"
    case blockHeader = "block_header"
    case compactMissingTx = "compact_missing_tx"
    case addrRelayed = "addr_relayed"
    case mempoolChange = "mempool_change"
    case touchedBlock = "touched_block"

    /// Its name; `touched_block` is read by `peerscope.refresh_block_arrival()` under that name.
    var name: String { self == .touchedBlock ? rawValue : "staged_\(rawValue)" }

    /// Makes the table where it is not there yet.
    var creation: String {
        let shape: String
        switch self {
        case .addrRelayed:
            shape = """
                (node_id int, network text, addr text, port int, announced_at timestamptz, sent_at timestamptz)
                """
        case .mempoolChange:
            shape = """
                (node_id int, run_id bigint, txid bytea, at timestamptz, clk int, seq bigint, vsize int,
                 fee bigint, reason text)
                """
        case .touchedBlock: shape = "(node_id int, hash bytea)"
        default: shape = "(LIKE peerscope.\(rawValue))"
        }
        return "CREATE TEMP TABLE IF NOT EXISTS \(name) \(shape) ON COMMIT DELETE ROWS"
    }

    /// The columns copied, in order.
    var columns: [String] {
        switch self {
        case .dirtyDay: ["node_id", "day", "generation"]
        case .peerSession: PeerSession.columns
        case .sessionTraffic:
            ["node_id", "run_id", "peer_id", "inbound", "msg_type", "messages", "bytes"]
        case .processRun: RunState.columns
        case .streamTracepoint: TracepointCounts.columns
        case .validationWindow: ValidationWindow.columns
        case .clockSegment: ClockSegment.columns
        case .addrBudget: ["node_id", "day", "opened", "refused"]
        case .messageMinute:
            [
                "node_id", "minute", "run_id", "inbound", "msg_type", "conn_type", "messages", "bytes",
                "truncated",
            ]
        case .addrSessionMinute:
            [
                "node_id", "minute", "run_id", "peer_id", "messages", "exact10", "entries", "future",
                "passed",
                "limited",
            ]
        case .mempoolRejectHour: ["node_id", "hour", "reason", "count"]
        case .addrAnnouncement:
            [
                "node_id", "network", "addr", "port", "announced_at", "class", "first_seen", "clk", "run_id",
                "first_peer", "freshness_s", "copies", "last_seen", "out_peers",
            ]
        case .addrSighting: ["node_id", "network", "addr", "port", "first_seen", "last_seen", "count"]
        case .blockHeader:
            [
                "hash", "prev_hash", "time", "first_node", "first_ts", "pool_tag", "version", "bits",
                "transactions",
            ]
        case .compactMissingTx:
            ["node_id", "hash", "wtxid", "txid", "run_id", "peer_id", "ts", "clk", "size"]
        case .addrRelayed: ["node_id", "network", "addr", "port", "announced_at", "sent_at"]
        case .mempoolChange:
            ["node_id", "run_id", "txid", "at", "clk", "seq", "vsize", "fee", "reason"]
        case .touchedBlock: ["node_id", "hash"]
        }
    }

    /// The columns that name a row.
    private var key: [String] {
        switch self {
        case .dirtyDay: ["node_id", "day"]
        case .peerSession: ["node_id", "run_id", "peer_id"]
        case .sessionTraffic: ["node_id", "run_id", "peer_id", "inbound", "msg_type"]
        case .processRun: ["node_id", "run_id"]
        case .streamTracepoint: ["node_id", "stream_id", "run_id", "ring_epoch", "tracepoint"]
        case .validationWindow: ["node_id", "run_id", "tid", "connected_ts"]
        case .clockSegment: ["node_id", "clk"]
        case .addrBudget: ["node_id", "day"]
        case .messageMinute: ["node_id", "minute", "run_id", "inbound", "msg_type", "conn_type"]
        case .addrSessionMinute: ["node_id", "minute", "run_id", "peer_id"]
        case .mempoolRejectHour: ["node_id", "hour", "reason"]
        case .addrAnnouncement: ["node_id", "network", "addr", "port", "announced_at", "class"]
        case .addrSighting: ["node_id", "network", "addr", "port"]
        case .blockHeader: ["hash"]
        case .compactMissingTx: ["node_id", "hash", "wtxid"]
        case .addrRelayed, .mempoolChange, .touchedBlock: []
        }
    }

    /// `COPY … FROM STDIN`.
    var copyStatement: String {
        "COPY \(name) (\(columns.joined(separator: ", "))) FROM STDIN (FORMAT binary)"
    }

    /// The statement that merges the staged rows.
    var merge: String {
        switch self {
        case .touchedBlock: return "SELECT peerscope.refresh_block_arrival()"
        case .addrRelayed: return Self.relayMerge
        case .mempoolChange: return Self.mempoolMerge
        default: break
        }
        let list = columns.joined(separator: ", ")
        let order = key.joined(separator: ", ")
        // A node may ask for the same transaction twice: the first answer counts.
        let distinct = self == .compactMissingTx ? "DISTINCT ON (\(order)) " : ""
        let first = self == .compactMissingTx ? ", ts" : ""
        return """
            INSERT INTO peerscope.\(rawValue) AS t (\(list))
            SELECT \(distinct)\(list) FROM \(name) AS excluded\(condition) ORDER BY \(order)\(first)
            ON CONFLICT (\(order)) \(resolution)
            """
    }

    /// What happens to a row that is there already.
    private var resolution: String {
        switch self {
        case .dirtyDay: "DO UPDATE SET generation = t.generation + 1"
        case .messageMinute: adding("messages", "bytes", "truncated")
        case .sessionTraffic: adding("messages", "bytes")
        case .addrSessionMinute:
            adding("messages", "exact10", "entries", "future", "passed", "limited")
        case .mempoolRejectHour: adding("count")
        case .addrAnnouncement:
            """
            DO UPDATE SET copies = t.copies + excluded.copies,
                          last_seen = greatest(t.last_seen, excluded.last_seen)
            """
        case .addrSighting:
            """
            DO UPDATE SET count = t.count + excluded.count,
                          last_seen = greatest(t.last_seen, excluded.last_seen)
            """
        case .blockHeader:
            // Whoever saw it first; what only a block tells comes from the first block seen.
            """
            DO UPDATE SET
                (first_ts, first_node) = (SELECT f.ts, f.node
                                            FROM (VALUES (t.first_ts, t.first_node),
                                                         (excluded.first_ts, excluded.first_node)) f (ts, node)
                                           ORDER BY f.ts, f.node LIMIT 1),
                pool_tag = coalesce(t.pool_tag, excluded.pool_tag),
                transactions = coalesce(t.transactions, excluded.transactions)
            WHERE \(Self.headerTellsMore)
            """
        case .compactMissingTx: "DO NOTHING"
        default:
            // The writer holds the whole row: it replaces the one that is there.
            "DO UPDATE SET "
                + columns.filter { !key.contains($0) }.map { "\($0) = excluded.\($0)" }
                .joined(separator: ", ")
        }
    }

    /// Which rows are merged at all. A row that conflicts is locked until the transaction ends, even when nothing is done
    /// to it; blocks are of all nodes, and writers would wait for each other. The staged rows are called `excluded` here, as
    /// they are in what happens to a conflict, so that both can ask the same.
    private var condition: String {
        guard self == .blockHeader else { return "" }
        return """
             WHERE NOT EXISTS (SELECT FROM peerscope.block_header t
                                WHERE t.hash = excluded.hash AND NOT coalesce(\(Self.headerTellsMore), false))
            """
    }

    private static let headerTellsMore = """
        ((excluded.first_ts, excluded.first_node) < (t.first_ts, t.first_node)
            OR t.pool_tag IS NULL AND excluded.pool_tag IS NOT NULL
            OR t.transactions IS NULL AND excluded.transactions IS NOT NULL)
        """

    private func adding(_ columns: String...) -> String {
        "DO UPDATE SET " + columns.map { "\($0) = t.\($0) + excluded.\($0)" }.joined(separator: ", ")
    }

    /// What we sent on counts for announcements that were there before, in whatever class.
    private static let relayMerge = """
        UPDATE peerscope.addr_announcement t
           SET out_peers = t.out_peers + r.sent,
               first_out_at = least(t.first_out_at, r.first_sent)
          FROM (SELECT a.node_id, a.network, a.addr, a.port, a.announced_at, a.class,
                       count(*) AS sent, min(s.sent_at) AS first_sent
                  FROM staged_addr_relayed s
                  JOIN peerscope.addr_announcement a USING (node_id, network, addr, port, announced_at)
                 WHERE s.sent_at >= a.first_seen
                 GROUP BY a.node_id, a.network, a.addr, a.port, a.announced_at, a.class) r
         WHERE (t.node_id, t.network, t.addr, t.port, t.announced_at, t.class)
             = (r.node_id, r.network, r.addr, r.port, r.announced_at, r.class)
        """

    /// Stays in the mempool: those that begin, then ends for whichever stay of the transaction began last before.
    ///
    /// A stay without a reason goes on. To ask for `removed_at IS NULL` would say the same, but offer the planner the
    /// partial index of all that is in the mempool now, which it would read through for each transaction that leaves.
    private static let mempoolMerge = """
        INSERT INTO peerscope.mempool_entry (node_id, run_id, txid, added_at, clk, vsize, fee)
        SELECT DISTINCT ON (node_id, run_id, txid, at) node_id, run_id, txid, at, clk, vsize, fee
          FROM staged_mempool_change WHERE reason IS NULL
         ORDER BY node_id, run_id, txid, at, seq
        ON CONFLICT (node_id, run_id, txid, added_at) DO NOTHING;
        UPDATE peerscope.mempool_entry t
           SET removed_at = r.at, reason = r.reason
          FROM (SELECT DISTINCT ON (node_id, run_id, txid, added_at)
                       node_id, run_id, txid, added_at, at, reason
                  FROM (SELECT DISTINCT ON (s.node_id, s.run_id, s.txid, s.seq)
                               s.node_id, s.run_id, s.txid, s.at, s.clk, s.seq, s.reason, e.added_at
                          FROM staged_mempool_change s
                          JOIN peerscope.mempool_entry e USING (node_id, run_id, txid)
                         WHERE s.reason IS NOT NULL AND (e.clk, e.added_at) <= (s.clk, s.at)
                         ORDER BY s.node_id, s.run_id, s.txid, s.seq, e.clk DESC, e.added_at DESC) stay
                 ORDER BY node_id, run_id, txid, added_at, clk, at, seq) r
         WHERE (t.node_id, t.run_id, t.txid, t.added_at) = (r.node_id, r.run_id, r.txid, r.added_at)
           AND t.reason IS NULL
        """

    /// Headers get their height from whichever node connected the block, before or after they were seen.
    static let headerHeights = """
        UPDATE peerscope.block_header h SET height = a.height
          FROM (SELECT DISTINCT ON (b.hash) b.hash, b.height
                  FROM peerscope.block_arrival b
                  JOIN (SELECT hash FROM touched_block UNION SELECT hash FROM staged_block_header) s
                    USING (hash)
                 WHERE b.height IS NOT NULL ORDER BY b.hash) a
         WHERE h.hash = a.hash AND h.height IS NULL
        """
}
