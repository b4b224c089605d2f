public import ByteCodec

/// `feature`: offers an optional part of the protocol before `verack` (BIP434).
public struct Feature: ShortMessage {
    /// Bytes an id may have.
    public static let idLengths = 4...80
    /// Most bytes of data.
    public static let maximumData = 512

    /// The feature's name as it came; not necessarily text.
    public let id: [UInt8]
    /// What the feature wants to say about itself.
    public let data: [UInt8]

    /// The fields at the front of `reader`; nil if the id is too short.
    @_lifetime(reader: copy reader)
    public init?(reading reader: inout ByteReader) throws(ByteCodecError) {
        let idLength = Int(try reader.minimalCompactSize(limit: UInt64(Self.idLengths.upperBound)))
        id = try reader.array(idLength)
        let dataLength = Int(try reader.minimalCompactSize(limit: UInt64(Self.maximumData)))
        data = try reader.array(dataLength)
        guard Self.idLengths.contains(idLength) else { return nil }
    }
}
