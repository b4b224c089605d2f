internal import ByteCodec

/// `feefilter`: do not announce transactions that pay less (BIP133).
public struct FeeFilter: Sendable, Hashable {
    /// Satoshi per 1000 virtual bytes; may be negative or absurd.
    public let rate: Int64

    /// Decodes the captured part of a `feefilter` of `size` bytes.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<FeeFilter> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        do {
            let rate = try reader.i64()
            return Decoded(FeeFilter(rate: rate), extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(nil, extent.status(after: error))
        }
    }
}
