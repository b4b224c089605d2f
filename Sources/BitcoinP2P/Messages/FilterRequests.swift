internal import ByteCodec

/// `getcfilters` and `getcfheaders`: compact filters, or their headers, of a range of blocks (BIP157).
public struct FilterRange: Sendable, Hashable {
    /// Which filter; 0 is the basic one of BIP158.
    public let filterType: UInt8
    /// Height of the first block.
    public let startHeight: UInt32
    /// Hash of the last block. A range may span 1000 filters or 2000 headers, which only a node that knows
    /// the block's height can check.
    public let stop: Hash256

    /// Decodes the captured part of a `getcfilters` or `getcfheaders` of `size` bytes.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<FilterRange> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        do {
            let filterType = try reader.u8()
            let startHeight = try reader.u32()
            let stop = try Hash256(reading: &reader)
            return Decoded(
                FilterRange(filterType: filterType, startHeight: startHeight, stop: stop),
                extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(nil, extent.status(after: error))
        }
    }
}

/// `getcfcheckpt`: filter headers at every 1000th block (BIP157).
public struct FilterCheckpointRequest: Sendable, Hashable {
    /// Which filter; 0 is the basic one of BIP158.
    public let filterType: UInt8
    /// Hash of the last block.
    public let stop: Hash256

    /// Decodes the captured part of a `getcfcheckpt` of `size` bytes.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<FilterCheckpointRequest> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        do {
            let filterType = try reader.u8()
            let stop = try Hash256(reading: &reader)
            return Decoded(
                FilterCheckpointRequest(filterType: filterType, stop: stop),
                extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(nil, extent.status(after: error))
        }
    }
}
