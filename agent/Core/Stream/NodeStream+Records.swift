import ByteCodec
import CollectorProtocol
import CRecord
import Spool
import Tracepoints

extension NodeStream {
    /// Puts a record of the agent's own into the stream.
    func write(_ record: ControlRecord, run: UInt64?, monotonic: UInt64) {
        record.write(into: &builder, run: run, tid: 0, monotonic: monotonic)
    }

    /// Says that a tracepoint was or is captured without gap; `to` 0 leaves it open. Kernel times.
    func cover(_ tracepoint: UInt8, _ run: UInt64, from: UInt64, to: UInt64, _ clock: AgentClock) {
        write(
            .coverage(
                .init(
                    tracepoint: tracepoint, fromMonotonic: clock.shown(from), toMonotonic: to == 0 ? 0 : clock.shown(to))),
            run: run, monotonic: clock.monotonic())
    }

    /// Tells what the attacher made of one tracepoint.
    func write(probe entry: Journal.Entry, _ clock: AgentClock) {
        let status: UInt8 =
            switch entry.kind {
            case PS_JOURNAL_ATTACHED.rawValue: 0
            case PS_JOURNAL_MISSING.rawValue: 1
            case PS_JOURNAL_FAILED.rawValue: 2
            default: 3
            }
        write(
            .probe(
                .init(
                    tracepoint: entry.tracepoint, status: status, atMonotonic: clock.shown(entry.at),
                    arguments: entry.arguments, sites: UInt64(entry.sites), semaphore: entry.semaphore,
                    layout: entry.layout, device: entry.binary.device, inode: entry.binary.inode, path: entry.path,
                    detail: entry.detail)), run: nil, monotonic: clock.monotonic())
    }

    /// Events under policy `count` that a streamer before this one has already reported for `run`.
    func countedBefore(run: UInt64) throws -> [UInt64] {
        var counted = [UInt64](repeating: 0, count: Int(PS_TRACEPOINTS))
        var sequence = max(1, folder.spool.newestSegmentFirst) - 1
        while case .batch(let batch)? = try folder.spool.next(after: sequence) {
            sequence = batch.header.lastSequence
            let reader = try BatchReader(batch.bytes.span.bytes)
            guard reader.runs.contains(run), batch.header.ringEpoch == ringEpoch else { continue }
            var records = reader.records()
            while let record = try records.next() {
                guard record.kind == ControlKind.count.rawValue, record.run == run else { continue }
                var body = record.body
                let tracepoint = Int(try body.u8())
                if tracepoint < counted.count { counted[tracepoint] += try body.varint() }
            }
        }
        return counted
    }
}
