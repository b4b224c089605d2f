internal import ByteCodec
internal import CollectorProtocol
internal import Logging
internal import PostgreSQL

/// One writer's connection, the state of its streams, and the transaction that moves both.
final class WriterTransaction {
    let connection: Connection
    private let settings: WriterSettings
    private let logger: Logger
    private let loader: StreamLoader
    private var states: [StreamKey: StreamState] = [:]
    private var days: Set<UTCDay> = []
    private var flush = RollupFlush()
    private var horizon: AcceptedTimes

    init(_ connection: Connection, _ settings: WriterSettings, _ logger: Logger) {
        self.connection = connection
        self.settings = settings
        self.logger = logger
        loader = StreamLoader(connection: connection)
        horizon = AcceptedTimes(anyAge: settings.acceptsAnyAge)
    }

    /// Rolls back and forgets what was remembered of the streams, and of partitions, which retention may have dropped.
    func forget() {
        try? connection.rollback()
        states.removeAll()
        days.removeAll()
    }

    /// Stores as much of `batches` as can be, and gives back what has to be tried again.
    func store(_ batches: [QueuedBatch], _ decoder: BatchDecoder) throws -> [QueuedBatch] {
        guard !batches.isEmpty else { return [] }
        let accepted = try horizon.range(connection)
        var plans: [StreamPlan] = []
        for (key, group) in Dictionary(grouping: batches, by: \.key).sorted(by: { $0.key < $1.key }) {
            guard let state = try state(key, group[0].nodeName) else {
                logger.error("a stream has no row", metadata: ["node": "\(group[0].nodeName)"])
                for batch in group {
                    batch.origin.fenced(StreamPosition(streamID: batch.streamID, durableSequence: 0))
                }
                continue
            }
            var plan = StreamPlan(state, group, accepted: accepted)
            if !plan.detached.isEmpty {
                // The agent may have been elsewhere meanwhile, and goes on behind what was stored there.
                states[key] = nil
                if let fresh = try self.state(key, group[0].nodeName) {
                    plan = StreamPlan(fresh, group, accepted: accepted)
                }
            }
            plans.append(plan)
        }
        try ensure(plans.reduce(into: Set()) { $0.formUnion($1.needs.days) })
        let moving = plans.filter { !$0.steps.isEmpty }
        if !moving.isEmpty {
            try connection.begin()
            if let lost = try firstUnfenced(moving) {
                try connection.rollback()
                try surrender(lost)
                return batches.filter { $0.key != lost.state.key }
            }
            try apply(moving, accepted, decoder)
            try connection.commit()
        }
        report(plans)
        for plan in moving { plan.state.trim() }
        return []
    }

    private func state(_ key: StreamKey, _ nodeName: String) throws -> StreamState? {
        if let state = states[key] { return state }
        let state = try loader.open(key, nodeName: nodeName)
        states[key] = state
        return state
    }

    /// Partitions are made before the transaction: attaching one must not wait for anything of ours.
    private func ensure(_ wanted: Set<UTCDay>) throws {
        for day in wanted.subtracting(days).sorted() {
            try connection.query("SELECT peerscope.ensure_day($1)", [day.iso])
            days.insert(day)
        }
    }

    /// Moves every stream's watermark from where we know it; the first that is elsewhere, if there is one.
    private func firstUnfenced(_ plans: [StreamPlan]) throws -> StreamPlan? {
        for plan in plans {
            let movement = plan.movement
            let moved = try connection.query(
                """
                UPDATE peerscope.stream
                   SET durable_seq = $3, records = records + $5, gap_seqs = gap_seqs + $6,
                       last_event_at = greatest(last_event_at, peerscope.at_us($7)), last_batch_at = now()
                 WHERE node_id = $1 AND stream_id = $2 AND durable_seq = $4
                """,
                [
                    "\(plan.state.key.node)", "\(plan.state.key.stream)", "\(plan.after)", "\(plan.before)",
                    "\(movement.records)", "\(movement.gaps)", movement.lastEvent.map { "\($0)" },
                ])
            if moved.affectedRows == 0 { return plan }
        }
        return nil
    }

    /// Another aggregator was faster: its agent goes on from where the database stands.
    private func surrender(_ plan: StreamPlan) throws {
        states[plan.state.key] = nil
        let durable = try state(plan.state.key, plan.state.nodeName)?.durable ?? 0
        logger.notice(
            "another writer moved a stream",
            metadata: [
                "node": "\(plan.state.nodeName)", "expected": "\(plan.before)", "found": "\(durable)",
            ])
        var told = Set<ObjectIdentifier>()
        for batch in plan.steps.map(\.batch) + plan.duplicates + plan.detached
        where told.insert(ObjectIdentifier(batch.origin)).inserted {
            batch.origin.fenced(StreamPosition(streamID: batch.streamID, durableSequence: durable))
        }
    }

    private func apply(
        _ plans: [StreamPlan], _ accepted: ClosedRange<Int64>, _ decoder: BatchDecoder
    ) throws {
        decoder.removeAll()
        for plan in plans {
            let needs = plan.needs
            try loader.load(needs, into: plan.state)
            for day in needs.days {
                decoder.rollups.dirty.insert(.init(node: plan.state.key.node, day: day))
            }
            for step in plan.steps {
                switch step.survey {
                case .success(let survey):
                    let batch = try BatchReader(step.batch.bytes.span.raw)
                    try decoder.apply(batch, survey: survey, accepted: accepted, to: plan.state)
                case .failure(let error):
                    quarantine(step.batch, "\(error)", decoder, plan.state)
                }
            }
        }
        for day in decoder.buffers.all {
            for table in EventTable.allCases where !day[table].isEmpty {
                try connection.copyBuffer(table.copyStatement(day: day.day), day[table])
            }
        }
        try flush.flush(decoder.rollups, plans.map(\.state), to: connection)
    }

    private func quarantine(
        _ batch: QueuedBatch, _ reason: String, _ decoder: BatchDecoder, _ state: StreamState
    ) {
        let header = batch.header
        let path = settings.quarantine.keep(batch)
        logger.error(
            "a batch can never be stored and is set aside",
            metadata: [
                "node": "\(batch.nodeName)", "first_seq": "\(header.firstSequence)",
                "last_seq": "\(header.lastSequence)", "reason": "\(reason)", "path": "\(path ?? "none")",
            ])
        let first = max(header.firstSequence, state.durable + 1)
        decoder.setAside(batch, first: first, reason: reason, path: path, state)
        batch.origin.quarantined(
            streamID: batch.streamID, first: first, last: header.lastSequence, reason: reason)
    }

    /// Records that `batch` can never be stored, and moves its stream past it.
    func setAside(_ batch: QueuedBatch, _ reason: String, _ decoder: BatchDecoder) throws -> [QueuedBatch] {
        guard let state = try state(batch.key, batch.nodeName),
            batch.header.lastSequence > state.durable, batch.header.firstSequence <= state.durable + 1
        else { return [batch] }
        let first = state.durable + 1
        decoder.removeAll()
        try connection.begin()
        let moved = try connection.query(
            """
            UPDATE peerscope.stream
               SET durable_seq = $3, gap_seqs = gap_seqs + $3 - $4, last_batch_at = now()
             WHERE node_id = $1 AND stream_id = $2 AND durable_seq = $4
            """,
            [
                "\(batch.key.node)", "\(batch.key.stream)", "\(batch.header.lastSequence)",
                "\(state.durable)",
            ])
        guard moved.affectedRows == 1 else {
            forget()
            return [batch]
        }
        var needs = BatchSurvey.Needs()
        needs.runs = Set((try BatchReader(batch.bytes.span.raw)).runs.map { Int64(clamping: $0) })
        try loader.load(needs, into: state)
        quarantine(batch, reason, decoder, state)
        try flush.flush(decoder.rollups, [state], to: connection)
        try connection.commit()
        batch.origin.committed([
            StreamPosition(streamID: batch.streamID, durableSequence: batch.header.lastSequence)
        ])
        logger.debug("set aside", metadata: ["first_seq": "\(first)"])
        return []
    }

    /// Tells every connection what became of its batches, one message to each.
    private func report(_ plans: [StreamPlan]) {
        var origins: [ObjectIdentifier: (origin: any BatchOrigin, positions: [StreamPosition])] = [:]
        for plan in plans {
            for batch in plan.steps.map(\.batch) + plan.duplicates {
                let position = StreamPosition(streamID: batch.streamID, durableSequence: plan.after)
                let id = ObjectIdentifier(batch.origin)
                var entry = origins[id] ?? (batch.origin, [])
                if !entry.positions.contains(position) { entry.positions.append(position) }
                origins[id] = entry
            }
        }
        for (origin, positions) in origins.values { origin.committed(positions) }
        for plan in plans {
            var told = Set<ObjectIdentifier>()
            for batch in plan.detached where told.insert(ObjectIdentifier(batch.origin)).inserted {
                batch.origin.fenced(StreamPosition(streamID: batch.streamID, durableSequence: plan.after))
            }
        }
    }
}
