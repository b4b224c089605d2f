import ByteCodec
import CollectorProtocol

/// The gap batches that take the place of segments dropped without acknowledgement.
///
/// One for each stretch of batches of the same ring epoch, since counters are kept by epoch. A tally's delta is
/// what the stretch held, its cumulative count what the stream had behind it.
struct GapSegment {
    private(set) var bytes: [UInt8] = []
    private(set) var entries: [Segment.Entry] = []
    private let reason: String
    private var stretch: Stretch?

    private struct Key: Hashable {
        let run: UInt64
        let tracepoint: UInt8
    }

    private struct Stretch {
        /// Of the newest batch in it.
        var header: BatchHeader
        let node: String
        let first: UInt64
        var last: UInt64
        var lost: [Key: (delta: UInt64, cumulative: UInt64)] = [:]
    }

    /// Names every run and tracepoint that `segments` hold after `acknowledged`, with counts.
    init(replacing segments: [Segment], after acknowledged: UInt64, reason: String) {
        self.reason = reason
        for segment in segments {
            for entry in segment.entries where entry.last > acknowledged {
                // Where a batch cannot be read a hole stays, which is declared when its turn comes.
                guard let bytes = try? segment.file.read(at: entry.offset, count: entry.length),
                    let reader = try? BatchReader(bytes.span.raw)
                else { continue }
                add(reader, after: acknowledged)
            }
        }
        close()
    }

    private mutating func add(_ reader: borrowing BatchReader, after acknowledged: UInt64) {
        let header = reader.header
        if let open = stretch,
            open.header.ringEpoch != header.ringEpoch || open.last + 1 != header.firstSequence
        {
            close()
        }
        var open =
            stretch
            ?? Stretch(
                header: header, node: reader.nodeName, first: max(header.firstSequence, acknowledged + 1),
                last: 0)
        open.header = header
        open.last = header.lastSequence
        for tally in reader.tallies {
            let key = Key(run: tally.run, tracepoint: tally.tracepoint)
            let before = open.lost[key] ?? (0, 0)
            open.lost[key] = (before.delta + tally.delta, max(before.cumulative, tally.cumulative))
        }
        stretch = open
    }

    private mutating func close() {
        guard let open = stretch else { return }
        stretch = nil
        let tallies = open.lost.filter { $0.value.delta > 0 }
            .sorted { ($0.key.run, $0.key.tracepoint) < ($1.key.run, $1.key.tracepoint) }
            .map {
                Tally(
                    run: $0.key.run, tracepoint: $0.key.tracepoint, delta: $0.value.delta,
                    cumulative: $0.value.cumulative)
            }
        guard
            let gap = Self.batch(
                like: open.header, node: open.node, first: open.first, last: open.last, reason: reason,
                tallies: tallies)
        else { return }
        entries.append(Segment.Entry(gap.header, at: bytes.count))
        bytes += gap.bytes
    }

    /// A gap batch for what is left of a batch's numbers after `sequence`.
    static func rest(of bytes: [UInt8], after sequence: UInt64) -> Spool.Batch? {
        guard let reader = try? BatchReader(bytes.span.raw) else { return nil }
        return batch(
            like: reader.header, node: reader.nodeName, first: sequence + 1, last: reader.header.lastSequence,
            reason: reader.gapReason ?? GapReason.spoolCorrupt, tallies: reader.tallies)
    }

    private static func batch(
        like header: BatchHeader, node: String, first: UInt64, last: UInt64, reason: String, tallies: [Tally]
    ) -> Spool.Batch? {
        let bytes = BatchBuilder.gapBatch(
            node: node, streamID: header.streamID, bootID: header.bootID, clk: header.clk,
            baseMonotonic: header.baseMonotonic, baseRealtime: header.baseRealtime, first: first, last: last,
            reason: reason, tallies: tallies, ringEpoch: header.ringEpoch, ringEnd: header.ringEnd)
        return (try? BatchHeader.read(bytes.span.raw)).map { Spool.Batch(header: $0, bytes: bytes) }
    }
}
