public import ByteCodec

/// `getcfcheckpt`: asks for the filter headers at every 1000th block (BIP157).
public struct GetCompactFilterCheckpoints: ShortMessage {
    /// Which kind of filter.
    public let filterType: FilterType
    /// Hash of the last block.
    public let stop: Hash256

    /// The fields at the front of `reader`.
    @_lifetime(reader: copy reader)
    public init?(reading reader: inout ByteReader) throws(ByteCodecError) {
        filterType = FilterType(rawValue: try reader.u8())
        stop = try Hash256(reading: &reader)
    }
}
