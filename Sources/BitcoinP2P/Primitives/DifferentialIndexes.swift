internal import ByteCodec

/// Ascending transaction indexes, each written as its distance from the one before (BIP152).
struct DifferentialIndexes {
    private var following = 0

    /// The next index, refused above `limit`.
    @_lifetime(reader: copy reader)
    mutating func next(_ reader: inout ByteReader, limit: Int) throws(ByteCodecError) -> Int {
        let start = reader.offset
        let difference = Int(try reader.minimalCompactSize(limit: 65_535))
        let index = following + difference
        guard index <= limit else {
            throw .limitExceeded(offset: start, value: UInt64(index), limit: UInt64(limit))
        }
        following = index + 1
        return index
    }
}
