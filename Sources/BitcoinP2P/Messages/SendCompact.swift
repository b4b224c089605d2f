public import ByteCodec

/// `sendcmpct`: offers and asks for compact blocks (BIP152).
public struct SendCompact: ShortMessage {
    /// Whether new blocks are to be announced with `cmpctblock` (high-bandwidth mode).
    public let announce: Bool
    /// The version of compact blocks; Bitcoin Core knows only 2.
    public let version: UInt64

    /// The fields at the front of `reader`; nil if the first is neither 0 nor 1, as BIP152 asks.
    @_lifetime(reader: copy reader)
    public init?(reading reader: inout ByteReader) throws(ByteCodecError) {
        let mode = try reader.u8()
        version = try reader.u64()
        guard mode <= 1 else { return nil }
        announce = mode == 1
    }
}
