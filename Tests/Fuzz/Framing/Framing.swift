import ByteCodec
import CollectorProtocol

/// Bytes that changed inputs are given again, without which they would all be refused at the door.
public enum Framing {
    /// `bytes` as one batch: its magic, the length in its header and its checksum put right.
    public static func sealed(_ bytes: RawSpan) -> [UInt8] {
        guard bytes.byteCount >= BatchHeader.encodedByteCount else { return bytes.copied() }
        var writer = ByteWriter(capacity: bytes.byteCount)
        writer.append(bytes)
        writer.overwrite(u32: BatchHeader.magic, at: 0)
        writer.overwrite(u32: UInt32(bytes.byteCount), at: 8)
        writer.overwrite(u32: CRC32C.checksum(writer.span.extracting(droppingFirst: 8)), at: 4)
        return writer.bytes
    }

    /// `bytes` as batches one behind the other, each as long as its header says, or as what is left.
    public static func sealedBatches(_ bytes: RawSpan) -> [UInt8] {
        var batches: [UInt8] = []
        var offset = 0
        while bytes.byteCount - offset >= BatchHeader.encodedByteCount {
            var field = ByteReader(bytes.extracting(offset + 8..<offset + 12))
            let rest = bytes.byteCount - offset
            let length = max(BatchHeader.encodedByteCount, min(Int((try? field.u32()) ?? 0), rest))
            batches += sealed(bytes.extracting(offset..<offset + length))
            offset += length
        }
        return batches + bytes.extracting(offset..<bytes.byteCount).copied()
    }
}

/// Walks a batch to its end and decodes every record; the sequence numbers of its records follow each other.
public func readWhole(_ bytes: RawSpan) throws {
    let batch = try BatchReader(bytes)
    var cursor = batch.records()
    var expected = batch.header.firstSequence
    while let record = try cursor.next() {
        precondition(record.sequence == expected && record.monotonic <= UInt64(Int64.max))
        expected += 1
        _ = try ControlRecord(record, in: batch)
    }
    precondition(batch.header.kind == .gap || expected == batch.header.lastSequence + 1)
    precondition((batch.gapReason != nil) == (batch.header.kind == .gap))
    for index in 0..<batch.stringCount { _ = batch.string(index).text() }
}
