/// Temporary tables through which rollups are merged: made once per connection, emptied at each commit.
///
/// COPY cannot resolve conflicts, and rows inserted one by one are slow: so rows are copied into a table of the
/// same shape and merged by one statement, in the order of the key, so that two writers cannot deadlock.
enum StagingTable: String, CaseIterable {
    case peerSession = "peer_session"
    case processRun = "process_run"
    case streamTracepoint = "stream_tracepoint"
    case validationWindow = "validation_window"
    case clockSegment = "clock_segment"
    case addrBudget = "addr_budget"
    case messageMinute = "message_minute"
    case addrAnnouncement = "addr_announcement"
    case addrSighting = "addr_sighting"
    case blockHeader = "block_header"
    case addrRelayed = "addr_relayed"
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
        case .touchedBlock: shape = "(node_id int, hash bytea)"
        default: shape = "(LIKE peerscope.\(rawValue))"
        }
        return "CREATE TEMP TABLE IF NOT EXISTS \(name) \(shape) ON COMMIT DELETE ROWS"
    }

    /// The columns copied, in order.
    var columns: [String] {
        switch self {
        case .peerSession: PeerSession.columns
        case .processRun: RunState.columns
        case .streamTracepoint: TracepointCounts.columns
        case .validationWindow:
            ["node_id", "run_id", "tid", "connected_ts", "clk", "start_ts", "last_removal_ts"]
        case .clockSegment: ClockSegment.columns
        case .addrBudget: ["node_id", "day", "opened", "refused"]
        case .messageMinute:
            [
                "node_id", "minute", "run_id", "inbound", "msg_type", "conn_type", "messages", "bytes",
                "truncated",
            ]
        case .addrAnnouncement:
            [
                "node_id", "network", "addr", "port", "announced_at", "class", "first_seen", "clk", "run_id",
                "first_peer", "freshness_s", "copies", "last_seen", "out_peers",
            ]
        case .addrSighting: ["node_id", "network", "addr", "port", "first_seen", "last_seen", "count"]
        case .blockHeader: ["hash", "prev_hash", "time", "first_node", "first_ts"]
        case .addrRelayed: ["node_id", "network", "addr", "port", "announced_at", "sent_at"]
        case .touchedBlock: ["node_id", "hash"]
        }
    }

    /// The columns that name a row.
    private var key: [String] {
        switch self {
        case .peerSession: ["node_id", "run_id", "peer_id"]
        case .processRun: ["node_id", "run_id"]
        case .streamTracepoint: ["node_id", "stream_id", "run_id", "ring_epoch", "tracepoint"]
        case .validationWindow: ["node_id", "run_id", "tid", "connected_ts"]
        case .clockSegment: ["node_id", "clk"]
        case .addrBudget: ["node_id", "day"]
        case .messageMinute: ["node_id", "minute", "run_id", "inbound", "msg_type", "conn_type"]
        case .addrAnnouncement: ["node_id", "network", "addr", "port", "announced_at", "class"]
        case .addrSighting: ["node_id", "network", "addr", "port"]
        case .blockHeader: ["hash"]
        case .addrRelayed, .touchedBlock: []
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
        default: break
        }
        let list = columns.joined(separator: ", ")
        let order = key.joined(separator: ", ")
        return """
            INSERT INTO peerscope.\(rawValue) AS t (\(list))
            SELECT \(list) FROM \(name) ORDER BY \(order)
            ON CONFLICT (\(order)) DO UPDATE SET \(assignments)
            """
    }

    /// What a row that is there already becomes.
    private var assignments: String {
        switch self {
        case .messageMinute:
            return """
                messages = t.messages + excluded.messages, bytes = t.bytes + excluded.bytes,
                truncated = t.truncated + excluded.truncated
                """
        case .addrAnnouncement:
            return
                "copies = t.copies + excluded.copies, last_seen = greatest(t.last_seen, excluded.last_seen)"
        case .addrSighting:
            return "count = t.count + excluded.count, last_seen = greatest(t.last_seen, excluded.last_seen)"
        case .blockHeader:
            return """
                first_node = excluded.first_node, first_ts = excluded.first_ts
                WHERE (excluded.first_ts, excluded.first_node) < (t.first_ts, t.first_node)
                """
        default:
            // The writer holds the whole row: it replaces the one that is there.
            return columns.filter { !key.contains($0) }.map { "\($0) = excluded.\($0)" }
                .joined(separator: ", ")
        }
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
