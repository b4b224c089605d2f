internal import ByteCodec

/// `pong`: answers a `ping` (BIP31).
public struct Pong: Sendable, Hashable {
    /// The nonce of the `ping`.
    public let nonce: UInt64

    /// Decodes the captured part of a `pong` of `size` bytes.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<Pong> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        do {
            let nonce = try reader.u64()
            return Decoded(Pong(nonce: nonce), extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(nil, extent.status(after: error))
        }
    }
}
