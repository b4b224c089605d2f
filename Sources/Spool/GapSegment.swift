import ByteCodec
import CollectorProtocol

/// The gap batch that takes the place of segments dropped without acknowledgement.
enum GapSegment {
    /// Names every run and tracepoint the dropped segments held, with counts.
    static func bytes(replacing segments: [Spool.Segment], reason: String) throws(SpoolError) -> [UInt8] {
        var lost: [Key: UInt64] = [:]
        var template: (header: BatchHeader, node: String)?
        for segment in segments {
            for entry in segment.entries {
                let bytes = try segment.file.read(at: entry.offset, count: entry.length)
                guard let reader = try? BatchReader(bytes.span.raw) else { continue }
                template = (reader.header, reader.nodeName)
                for tally in reader.tallies where tally.delta > 0 {
                    lost[Key(run: tally.run, tracepoint: tally.tracepoint), default: 0] += tally.delta
                }
            }
        }
        guard let template, let first = segments.first?.first, let last = segments.last?.last else {
            throw SpoolError(
                doing: "dropping a segment", path: segments.first?.file.path ?? "",
                reason: "it holds no whole batch")
        }
        let tallies = lost.sorted { ($0.key.run, $0.key.tracepoint) < ($1.key.run, $1.key.tracepoint) }
            .map { Tally(run: $0.key.run, tracepoint: $0.key.tracepoint, delta: $0.value, cumulative: 0) }
        let header = template.header
        return BatchBuilder.gapBatch(
            node: template.node, streamID: header.streamID, bootID: header.bootID, clk: header.clk,
            baseMonotonic: header.baseMonotonic, baseRealtime: header.baseRealtime, first: first, last: last,
            reason: reason, tallies: tallies)
    }

    private struct Key: Hashable {
        let run: UInt64
        let tracepoint: UInt8
    }
}
