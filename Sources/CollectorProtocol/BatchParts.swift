internal import ByteCodec

/// The parts of a batch, and the one place that writes them down.
struct BatchParts {
    let header: BatchHeader
    let strings: StringTable
    let runs: NumberTable
    let threads: NumberTable
    let tallyCount: Int
    let tallies: ByteWriter
    let records: ByteWriter

    /// Appends the batch and returns its header with the length filled in.
    func write(into out: inout ByteWriter) -> BatchHeader {
        let start = out.count
        out.u32(BatchHeader.magic)
        out.u32(0)
        out.u32(0)
        out.u32(UInt32(header.kind.rawValue))
        out.u64(header.streamID)
        out.u64(header.firstSequence)
        out.u64(header.lastSequence)
        out.u32(UInt32(header.count))
        out.u32(header.clk)
        out.u64(header.baseMonotonic)
        out.i64(header.baseRealtime)
        header.bootID.write(into: &out)
        out.u64(header.ringEpoch)
        out.u64(header.ringEnd)
        out.u32(UInt32(strings.count))
        out.u32(UInt32(runs.count))
        out.u32(UInt32(threads.count))
        out.u32(UInt32(tallyCount))
        out.u32(UInt32(records.count))
        out.u32(0)
        out.append(strings.encoded.span)
        for run in runs.keys { out.u64(run) }
        for thread in threads.keys {
            out.varint(thread >> 32)
            out.varint(thread & 0xffff_ffff)
        }
        out.append(tallies.span)
        out.append(records.span)
        let length = out.count - start
        out.overwrite(u32: UInt32(length), at: start + 8)
        out.overwrite(u32: CRC32C.checksum(out.span.extracting((start + 8)..<out.count)), at: start + 4)
        return BatchHeader(
            kind: header.kind, streamID: header.streamID, firstSequence: header.firstSequence,
            lastSequence: header.lastSequence, count: header.count, clk: header.clk,
            baseMonotonic: header.baseMonotonic, baseRealtime: header.baseRealtime, bootID: header.bootID,
            ringEpoch: header.ringEpoch, ringEnd: header.ringEnd, byteCount: length)
    }
}

extension ByteWriter {
    mutating func tally(_ tally: Tally, run: Int) {
        varint(UInt64(run))
        u8(tally.tracepoint)
        varint(tally.delta)
        varint(tally.cumulative)
    }
}
