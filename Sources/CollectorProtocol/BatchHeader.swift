internal import ByteCodec

/// What a batch carries.
public enum BatchKind: UInt8, Sendable {
    /// Records, numbered `firstSequence ... lastSequence` without a hole.
    case events = 0
    /// A declaration that these sequence numbers will never come, with the reason and what was lost.
    case gap = 1
}

/// The fixed 120 bytes at the front of every batch, the same in the spool and on the wire.
///
/// The layout is in `schema/wire-protocol.md`, "Batch".
public struct BatchHeader: Sendable, Equatable {
    /// Whether it carries records or declares a gap.
    public let kind: BatchKind
    /// The stream, 1 … 2⁶³−1.
    public let streamID: UInt64
    /// The first sequence number covered, at least 1.
    public let firstSequence: UInt64
    /// The last sequence number covered, at most 2⁶³−2.
    public let lastSequence: UInt64
    /// Records inside: one per sequence number, or none in a gap batch.
    public let count: Int
    /// Which pair of clock readings the stream uses, at most 2³¹−1; counts up.
    public let clk: UInt32
    /// The pair's CLOCK_MONOTONIC in nanoseconds.
    public let baseMonotonic: UInt64
    /// The pair's CLOCK_REALTIME in nanoseconds since 1970 UTC.
    public let baseRealtime: Int64
    /// The boot of the node's host, and so which monotonic clock this is.
    public let bootID: BootID
    /// Which ring the records came from.
    public let ringEpoch: UInt64
    /// The ring position behind the last record.
    public let ringEnd: UInt64
    /// Bytes of the whole batch with this header.
    public let byteCount: Int

    /// Bytes of the header.
    public static let encodedByteCount = 120
    /// The largest legal batch: one record of the largest P2P message (4 MB) with all its tables.
    public static let maximumByteCount = 4 << 20 | 64 << 10
    /// `PSB1`, read as a little-endian integer.
    public static let magic: UInt32 = 0x3142_5350

    /// The wall clock in nanoseconds at `monotonic`: what the row's `ts` is made from.
    ///
    /// Wraps instead of trapping, since both bases come from elsewhere.
    public func realtime(at monotonic: UInt64) -> Int64 {
        baseRealtime &+ Int64(bitPattern: monotonic &- baseMonotonic)
    }

    /// Reads and checks a header alone; for scanning a spool, where the rest of the batch may be missing.
    ///
    /// Neither the checksum nor the tables are looked at: ``BatchReader`` does that.
    public static func read(_ bytes: RawSpan) throws(BatchError) -> BatchHeader {
        guard bytes.byteCount >= encodedByteCount else {
            throw .wrongLength(declared: encodedByteCount, available: bytes.byteCount)
        }
        let header: (magic: UInt32, header: BatchHeader, kind: UInt8, zeros: UInt64)
        do {
            header = try Self.fields(ByteReader(bytes))
        } catch {
            throw .badBytes(place: "header", index: 0, error)
        }
        guard header.magic == magic else { throw .notABatch(magic: header.magic) }
        guard header.kind <= BatchKind.gap.rawValue else {
            throw .badHeader(rule: "kind 0 or 1, found \(header.kind)")
        }
        guard header.zeros == 0 else { throw .badHeader(rule: "zero in the reserved bytes") }
        try header.header.check()
        return header.header
    }

    private static func fields(
        _ source: ByteReader
    ) throws(ByteCodecError) -> (magic: UInt32, header: BatchHeader, kind: UInt8, zeros: UInt64) {
        var reader = source
        let magic = try reader.u32()
        try reader.skip(4)
        let byteCount = try reader.u32()
        let kindAndZeros = try reader.u32()
        let streamID = try reader.u64()
        let first = try reader.u64()
        let last = try reader.u64()
        let count = try reader.u32()
        let clk = try reader.u32()
        let baseMonotonic = try reader.u64()
        let baseRealtime = try reader.i64()
        let bootID = try BootID(&reader)
        let ringEpoch = try reader.u64()
        let ringEnd = try reader.u64()
        try reader.skip(20)
        let reserved = try reader.u32()
        let kind = UInt8(truncatingIfNeeded: kindAndZeros)
        let header = BatchHeader(
            kind: BatchKind(rawValue: kind) ?? .events, streamID: streamID, firstSequence: first,
            lastSequence: last, count: Int(count), clk: clk, baseMonotonic: baseMonotonic,
            baseRealtime: baseRealtime, bootID: bootID, ringEpoch: ringEpoch, ringEnd: ringEnd,
            byteCount: Int(byteCount))
        return (magic, header, kind, UInt64(kindAndZeros >> 8) | UInt64(reserved))
    }

    private func check() throws(BatchError) {
        guard (Self.encodedByteCount...Self.maximumByteCount).contains(byteCount) else {
            throw .badHeader(rule: "120 … \(Self.maximumByteCount) bytes, found \(byteCount)")
        }
        let largest = UInt64(Int64.max)
        guard (1...largest).contains(streamID) else {
            throw .badHeader(rule: "a stream_id of 63 bits, not 0")
        }
        guard firstSequence >= 1, firstSequence <= lastSequence, lastSequence < largest else {
            throw .badHeader(
                rule: "1 ≤ first_seq ≤ last_seq < 2⁶³−1, found \(firstSequence) and \(lastSequence)")
        }
        let records = kind == .gap ? 0 : lastSequence - firstSequence + 1
        guard UInt64(count) == records else {
            throw .badHeader(rule: "\(records) records, found \(count)")
        }
        guard clk <= UInt32(Int32.max) else { throw .badHeader(rule: "a clk of 31 bits") }
        guard baseMonotonic <= largest else { throw .badHeader(rule: "a base_mono_ns of 63 bits") }
    }
}
