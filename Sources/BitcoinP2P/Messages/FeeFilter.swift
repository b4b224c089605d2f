public import ByteCodec

/// `feefilter`: do not announce transactions that pay less (BIP133).
public struct FeeFilter: ShortMessage {
    /// Satoshi per 1000 virtual bytes; may be negative or absurd.
    public let rate: Int64

    /// The fields at the front of `reader`.
    @_lifetime(reader: copy reader)
    public init?(reading reader: inout ByteReader) throws(ByteCodecError) {
        rate = try reader.i64()
    }
}
