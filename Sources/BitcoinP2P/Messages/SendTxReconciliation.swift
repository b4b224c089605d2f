internal import ByteCodec

/// `sendtxrcncl`: offers transaction reconciliation (BIP330).
public struct SendTxReconciliation: Sendable, Hashable {
    /// The version of the protocol.
    public let version: UInt32
    /// The sender's half of the salt of short ids.
    public let salt: UInt64

    /// Decodes the captured part of a `sendtxrcncl` of `size` bytes.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<SendTxReconciliation> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        do {
            let version = try reader.u32()
            let salt = try reader.u64()
            return Decoded(
                SendTxReconciliation(version: version, salt: salt),
                extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(nil, extent.status(after: error))
        }
    }
}
