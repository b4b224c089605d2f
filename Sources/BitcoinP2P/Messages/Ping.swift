public import ByteCodec

/// `ping`: asks the peer to send the nonce back (BIP31).
public struct Ping: ShortMessage {
    /// What the `pong` has to carry.
    public let nonce: UInt64

    /// The fields at the front of `reader`.
    @_lifetime(reader: copy reader)
    public init?(reading reader: inout ByteReader) throws(ByteCodecError) {
        nonce = try reader.u64()
    }
}
