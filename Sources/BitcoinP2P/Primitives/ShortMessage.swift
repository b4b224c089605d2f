public import ByteCodec

/// A message of a few fields. It is decoded whole: where the capture cuts it, it has no value.
public protocol ShortMessage: Sendable, Hashable {
    /// The fields at the front of `reader`; nil if they break a limit of the message.
    @_lifetime(reader: copy reader)
    init?(reading reader: inout ByteReader) throws(ByteCodecError)
}

extension ShortMessage {
    /// Decodes the captured part of a message of `size` bytes.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<Self> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        do {
            guard let message = try Self(reading: &reader) else { return Decoded(nil, .malformed) }
            return Decoded(message, extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(nil, extent.status(after: error))
        }
    }
}
