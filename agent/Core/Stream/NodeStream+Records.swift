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
        write(
            .probe(
                .init(
                    tracepoint: entry.tracepoint, status: status, atMonotonic: clock.shown(entry.at),
                    argumentCount: entry.arguments, sites: UInt64(entry.sites), semaphore: entry.semaphore,
                    layoutFlags: entry.layout, device: entry.binary.device, inode: entry.binary.inode,
                    path: entry.path,
                    detail: entry.detail)), run: nil, monotonic: clock.monotonic())
    }

    /// Tells a process what a streamer before this one has already reported of it in the newest segment.
    func restore(_ process: ObservedProcess) throws {
        var sequence = max(1, folder.spool.newestSegmentFirst) - 1
        while case .batch(let batch)? = try folder.spool.next(after: sequence) {
            sequence = batch.header.lastSequence
            let reader = try BatchReader(batch.bytes.span.raw)
            guard reader.runs.contains(process.run), batch.header.ringEpoch == ringEpoch else { continue }
            var records = reader.records()
            while let record = try records.next() {
                guard record.run == process.run,
                    case .counters(let counters)? = try ControlRecord(record, in: reader)
                else {
                    continue
                }
                for entry in counters.entries where Int(entry.tracepoint) < process.reported.count {
                    let index = Int(entry.tracepoint)
                    process.countedInRecords[index] = entry.counted
                    process.reported[index].lost_ring = entry.lostRing
                    process.reported[index].lost_unreadable = entry.lostUnreadable
                }
            }
        }
    }
}
