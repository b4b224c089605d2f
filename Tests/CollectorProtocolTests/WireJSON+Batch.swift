import ByteCodec
import CollectorProtocol
import Tracepoints

extension WireJSON {
    static func batch(_ bytes: [UInt8]) throws -> [String: Value] {
        let batch = try BatchReader(bytes.span.raw)
        let header = batch.header
        var records: [Value] = []
        var cursor = batch.records()
        while var record = try cursor.next() {
            var members: [String: Value] = [
                "seq": Value(record.sequence), "kind": Value(record.kind),
                "flags": Value(record.flags.rawValue),
                "mono_ns": Value(record.monotonic), "ts_ns": Value(header.realtime(at: record.monotonic)),
                "run_id": record.run.map { Value($0) } ?? .null, "tid": Value(record.tid),
            ]
            if let control = try ControlRecord(record, in: batch) {
                let (name, arguments) = describe(control)
                members["name"] = .text(name)
                members["arguments"] = .object(arguments)
            } else if let tracepoint = Tracepoint(rawValue: record.kind) {
                let absent = record.flags.contains(.optionalAbsent) ? tracepoint.optionalArguments : 0
                var arguments: [String: Value] = [:]
                for argument in tracepoint.arguments.dropLast(absent) {
                    switch argument.kind {
                    case .signed: arguments[argument.name] = Value(try record.body.zigzag())
                    case .unsigned: arguments[argument.name] = Value(try record.body.varint())
                    case .boolean: arguments[argument.name] = .truth(try record.body.u8() != 0)
                    case .hash: arguments[argument.name] = hex(try record.body.array(32))
                    case .string:
                        arguments[argument.name] = .text(batch.string(Int(try record.body.varint())).text())
                    case .payload:
                        arguments[argument.name] = hex(try record.body.array(Int(try record.body.varint())))
                    }
                }
                members["name"] = .text(tracepoint.name)
                members["arguments"] = .object(arguments)
            }
            records.append(.object(members))
        }
        return [
            "kind": Value(header.kind.rawValue), "stream_id": Value(header.streamID),
            "first_seq": Value(header.firstSequence), "last_seq": Value(header.lastSequence),
            "count": Value(header.count), "clk": Value(header.clk),
            "base_mono_ns": Value(header.baseMonotonic),
            "base_real_ns": Value(header.baseRealtime), "boot_id": .text("\(header.bootID)"),
            "ring_epoch": Value(header.ringEpoch), "ring_end": Value(header.ringEnd),
            "node": .text(batch.nodeName),
            "reason": batch.gapReason.map { .text($0) } ?? .null, "records": .list(records),
            "tallies": .list(
                batch.tallies.map {
                    .object([
                        "run_id": Value($0.run), "tracepoint": Value($0.tracepoint), "delta": Value($0.delta),
                        "cumulative": Value($0.cumulative),
                    ])
                }),
        ]
    }

    private static func describe(_ control: ControlRecord) -> (String, [String: Value]) {
        switch control {
        case .processStart(let record):
            (
                "process_start",
                [
                    "pid": Value(record.pid), "start_ticks": Value(record.startTicks),
                    "started_mono_ns": Value(record.startedMonotonic), "exe": .text(record.executable),
                    "dev": Value(record.device), "inode": Value(record.inode),
                ]
            )
        case .processExit(let record): ("process_exit", ["exited_mono_ns": Value(record.exitedMonotonic)])
        case .probe(let record):
            (
                "probe",
                [
                    "tracepoint": Value(record.tracepoint), "status": Value(record.status.rawValue),
                    "at_mono_ns": Value(record.atMonotonic), "arguments": Value(record.argumentCount),
                    "sites": Value(record.sites), "semaphore": .truth(record.semaphore),
                    "layout": Value(record.layoutFlags), "dev": Value(record.device),
                    "inode": Value(record.inode),
                    "path": .text(record.path), "detail": .text(record.detail),
                ]
            )
        case .clockStep(let record): ("clock_step", ["step_ns": Value(record.stepNanoseconds)])
        case .clockSample(let record):
            (
                "clock_sample",
                [
                    "lo_ns": Value(record.lowNanoseconds), "hi_ns": Value(record.highNanoseconds),
                    "reference": .text("\(record.reference)"),
                    "reference_offset_ns": Value(record.referenceOffset),
                    "agg_real_minus_mono_ns": Value(record.aggregatorRealMinusMono),
                    "agg_maxerror_ns": Value(record.aggregatorMaxError),
                    "agg_sync": .truth(record.aggregatorSynchronised),
                    "node_real_minus_mono_ns": Value(record.nodeRealMinusMono),
                    "node_maxerror_ns": Value(record.nodeMaxError),
                    "node_sync": .truth(record.nodeSynchronised),
                ]
            )
        case .counters(let record):
            (
                "counters",
                [
                    "entries": .list(
                        record.entries.map {
                            .object([
                                "tracepoint": Value($0.tracepoint), "hits": Value($0.hits),
                                "counted": Value($0.counted), "lost_ring": Value($0.lostRing),
                                "lost_unreadable": Value($0.lostUnreadable), "lost_user": Value($0.lostUser),
                            ])
                        })
                ]
            )
        case .gap(let record):
            (
                "gap",
                [
                    "reason": .text(record.reason), "tracepoint": Value(record.tracepoint),
                    "from_mono_ns": Value(record.fromMonotonic), "to_mono_ns": Value(record.toMonotonic),
                    "count_plus_one": Value(record.count.map { $0 + 1 } ?? 0),
                ]
            )
        case .coverage(let record):
            (
                "coverage",
                [
                    "tracepoint": Value(record.tracepoint), "from_mono_ns": Value(record.fromMonotonic),
                    "to_mono_ns": Value(record.toMonotonic),
                ]
            )
        case .agentStatus(let record):
            (
                "agent_status",
                [
                    "spool_bytes": Value(record.spoolBytes), "rss_bytes": Value(record.residentBytes),
                    "ring_used_bytes": Value(record.ringUsedBytes),
                    "uptime_ms": Value(record.uptimeMilliseconds),
                ]
            )
        case .policy(let record):
            ("policy", ["tracepoint": Value(record.tracepoint), "mode": Value(record.mode.rawValue)])
        case .count(let record):
            ("count", ["tracepoint": Value(record.tracepoint), "count": Value(record.count)])
        }
    }
}
