/// `getcfilters`: asks for the compact filters of a range of blocks (BIP157).
public struct GetCompactFilters: FilterRangeRequest {
    /// Most blocks in a range (`MAX_GETCFILTERS_SIZE` in Bitcoin Core's net_processing.cpp).
    public static let maximumBlocks: UInt32 = 1000

    /// Which kind of filter.
    public let filterType: FilterType
    /// Height of the first block.
    public let startHeight: UInt32
    /// Hash of the last block.
    public let stop: Hash256

    /// The request with these fields.
    public init(filterType: FilterType, startHeight: UInt32, stop: Hash256) {
        self.filterType = filterType
        self.startHeight = startHeight
        self.stop = stop
    }
}
