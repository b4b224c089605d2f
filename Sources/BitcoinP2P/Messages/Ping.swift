internal import ByteCodec

/// `ping`: asks the peer to send the nonce back (BIP31).
public struct Ping: Sendable, Hashable {
    /// What the `pong` has to carry.
    public let nonce: UInt64

    /// Decodes the captured part of a `ping` of `size` bytes.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<Ping> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        do {
            let nonce = try reader.u64()
            return Decoded(Ping(nonce: nonce), extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(nil, extent.status(after: error))
        }
    }
}
