public import ByteCodec

/// `getcfilters` or `getcfheaders`, which share one format: something about a range of blocks (BIP157).
public protocol FilterRangeRequest: ShortMessage {
    /// Most blocks in a range that a node answers for.
    static var maximumBlocks: UInt32 { get }
    /// Which kind of filter.
    var filterType: FilterType { get }
    /// Height of the first block.
    var startHeight: UInt32 { get }
    /// Hash of the last block.
    var stop: Hash256 { get }
    /// The request with these fields.
    init(filterType: FilterType, startHeight: UInt32, stop: Hash256)
}

extension FilterRangeRequest {
    /// The fields at the front of `reader`.
    ///
    /// Whether the range is too long only shows when the height of ``stop`` is known: see
    /// ``isWithinLimit(stopHeight:)``.
    @_lifetime(reader: copy reader)
    public init?(reading reader: inout ByteReader) throws(ByteCodecError) {
        self.init(
            filterType: FilterType(rawValue: try reader.u8()), startHeight: try reader.u32(),
            stop: try Hash256(reading: &reader))
    }

    /// Whether Bitcoin Core answers, given the height of the last block; it disconnects those who ask for
    /// more (`PrepareBlockFilterRequest` in net_processing.cpp).
    public func isWithinLimit(stopHeight: UInt32) -> Bool {
        startHeight <= stopHeight && stopHeight - startHeight < Self.maximumBlocks
    }
}
