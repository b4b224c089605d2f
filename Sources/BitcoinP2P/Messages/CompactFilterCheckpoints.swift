internal import ByteCodec

/// `cfcheckpt`: the filter headers at every 1000th block (BIP157).
public struct CompactFilterCheckpoints: Sendable, Hashable {
    /// Blocks from one filter header to the next (`CFCHECKPT_INTERVAL` in Bitcoin Core's
    /// index/blockfilterindex.h): the first is that of block 1000.
    public static let interval = 1000

    /// Which kind of filter.
    public let filterType: FilterType
    /// Hash of the last block.
    public let stop: Hash256
    /// Filter headers the message says it has; nil where the capture is cut before this number.
    public let count: Int?

    /// Decodes the captured part of a `cfcheckpt` of `size` bytes and hands each filter header to `body`, in
    /// chain order. A malformed message delivers none.
    public static func decode(
        _ payload: RawSpan, size: Int, _ body: (Hash256) -> Void = { _ in }
    ) -> Decoded<CompactFilterCheckpoints> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        let (filterType, stop): (FilterType, Hash256)
        do {
            filterType = FilterType(rawValue: try reader.u8())
            stop = try Hash256(reading: &reader)
        } catch {
            return Decoded(nil, extent.status(after: error))
        }
        let list = FixedList(reader, extent, limit: maximumLength, entryBytes: 32, tail: 0)
        _ = list.forEachHash(body)
        return Decoded(
            CompactFilterCheckpoints(filterType: filterType, stop: stop, count: list.declared), list.status)
    }
}
