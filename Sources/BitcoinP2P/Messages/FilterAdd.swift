public import ByteCodec

/// `filteradd`: adds one element to the bloom filter (BIP37).
public struct FilterAdd: ShortMessage {
    /// Most bytes of an element (`MAX_SCRIPT_ELEMENT_SIZE` in Bitcoin Core's script/script.h).
    public static let maximumBytes = 520

    /// The element.
    public let element: [UInt8]

    /// The fields at the front of `reader`.
    @_lifetime(reader: copy reader)
    public init?(reading reader: inout ByteReader) throws(ByteCodecError) {
        let count = Int(try reader.minimalCompactSize(limit: UInt64(Self.maximumBytes)))
        element = try reader.array(count)
    }
}
