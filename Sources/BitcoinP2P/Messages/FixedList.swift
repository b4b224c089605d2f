internal import ByteCodec

/// The count in front of a list of entries of equal size, checked against the size of the message before
/// the first entry is read.
struct FixedList: ~Escapable {
    /// Stands before the first entry.
    let reader: ByteReader
    /// Entries that were captured completely; none if the message is malformed.
    let complete: Int
    /// What the list comes to.
    let delivery: Delivery

    /// Reads the count of a message of `size` bytes that may hold at most `limit` entries.
    @_lifetime(copy payload)
    init(_ payload: RawSpan, size: Int, limit: Int, entryBytes: Int) {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        do {
            let declared = Int(try reader.minimalCompactSize(limit: UInt64(limit)))
            let behind = extent.size - reader.offset - declared * entryBytes
            let status: DecodeStatus =
                behind < 0 ? .malformed : extent.isCut ? .truncated : behind == 0 ? .ok : .trailing
            complete = status == .malformed ? 0 : min(declared, reader.remaining / entryBytes)
            delivery = Delivery(declared: declared, delivered: complete, status: status)
        } catch {
            complete = 0
            delivery = Delivery(
                declared: error.claimedCount, delivered: 0, status: extent.status(after: error))
        }
        self.reader = reader
    }
}

extension ByteCodecError {
    /// The count that was refused for being too large, else 0.
    var claimedCount: Int {
        if case .limitExceeded(_, let value, _) = self { Int(clamping: value) } else { 0 }
    }
}
