internal import ByteCodec

/// `feature`: offers an optional part of the protocol before `verack` (BIP434).
public struct Feature: Sendable, Hashable {
    /// Bytes an id may have.
    public static let idLengths = 4...80
    /// Most bytes of data.
    public static let maximumData = 512

    /// The feature's name as it came; not necessarily text.
    public let id: [UInt8]
    /// What the feature wants to say about itself.
    public let data: [UInt8]

    /// Decodes the captured part of a `feature` of `size` bytes.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<Feature> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        do {
            let idLength = Int(try reader.minimalCompactSize(limit: UInt64(idLengths.upperBound)))
            guard idLengths.contains(idLength) else { return Decoded(nil, .malformed) }
            let id = try reader.array(idLength)
            let dataLength = Int(try reader.minimalCompactSize(limit: UInt64(maximumData)))
            let data = try reader.array(dataLength)
            return Decoded(Feature(id: id, data: data), extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(nil, extent.status(after: error))
        }
    }
}
