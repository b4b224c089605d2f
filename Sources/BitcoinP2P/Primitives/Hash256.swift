public import ByteCodec

/// Thirty-two bytes held in place: a block hash, a transaction id, a merkle root.
public struct Hash256: Sendable, Hashable {
    /// The bytes as they lie on the wire.
    @usableFromInline let words: InlineArray<4, UInt64>

    @inlinable
    init(words: InlineArray<4, UInt64>) { self.words = words }

    /// Thirty-two zeros.
    public static let zero = Hash256(words: [0, 0, 0, 0])

    /// The hash at the front of `reader`.
    @inlinable
    @_lifetime(reader: copy reader)
    public init(reading reader: inout ByteReader) throws(ByteCodecError) {
        words = try reader.block32()
    }

    /// The hash that `bytes` are, if they are 32.
    @inlinable
    public init?(_ bytes: RawSpan) {
        guard bytes.byteCount == 32 else { return nil }
        var reader = ByteReader(bytes)
        guard let words = try? reader.block32() else { return nil }
        self.words = words
    }

    /// The hash written in hex as explorers and RPCs show it, that is, in reversed order.
    public init?(shown hex: String) {
        guard let bytes = [UInt8](hex: hex), bytes.count == 32 else { return nil }
        self.init([UInt8](bytes.reversed()).span.rawBytes)
    }

    /// The bytes in wire order.
    public var bytes: RawSpan {
        @_lifetime(borrow self) get { words.span.rawBytes }
    }

    /// Hex in wire order, as in captures and the database.
    public var wireHex: String { bytes.copied().hex }

    /// Whether all 32 bytes are the same.
    @inlinable
    public static func == (one: Hash256, other: Hash256) -> Bool {
        one.words[0] == other.words[0] && one.words[1] == other.words[1]
            && one.words[2] == other.words[2] && one.words[3] == other.words[3]
    }

    /// Adds the bytes to `hasher`.
    @inlinable
    public func hash(into hasher: inout Hasher) {
        for index in 0..<4 { hasher.combine(words[index]) }
    }
}

extension Hash256: CustomStringConvertible {
    /// Hex as explorers and RPCs show it, that is, in reversed order.
    public var description: String { [UInt8](bytes.copied().reversed()).hex }
}
