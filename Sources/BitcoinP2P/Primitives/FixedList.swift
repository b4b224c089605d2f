internal import ByteCodec

/// The count in front of a list of entries of equal size, checked against the size of the message before
/// the first entry is read.
struct FixedList: ~Escapable {
    /// Stands before the first entry.
    let reader: ByteReader
    /// Entries the message says it has; nil if not even the count was captured.
    let declared: Int?
    /// Entries that were captured completely; none if the message is malformed.
    let complete: Int
    /// How the decode of the message ends, if the list and `tail` bytes are all that is left of it.
    let status: DecodeStatus

    /// Reads the count of a message of `size` bytes that is such a list, of at most `limit` entries.
    @_lifetime(copy payload)
    init(_ payload: RawSpan, size: Int, limit: Int, entryBytes: Int) {
        let extent = Extent(payload, size: size)
        self.init(
            payload.reader(extent), extent, limit: UInt64(limit), entryBytes: entryBytes, tail: 0)
    }

    /// Reads the count at the front of `reader`, of a list of at most `limit` entries that has `tail` further
    /// bytes behind it in the message.
    @_lifetime(copy start)
    init(_ start: ByteReader, _ extent: Extent, limit: UInt64, entryBytes: Int, tail: Int) {
        var reader = start
        do {
            let count = Int(try reader.minimalCompactSize(limit: limit))
            let behind = extent.size - reader.offset - count * entryBytes - tail
            status = behind < 0 ? .malformed : extent.isCut ? .truncated : behind == 0 ? .ok : .trailing
            declared = count
            complete = status == .malformed ? 0 : min(count, reader.remaining / entryBytes)
        } catch {
            status = extent.status(after: error)
            declared = error.claimedCount
            complete = 0
        }
        self.reader = reader
    }

    /// What the list comes to, where it is the whole message.
    var delivery: Delivery { Delivery(declared: declared ?? 0, delivered: complete, status: status) }

    /// Hands each complete entry of a list of hashes to `body` and returns a reader behind the last.
    @_lifetime(copy self)
    func forEachHash(_ body: (Hash256) -> Void) -> ByteReader {
        var reader = reader
        for _ in 0..<complete {
            guard let hash = try? Hash256(reading: &reader) else { break }
            body(hash)
        }
        return reader
    }
}

extension ByteCodecError {
    /// The count that was refused for being too large.
    var claimedCount: Int? {
        if case .limitExceeded(_, let value, _) = self { Int(clamping: value) } else { nil }
    }
}
