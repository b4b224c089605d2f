import ByteCodec
import CRecord
import CollectorProtocol
import Spool
import Tracepoints

extension NodeStream {
    /// Puts a record of the agent's own into the stream.
    func write(_ record: ControlRecord, run: UInt64?, monotonic: UInt64) {
        record.encode(into: &builder, run: run, monotonic: monotonic)
    }

    /// Says that a tracepoint was or is captured without gap; `to` 0 leaves it open. Kernel times.
    func cover(_ tracepoint: UInt8, _ run: UInt64, from: UInt64, to: UInt64, _ clock: AgentClock) {
        write(
            .coverage(
                .init(
                    tracepoint: tracepoint, fromMonotonic: clock.shown(from),
                    toMonotonic: to == 0 ? 0 : clock.shown(to))),
            run: run, monotonic: clock.monotonic())
    }

    /// Tells what the attacher made of one tracepoint.
    func write(probe entry: Journal.Entry, _ clock: AgentClock) {
        let status: ProbeStatus =
            switch entry.kind {
            case PS_JOURNAL_ATTACHED.rawValue: .attached
            case PS_JOURNAL_MISSING.rawValue: .missing
            case PS_JOURNAL_FAILED.rawValue: .failed
            default: .detached
            }
        let at = status == .detached ? entry.blindFrom : entry.at
        write(
            .probe(
                .init(
                    tracepoint: entry.tracepoint, status: status, atMonotonic: clock.shown(at),
                    argumentCount: entry.arguments, sites: UInt64(entry.sites), semaphore: entry.semaphore,
                    layoutFlags: entry.layout, device: entry.binary.device, inode: entry.binary.inode,
                    path: entry.path,
                    detail: entry.detail)), run: nil, monotonic: clock.monotonic())
    }

    /// Tells a process what a streamer before this one has already reported of it in the newest segment, and
    /// returns whether there was anything.
    func restore(_ process: ObservedProcess, _ clock: AgentClock) throws -> Bool {
        var isKnown = false
        try forEachNewest { reader in
            guard reader.header.ringEpoch == ringEpoch, reader.runs.contains(process.run) else { return }
            var records = reader.records()
            while let record = try records.next() {
                guard record.run == process.run, let control = try ControlRecord(record, in: reader) else {
                    continue
                }
                isKnown = process.restore(control, at: clock.kernel(record.monotonic), clock) || isKnown
            }
        }
        return isKnown
    }

    /// Reads the batches of events of the newest segment, which tells all that has to be known of what was before.
    func forEachNewest(_ body: (borrowing BatchReader) throws -> Void) throws {
        var sequence = max(1, folder.spool.newestSegmentFirst) - 1
        while let next = try folder.spool.next(after: sequence, includingHeldBack: true) {
            switch next {
            case .hole(let before): sequence = before - 1
            case .batch(let batch):
                sequence = batch.header.lastSequence
                if batch.header.kind == .events { try body(BatchReader(batch.bytes.span.raw)) }
            }
        }
    }
}

extension ObservedProcess {
    /// Takes over what a record in the stream says that was reported.
    fileprivate func restore(_ record: ControlRecord, at: UInt64, _ clock: AgentClock) -> Bool {
        switch record {
        case .counters(let counters):
            for entry in counters.entries where Int(entry.tracepoint) < reported.count {
                let index = Int(entry.tracepoint)
                countedInRecords[index] = entry.counted
                reported[index].lost_ring = entry.lostRing
                reported[index].lost_unreadable = entry.lostUnreadable
                lostUser[index] = entry.lostUser
            }
            reportedAt = at
            return true
        case .coverage(let coverage):
            guard Int(coverage.tracepoint) < coveredSince.count else { return false }
            let index = Int(coverage.tracepoint)
            let from = clock.kernel(coverage.fromMonotonic)
            let to = clock.kernel(coverage.toMonotonic)
            coveredSince[index] = coverage.toMonotonic == 0 ? from : 0
            toldUntil[index] = max(toldUntil[index], from, to)
            return true
        case .processExit(let exit):
            isExitTold = true
            exitedAt = clock.kernel(exit.exitedMonotonic)
            return true
        default: return false
        }
    }
}
