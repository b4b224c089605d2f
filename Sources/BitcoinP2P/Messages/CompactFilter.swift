internal import ByteCodec

/// `cfilter`: the compact filter of one block (BIP157).
public struct CompactFilter: Sendable, Hashable {
    /// Which kind of filter.
    public let filterType: FilterType
    /// The block.
    public let blockHash: Hash256
    /// Bytes of the filter; nil where the capture is cut before this number.
    public private(set) var filterBytes: Int?
    /// Items in the filter, the number in front of it (BIP158); nil where the capture is cut before it, or the
    /// filter does not begin with a number.
    public private(set) var itemCount: UInt64?
    /// The filter: that number, and a Golomb-coded set; nil where the capture is cut.
    public private(set) var filter: [UInt8]?

    /// Decodes the captured part of a `cfilter` of `size` bytes.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<CompactFilter> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        var filter: CompactFilter?
        do {
            var fields = CompactFilter(
                filterType: FilterType(rawValue: try reader.u8()), blockHash: try Hash256(reading: &reader))
            filter = fields
            let count = Int(try reader.minimalCompactSize(limit: maximumLength))
            fields.filterBytes = count
            fields.itemCount = Self.items(reader, filterBytes: count)
            filter = fields
            fields.filter = try reader.array(count)
            return Decoded(fields, extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(filter, extent.status(after: error))
        }
    }

    private static func items(_ reader: ByteReader, filterBytes: Int) -> UInt64? {
        var reader = reader
        guard var filter = try? ByteReader(reader.bytes(min(filterBytes, reader.remaining))) else {
            return nil
        }
        return try? filter.minimalCompactSize()
    }

    private init(filterType: FilterType, blockHash: Hash256) {
        self.filterType = filterType
        self.blockHash = blockHash
    }
}
