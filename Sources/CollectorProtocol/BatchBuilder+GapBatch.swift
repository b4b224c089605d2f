internal import ByteCodec

/// Why sequence numbers of a stream will never come.
public enum GapReason {
    /// Numbers were leased and never used, because the agent ended uncleanly.
    public static let sequenceSkip = "sequence_skip"
    /// The spool reached its bound and dropped its oldest segments.
    public static let spoolBound = "spool_bound"
    /// A segment failed its checksum or had a torn tail.
    public static let spoolCorrupt = "spool_corrupt"
}

extension BatchBuilder {
    /// A batch that declares `first ... last` lost, with the reason and what is known to be lost.
    ///
    /// - Parameter tallies: lost events by run and tracepoint (`delta`), and how many the stream had counted
    ///   behind them (`cumulative`, 0 when unknown).
    public static func gapBatch(
        node: String, streamID: UInt64, bootID: BootID, clk: UInt32, baseMonotonic: UInt64,
        baseRealtime: Int64,
        first: UInt64, last: UInt64, reason: String, tallies: [Tally], ringEpoch: UInt64 = 0,
        ringEnd: UInt64 = 0
    ) -> [UInt8] {
        precondition(NodeName.isLegal(node), "node name: 1 to 64 of A-Z a-z 0-9 . _ -")
        precondition(first >= 1 && first <= last, "a gap has a first and a last number")
        var strings = StringTable()
        _ = strings.index(of: node.utf8.span.raw)
        var records = ByteWriter()
        records.varint(UInt64(strings.index(of: reason.utf8.span.raw)))
        var runs = NumberTable()
        var encoded = ByteWriter()
        for tally in tallies { encoded.tally(tally, run: runs.index(of: tally.run)) }
        let header = BatchHeader(
            kind: .gap, streamID: streamID, firstSequence: first, lastSequence: last, count: 0, clk: clk,
            baseMonotonic: baseMonotonic, baseRealtime: baseRealtime, bootID: bootID, ringEpoch: ringEpoch,
            ringEnd: ringEnd, byteCount: 0)
        var out = ByteWriter()
        _ = BatchParts(
            header: header, strings: strings, runs: runs, threads: NumberTable(), tallyCount: tallies.count,
            tallies: encoded, records: records
        ).write(into: &out)
        return out.bytes
    }
}
