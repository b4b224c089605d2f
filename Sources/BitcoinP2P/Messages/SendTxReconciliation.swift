public import ByteCodec

/// `sendtxrcncl`: offers transaction reconciliation (BIP330).
public struct SendTxReconciliation: ShortMessage {
    /// The version of the protocol.
    public let version: UInt32
    /// The sender's half of the salt of short ids.
    public let salt: UInt64

    /// The fields at the front of `reader`.
    @_lifetime(reader: copy reader)
    public init?(reading reader: inout ByteReader) throws(ByteCodecError) {
        version = try reader.u32()
        salt = try reader.u64()
    }
}
