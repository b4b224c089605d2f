public import ByteCodec

/// `filterload`: announce only what this bloom filter matches (BIP37).
public struct FilterLoad: ShortMessage {
    /// Most bytes of a filter (`MAX_BLOOM_FILTER_SIZE` in Bitcoin Core's common/bloom.h).
    public static let maximumBytes = 36_000
    /// Most hash functions (`MAX_HASH_FUNCS` there).
    public static let maximumFunctions: UInt32 = 50

    /// What the node adds to the filter when an output matches (`bloomflags` in Bitcoin Core's
    /// common/bloom.h).
    public struct Update: RawRepresentable, Sendable, Hashable {
        /// The number on the wire.
        public let rawValue: UInt8
        /// The rule with the number `rawValue`, assigned or not.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Nothing.
        public static let none = Update(rawValue: 0)
        /// The outpoint.
        public static let all = Update(rawValue: 1)
        /// The outpoint, if the output pays to a public key or to several.
        public static let publicKeysOnly = Update(rawValue: 2)
    }

    /// The filter's bits.
    public let filter: [UInt8]
    /// Hash functions in use.
    public let functions: UInt32
    /// Seed of the hash functions.
    public let tweak: UInt32
    /// How matches change the filter.
    public let update: Update

    /// The fields at the front of `reader`; nil if there are too many functions.
    @_lifetime(reader: copy reader)
    public init?(reading reader: inout ByteReader) throws(ByteCodecError) {
        let count = Int(try reader.minimalCompactSize(limit: UInt64(Self.maximumBytes)))
        filter = try reader.array(count)
        functions = try reader.u32()
        tweak = try reader.u32()
        update = Update(rawValue: try reader.u8())
        guard functions <= Self.maximumFunctions else { return nil }
    }
}
