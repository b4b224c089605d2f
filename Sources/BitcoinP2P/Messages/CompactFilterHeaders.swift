internal import ByteCodec

/// `cfheaders`: hashes of the compact filters of a range of blocks (BIP157).
public struct CompactFilterHeaders: Sendable, Hashable {
    /// Most filter hashes in one message.
    public static let maximumHashes = 2000

    /// Which kind of filter.
    public let filterType: FilterType
    /// Hash of the last block.
    public let stop: Hash256
    /// The filter header of the block before the first.
    public let previous: Hash256
    /// Filter hashes the message says it has; nil where the capture is cut before this number.
    public let count: Int?

    /// Decodes the captured part of a `cfheaders` of `size` bytes and hands each filter hash to `body`, in
    /// chain order. A malformed message delivers none.
    public static func decode(
        _ payload: RawSpan, size: Int, _ body: (Hash256) -> Void = { _ in }
    ) -> Decoded<CompactFilterHeaders> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        let (filterType, stop, previous): (FilterType, Hash256, Hash256)
        do {
            filterType = FilterType(rawValue: try reader.u8())
            stop = try Hash256(reading: &reader)
            previous = try Hash256(reading: &reader)
        } catch {
            return Decoded(nil, extent.status(after: error))
        }
        let list = FixedList(reader, extent, limit: UInt64(maximumHashes), entryBytes: 32, tail: 0)
        _ = list.forEachHash(body)
        return Decoded(
            CompactFilterHeaders(
                filterType: filterType, stop: stop, previous: previous, count: list.declared),
            list.status)
    }
}
