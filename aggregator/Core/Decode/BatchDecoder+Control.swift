internal import ByteCodec
internal import CollectorProtocol
internal import PostgreSQL
internal import Tracepoints

extension BatchDecoder {
    /// A record that the agent itself wrote.
    func applyControl(
        _ context: EventContext, _ record: borrowing Record, _ batch: borrowing BatchReader,
        accepted: ClosedRange<Int64>, _ state: StreamState, _ refused: inout RefusedRecords
    ) {
        let control: ControlRecord
        do {
            guard let decoded = try ControlRecord(record, in: batch) else { return }
            control = decoded
        } catch {
            refused.add(record.sequence, "\(error)")
            return
        }
        let header = batch.header
        switch control {
        case .processStart(let start): processStarted(context, start, header, state)
        case .processExit(let exit):
            guard context.run != 0 else { return }
            let run = state.run(context.run)
            run.exitedAt = Timestamp.micros(header, exit.exitedMonotonic)
            run.isDirty = true
        case .probe(let probe): probeReported(probe, header, state)
        case .clockStep: break  // The new clk says it all.
        case .clockSample(let sample): sampled(context, sample, record.monotonic, header, state)
        case .counters(let counters): count(context, counters, header, state)
        case .gap(let gap): missed(context, gap, header, state)
        case .coverage(let coverage): covered(context, coverage, header, state)
        case .agentStatus(let status): agentReported(context, status, state)
        case .policy(let policy):
            guard let tracepoint = Tracepoint(rawValue: policy.tracepoint) else { return }
            rollups.execute(
                """
                INSERT INTO peerscope.policy_change (node_id, ts, tracepoint, mode)
                VALUES ($1, peerscope.at_us($2), $3, $4)
                """, ["\(state.key.node)", "\(context.micros)", tracepoint.name, policy.mode.text])
        case .count(let events):
            guard accepted.contains(context.micros) else {
                refused.add(record.sequence, "ts outside of retention and the next two days")
                return
            }
            guard let tracepoint = Tracepoint(rawValue: events.tracepoint) else { return }
            let day = buffers.day(ofMicros: context.micros)
            TracepointCountRow.write(context, tracepoint, count: events.count, into: &day[.tracepointCount])
        }
    }

    private func processStarted(
        _ context: EventContext, _ start: ProcessStart, _ header: BatchHeader, _ state: StreamState
    ) {
        guard context.run != 0 else { return }
        let run = state.run(context.run)
        run.bootID = header.bootID.description
        run.pid = Int32(clamping: start.pid)
        run.startTicks = Int64(clamping: start.startTicks)
        run.startedAt = Timestamp.micros(header, start.startedMonotonic)
        run.exe = PeerText.escape(start.executable)
        run.dev = Int64(bitPattern: start.device)
        run.inode = Int64(bitPattern: start.inode)
        run.isDirty = true
    }

    /// The kernel's counters at this place of the stream replace what was counted up to here.
    private func count(
        _ context: EventContext, _ counters: Counters, _ header: BatchHeader, _ state: StreamState
    ) {
        for entry in counters.entries {
            guard let tracepoint = Tracepoint(rawValue: entry.tracepoint) else { continue }
            let key = CountsKey(
                run: context.run, epoch: Int64(bitPattern: header.ringEpoch), tracepoint: tracepoint)
            var counts = state.counts[key] ?? TracepointCounts()
            counts.hits = Int64(clamping: entry.hits)
            counts.counted = Int64(clamping: entry.counted)
            counts.lostRing = Int64(clamping: entry.lostRing)
            counts.lostUnreadable = Int64(clamping: entry.lostUnreadable)
            counts.lostUser = Int64(clamping: entry.lostUser)
            counts.isDirty = true
            state.counts[key] = counts
        }
    }

    private func sampled(
        _ context: EventContext, _ sample: ClockSample, _ monotonic: UInt64, _ header: BatchHeader,
        _ state: StreamState
    ) {
        let aggregator = ClockReading(
            realMinusMono: sample.aggregatorRealMinusMono,
            maxError: Int64(exactly: sample.aggregatorMaxError),
            isSynchronised: sample.aggregatorSynchronised)
        let node = ClockReading(
            realMinusMono: sample.nodeRealMinusMono, maxError: Int64(exactly: sample.nodeMaxError),
            isSynchronised: sample.nodeSynchronised)
        let mono = Int64(clamping: monotonic)
        state.clock.observe(
            TrackedSample(
                bound: ClockBound(
                    monotonic: mono, low: sample.lowNanoseconds, high: sample.highNanoseconds,
                    ntp: ClockReading.difference(node: node, aggregator: aggregator)),
                bootID: header.bootID, clk: context.clk, reference: sample.reference,
                referenceOffset: sample.referenceOffset, aggregatorMaxError: aggregator.maxError))
        rollups.clockSamples.beginRow(columns: 15)
        rollups.clockSamples.int32(context.nodeID)
        rollups.clockSamples.timestamp(unixMicroseconds: context.micros)
        rollups.clockSamples.int32(context.clk)
        rollups.clockSamples.int64(mono)
        rollups.clockSamples.int64(sample.lowNanoseconds)
        rollups.clockSamples.int64(sample.highNanoseconds)
        rollups.clockSamples.uuid(sample.reference.bytes)
        rollups.clockSamples.int64(sample.referenceOffset)
        rollups.clockSamples.int64(aggregator.realMinusMono)
        rollups.clockSamples.int64(aggregator.maxError)
        rollups.clockSamples.bool(aggregator.isSynchronised)
        rollups.clockSamples.int64(node.realMinusMono)
        rollups.clockSamples.int64(node.maxError)
        rollups.clockSamples.bool(node.isSynchronised)
        rollups.clockSamples.uuid(header.bootID.bytes)
    }
}

extension CaptureMode {
    /// The name in `policy_change` and in configuration files.
    var text: String {
        switch self {
        case .off: "off"
        case .count: "count"
        case .full: "full"
        default: "unknown-\(rawValue)"
        }
    }
}
