internal import BitcoinP2P
internal import CollectorProtocol
internal import PostgreSQL
internal import Tracepoints

/// Reads from the database what a ``StreamState`` caches.
struct StreamLoader {
    let connection: Connection

    /// The stream as the database has it, or nil when it was never registered.
    func open(_ key: StreamKey, nodeName: String) throws -> StreamState? {
        let found = try connection.query(
            "SELECT durable_seq FROM peerscope.stream WHERE node_id = $1 AND stream_id = $2",
            ["\(key.node)", "\(key.stream)"])
        guard let durable = found.scalar.flatMap({ UInt64($0) }) else { return nil }
        let state = StreamState(key: key, nodeName: nodeName, durable: durable)
        try loadClock(state)
        return state
    }

    /// Loads what the records of a batch will touch.
    func load(_ needs: BatchSurvey.Needs, into state: StreamState) throws {
        let unknown = needs.runs.filter { state.runs[$0] == nil }.sorted()
        for run in unknown { try loadRun(run, into: state) }
        let sessions = needs.sessions.filter { key in
            state.sessions[key] == nil && key.peer <= (state.runs[key.run]?.largestPeer ?? -1)
        }.sorted()
        try loadSessions(sessions, into: state)
        for day in needs.days where state.budgets[day] == nil { try loadBudget(day, into: state) }
    }

    private func loadRun(_ run: Int64, into state: StreamState) throws {
        let node = "\(state.key.node)"
        let largest = try connection.query(
            "SELECT coalesce(max(peer_id), -1) FROM peerscope.peer_session WHERE node_id = $1 AND run_id = $2",
            [node, "\(run)"])
        let loaded = RunState(run, largestPeer: largest.scalar.flatMap { Int64($0) } ?? -1)
        let found = try connection.query(
            """
            SELECT boot_id, pid, start_ticks, peerscope.unix_us(started_at), exe, dev, inode,
                   peerscope.unix_us(exited_at), user_agent, node_clock_lo_s, node_clock_hi_s,
                   fee_floor, peerscope.unix_us(fee_floor_at)
              FROM peerscope.process_run WHERE node_id = $1 AND run_id = $2
            """, [node, "\(run)"])
        if let values = found.rows.first {
            var row = SelectedRow(values)
            loaded.bootID = row.text()
            loaded.pid = row.int32()
            loaded.startTicks = row.int64()
            loaded.startedAt = row.int64()
            loaded.exe = row.text()
            loaded.dev = row.int64()
            loaded.inode = row.int64()
            loaded.exitedAt = row.int64()
            loaded.userAgent = row.text()
            loaded.clock.low = row.double()
            loaded.clock.high = row.double()
            loaded.feeFloor = row.int64()
            loaded.feeFloorAt = row.int64()
            loaded.isDirty = false
        }
        state.runs[run] = loaded
        try loadCounts(run, into: state)
        try loadWindows(run, into: state)
    }

    private func loadCounts(_ run: Int64, into state: StreamState) throws {
        let found = try connection.query(
            """
            SELECT ring_epoch, tracepoint, hits, stored, counted, lost_ring, lost_unreadable, lost_user,
                   lost_spool, lost_quarantine
              FROM peerscope.stream_tracepoint WHERE node_id = $1 AND stream_id = $2 AND run_id = $3
            """, ["\(state.key.node)", "\(state.key.stream)", "\(run)"])
        for values in found.rows {
            var row = SelectedRow(values)
            guard let epoch = row.int64(), let tracepoint = row.text().flatMap({ Tracepoint(name: $0) })
            else {
                continue
            }
            state.counts[CountsKey(run: run, epoch: epoch, tracepoint: tracepoint)] = TracepointCounts(
                hits: row.int64() ?? 0, stored: row.int64() ?? 0, counted: row.int64() ?? 0,
                lostRing: row.int64() ?? 0, lostUnreadable: row.int64() ?? 0, lostUser: row.int64() ?? 0,
                lostSpool: row.int64() ?? 0, lostQuarantine: row.int64() ?? 0, isDirty: false)
        }
    }

    private func loadWindows(_ run: Int64, into state: StreamState) throws {
        let found = try connection.query(
            """
            SELECT DISTINCT ON (tid) tid, peerscope.unix_us(connected_ts), clk, peerscope.unix_us(start_ts),
                   peerscope.unix_us(last_removal_ts), peerscope.hex(hash), removed
              FROM peerscope.validation_window WHERE node_id = $1 AND run_id = $2
             ORDER BY tid, connected_ts DESC
            """, ["\(state.key.node)", "\(run)"])
        for values in found.rows {
            var row = SelectedRow(values)
            guard let tid = row.int32(), let connected = row.int64(), let clk = row.int32(),
                let started = row.int64()
            else { continue }
            let lastRemoval = row.int64()
            let hash = row.text().flatMap { Hash256(shown: $0) }
            state.windows[ThreadKey(run: run, tid: tid)] = ValidationWindow(
                connectedAt: connected, clk: clk, startedAt: started, hash: hash,
                lastRemovalAt: lastRemoval, removed: row.int32() ?? 0, isDirty: false)
        }
    }

    private func loadSessions(_ keys: [SessionKey], into state: StreamState) throws {
        for (run, group) in Dictionary(grouping: keys, by: \.run) {
            let peers = "{" + group.map { "\($0.peer)" }.joined(separator: ",") + "}"
            let found = try connection.query(
                """
                SELECT \(PeerSession.selection) FROM peerscope.peer_session
                 WHERE node_id = $1 AND run_id = $2 AND peer_id = ANY ($3::bigint[])
                """, ["\(state.key.node)", "\(run)", peers])
            for row in found.rows {
                let session = PeerSession(row: row)
                state.sessions[session.key] = session
            }
        }
    }

    private func loadBudget(_ day: UTCDay, into state: StreamState) throws {
        let found = try connection.query(
            "SELECT opened, refused FROM peerscope.addr_budget WHERE node_id = $1 AND day = $2",
            ["\(state.key.node)", day.iso])
        var row = SelectedRow(found.rows.first ?? [])
        state.budgets[day] = AddressBudget(
            opened: row.int64() ?? 0, refused: row.int64() ?? 0, isDirty: false)
    }
}
