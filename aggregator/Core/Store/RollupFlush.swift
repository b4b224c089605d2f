internal import BitcoinP2P
internal import PostgreSQL

/// Writes what a transaction changed outside of the event tables.
struct RollupFlush {
    private var staged: [StagingTable: CopyBuffer] = [:]

    /// Makes the temporary tables of a new connection.
    static func prepare(_ connection: Connection) throws {
        for table in StagingTable.allCases { try connection.execute(table.creation) }
        for table in KeyedDay.allCases { try connection.execute(table.creation) }
    }

    /// Stages and merges everything, in an order that is the same in every writer.
    mutating func flush(_ rollups: Rollups, _ states: [StreamState], to connection: Connection) throws {
        for statement in rollups.statements {
            try connection.query(statement.sql, statement.parameters)
        }
        if !rollups.clockSamples.isEmpty {
            try connection.copyBuffer(Self.clockSampleCopy, rollups.clockSamples)
        }
        for table in StagingTable.allCases { staged[table, default: CopyBuffer()].removeAll() }
        stageStates(states)
        stageKeys(rollups)
        let windows = rollups.windows
        if !windows.isEmpty {
            try connection.copyBuffer(StagingTable.validationWindow.copyStatement, windows)
        }
        for table in StagingTable.allCases {
            let rows = Self.written(table, rollups) ?? staged[table] ?? CopyBuffer()
            if !rows.isEmpty { try connection.copyBuffer(table.copyStatement, rows) }
            guard !rows.isEmpty || table == .validationWindow && !windows.isEmpty else { continue }
            try connection.execute(table.merge)
        }
        if !rollups.touched.isEmpty || !rollups.headers.isEmpty {
            try connection.execute(StagingTable.headerHeights)
        }
        for table in KeyedDay.allCases {
            let rows = table == .addrDay ? rollups.addressDays : rollups.sightedTransactions
            guard !rows.isEmpty else { continue }
            try connection.copyBuffer(table.copyStatement, rows)
            for day in rollups.keyedDays.sorted() { try connection.execute(table.merge(day)) }
        }
    }

    /// Rows that the decoder wrote as it went.
    private static func written(_ table: StagingTable, _ rollups: Rollups) -> CopyBuffer? {
        switch table {
        case .addrRelayed: rollups.relayed
        case .mempoolChange: rollups.mempoolChanges
        case .compactMissingTx: rollups.compactMissing
        default: nil
        }
    }

    private static let clockSampleCopy = """
        COPY peerscope.clock_sample (node_id, ts, clk, mono_ns, lo_ns, hi_ns, reference, reference_offset_ns,
            agg_real_minus_mono_ns, agg_maxerror_ns, agg_sync, node_real_minus_mono_ns, node_maxerror_ns,
            node_sync, boot_id) FROM STDIN (FORMAT binary)
        """

    /// Rows that are cached and replace what is there.
    private mutating func stageStates(_ states: [StreamState]) {
        for state in states {
            for (_, session) in state.sessions where session.isDirty {
                session.write(node: state.key.node, into: &staged[.peerSession, default: CopyBuffer()])
                session.isDirty = false
            }
            for (_, run) in state.runs where run.isDirty && run.run != 0 {
                run.write(state.key, into: &staged[.processRun, default: CopyBuffer()])
                run.isDirty = false
            }
            for key in state.counts.keys where state.counts[key]?.isDirty == true {
                state.counts[key]?.write(
                    state.key, key, into: &staged[.streamTracepoint, default: CopyBuffer()])
                state.counts[key]?.isDirty = false
            }
            for key in state.windows.keys where state.windows[key]?.isDirty == true {
                state.windows[key]?.write(
                    node: state.key.node, key, into: &staged[.validationWindow, default: CopyBuffer()])
                state.windows[key]?.isDirty = false
            }
            for day in state.budgets.keys where state.budgets[day]?.isDirty == true {
                guard let budget = state.budgets[day] else { continue }
                stage(.addrBudget) { rows in
                    rows.int32(state.key.node)
                    rows.date(day)
                    rows.int64(budget.opened)
                    rows.int64(budget.refused)
                }
                state.budgets[day]?.isDirty = false
            }
            state.clock.flush { segment in
                segment.write(node: state.key.node, into: &staged[.clockSegment, default: CopyBuffer()])
            }
        }
    }

    /// Rows that add to what is there.
    private mutating func stageKeys(_ rollups: Rollups) {
        for (key, traffic) in rollups.traffic {
            stage(.messageMinute) { rows in
                rows.int32(key.node)
                rows.timestamp(unixMicroseconds: key.minute)
                rows.int64(key.run)
                rows.bool(key.inbound)
                rows.verbatim(key.type)
                rows.verbatim(key.connectionType)
                rows.int64(traffic.messages)
                rows.int64(traffic.bytes)
                rows.int64(traffic.truncated)
            }
        }
        for (key, traffic) in rollups.sessionTraffic {
            stage(.sessionTraffic) { rows in
                rows.int32(key.node)
                rows.int64(key.session.run)
                rows.int64(key.session.peer)
                rows.bool(key.inbound)
                rows.verbatim(key.type)
                rows.int64(traffic.messages)
                rows.int64(traffic.bytes)
            }
        }
        for (key, minute) in rollups.addressMinutes {
            stage(.addrSessionMinute) { rows in
                rows.int32(key.node)
                rows.timestamp(unixMicroseconds: key.minute)
                rows.int64(key.session.run)
                rows.int64(key.session.peer)
                rows.int32(minute.messages)
                rows.int32(minute.exactlyTen)
                rows.int64(minute.entries)
                rows.int64(minute.future)
                rows.int64(minute.passed)
                rows.int64(minute.limited)
            }
        }
        for (key, count) in rollups.rejects {
            stage(.mempoolRejectHour) { rows in
                rows.int32(key.node)
                rows.timestamp(unixMicroseconds: key.hour)
                rows.verbatim(key.reason)
                rows.int64(count)
            }
        }
        for dirty in rollups.dirty {
            stage(.dirtyDay) { rows in
                rows.int32(dirty.node)
                rows.date(dirty.day)
                rows.int64(1)
            }
        }
        for (key, announcement) in rollups.announcements {
            stage(.addrAnnouncement) { rows in
                Self.address(key.heard, into: &rows)
                rows.timestamp(unixMicroseconds: microseconds(ofSeconds: UInt64(key.announcedAt)))
                rows.verbatim(key.addressClass.rawValue)
                rows.timestamp(unixMicroseconds: announcement.firstSeen)
                rows.int32(announcement.clk)
                rows.int64(announcement.run)
                rows.int64(announcement.firstPeer)
                rows.double(announcement.freshness)
                rows.int32(announcement.copies)
                rows.timestamp(unixMicroseconds: announcement.lastSeen)
                rows.int32(0)
            }
        }
        for (key, sighting) in rollups.sightings {
            stage(.addrSighting) { rows in
                Self.address(key, into: &rows)
                rows.timestamp(unixMicroseconds: sighting.firstSeen)
                rows.timestamp(unixMicroseconds: sighting.lastSeen)
                rows.int64(sighting.count)
            }
        }
        for (hash, header) in rollups.headers {
            stage(.blockHeader) { rows in
                rows.bytea(hash.bytes)
                rows.bytea(header.header.previous.bytes)
                rows.timestamp(unixMicroseconds: microseconds(ofSeconds: UInt64(header.header.time)))
                rows.int32(header.node)
                rows.timestamp(unixMicroseconds: header.firstSeen)
                rows.verbatim(header.poolTag)
                rows.int32(header.header.version)
                rows.int64(Int64(header.header.bits))
                rows.int32(header.transactions)
            }
        }
        for block in rollups.touched {
            stage(.touchedBlock) { rows in
                rows.int32(block.node)
                rows.bytea(block.hash.bytes)
            }
        }
    }

    private mutating func stage(_ table: StagingTable, _ fields: (inout CopyBuffer) -> Void) {
        staged[table, default: CopyBuffer()].beginRow(columns: Int16(table.columns.count))
        fields(&staged[table, default: CopyBuffer()])
    }

    private static func address(_ key: Rollups.AddressKey, into rows: inout CopyBuffer) {
        rows.int32(key.node)
        rows.verbatim(key.address.network.name)
        rows.verbatim(key.address.text)
        rows.int32(Int32(key.address.port))
    }
}

extension CopyBuffer {
    /// `date`: days since 2000-01-01.
    fileprivate mutating func date(_ day: UTCDay) { int32(day.number - 10_957) }
}
