/// One entry of `inv`, `getdata` or `notfound`: what kind of object, and which.
public struct InventoryEntry: Sendable, Hashable {
    /// What an entry's hash names.
    ///
    /// The numbers are those of BIP144, BIP152 and BIP339; any other is carried as it came.
    public struct Kind: RawRepresentable, Sendable, Hashable {
        /// The number on the wire.
        public let rawValue: UInt32
        /// A kind with the number `rawValue`.
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// Asks for the object with its witness (BIP144).
        public static let witnessFlag: UInt32 = 0x4000_0000
        /// A transaction by txid.
        public static let tx = Kind(rawValue: 1)
        /// A block by hash.
        public static let block = Kind(rawValue: 2)
        /// A block filtered by the peer's bloom filter (BIP37).
        public static let filteredBlock = Kind(rawValue: 3)
        /// A compact block (BIP152).
        public static let compactBlock = Kind(rawValue: 4)
        /// A transaction by wtxid (BIP339).
        public static let wtx = Kind(rawValue: 5)

        /// The kind without the witness flag.
        public var withoutWitness: Kind { Kind(rawValue: rawValue & ~Self.witnessFlag) }
        /// Whether the hash names a block, in whatever form it is asked for.
        public var isBlock: Bool {
            [.block, .filteredBlock, .compactBlock].contains(withoutWitness)
        }
        /// Whether the hash names a transaction.
        public var isTransaction: Bool { [.tx, .wtx].contains(withoutWitness) }
    }

    /// What the hash names.
    public let kind: Kind
    /// The object's hash.
    public let hash: Hash256
}
