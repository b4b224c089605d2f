public import ByteCodec

/// `pong`: answers a `ping` (BIP31).
public struct Pong: ShortMessage {
    /// The nonce of the `ping`.
    public let nonce: UInt64

    /// The fields at the front of `reader`.
    @_lifetime(reader: copy reader)
    public init?(reading reader: inout ByteReader) throws(ByteCodecError) {
        nonce = try reader.u64()
    }
}
