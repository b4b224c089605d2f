internal import ByteCodec

/// `cfilter`: the compact filter of one block (BIP157).
public struct CompactFilter: Sendable, Hashable {
    /// Which filter; 0 is the basic one of BIP158.
    public let filterType: UInt8
    /// The block.
    public let blockHash: Hash256
    /// Bytes of the filter.
    public let filterBytes: Int

    /// Decodes the captured part of a `cfilter` of `size` bytes.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<CompactFilter> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        var filter: CompactFilter?
        do {
            let filterType = try reader.u8()
            let blockHash = try Hash256(reading: &reader)
            let count = Int(try reader.minimalCompactSize(limit: maximumLength))
            filter = CompactFilter(filterType: filterType, blockHash: blockHash, filterBytes: count)
            try reader.skip(count)
            return Decoded(filter, extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(filter, extent.status(after: error))
        }
    }
}

/// `cfheaders`: hashes of the compact filters of a range of blocks (BIP157).
public struct CompactFilterHeaders: Sendable, Hashable {
    /// Most filter hashes in one message.
    public static let maximumHashes = 2000

    /// Which filter; 0 is the basic one of BIP158.
    public let filterType: UInt8
    /// Hash of the last block.
    public let stop: Hash256
    /// The filter header before the first.
    public let previous: Hash256
    /// Filter hashes the message says it has.
    public let count: Int

    /// Decodes the captured part of a `cfheaders` of `size` bytes and steps over its hashes.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<CompactFilterHeaders> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        var headers: CompactFilterHeaders?
        do {
            let filterType = try reader.u8()
            let stop = try Hash256(reading: &reader)
            let previous = try Hash256(reading: &reader)
            let count = Int(try reader.minimalCompactSize(limit: UInt64(maximumHashes)))
            headers = CompactFilterHeaders(
                filterType: filterType, stop: stop, previous: previous, count: count)
            try reader.skip(32 * count)
            return Decoded(headers, extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(headers, extent.status(after: error))
        }
    }
}

/// `cfcheckpt`: filter headers at every 1000th block (BIP157).
public struct CompactFilterCheckpoints: Sendable, Hashable {
    /// Which filter; 0 is the basic one of BIP158.
    public let filterType: UInt8
    /// Hash of the last block.
    public let stop: Hash256
    /// Filter headers the message says it has.
    public let count: Int

    /// Decodes the captured part of a `cfcheckpt` of `size` bytes and steps over its headers.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<CompactFilterCheckpoints> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        var checkpoints: CompactFilterCheckpoints?
        do {
            let filterType = try reader.u8()
            let stop = try Hash256(reading: &reader)
            let count = Int(try reader.minimalCompactSize(limit: maximumLength))
            checkpoints = CompactFilterCheckpoints(filterType: filterType, stop: stop, count: count)
            try reader.skip(32 * count)
            return Decoded(checkpoints, extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(checkpoints, extent.status(after: error))
        }
    }
}
