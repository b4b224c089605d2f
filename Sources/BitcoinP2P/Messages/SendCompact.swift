internal import ByteCodec

/// `sendcmpct`: offers and asks for compact blocks (BIP152).
public struct SendCompact: Sendable, Hashable {
    /// Whether new blocks are to be announced with `cmpctblock` (high-bandwidth mode).
    public let announce: Bool
    /// The version of compact blocks; Bitcoin Core knows only 2.
    public let version: UInt64

    /// Decodes the captured part of a `sendcmpct` of `size` bytes.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<SendCompact> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        do {
            let announce = try reader.u8() != 0
            let version = try reader.u64()
            return Decoded(
                SendCompact(announce: announce, version: version),
                extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(nil, extent.status(after: error))
        }
    }
}
