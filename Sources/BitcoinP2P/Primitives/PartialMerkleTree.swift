internal import ByteCodec

/// A merkle tree of which only the nodes beside the ways to some leaves are known (Bitcoin Core's
/// merkleblock.h, `CPartialMerkleTree`).
struct PartialMerkleTree {
    /// Most transactions of a block: its weight through the least that one can weigh (`ExtractMatches`).
    static let maximumTransactions: UInt32 = 4_000_000 / (4 * 60)

    private let leaves: Int
    private let hashes: [Hash256]
    private let flags: [UInt8]
    private var hashesUsed = 0
    private var flagsUsed = 0
    /// The matched leaves found by ``root()``, in order.
    private(set) var matches: [(index: Int, txid: Hash256)] = []

    init(transactionCount: UInt32, hashes: [Hash256], flags: [UInt8]) {
        leaves = transactionCount <= Self.maximumTransactions ? Int(transactionCount) : 0
        self.hashes = hashes
        self.flags = flags
    }

    /// The root, unless hashes or flags are too few, too many, or repeat a subtree (CVE-2012-2459). To be
    /// called once.
    mutating func root() -> Hash256? {
        guard leaves > 0, hashes.count <= leaves, 8 * flags.count >= hashes.count else { return nil }
        var height = 0
        while width(height) > 1 { height += 1 }
        guard let root = node(height, 0), hashesUsed == hashes.count, (flagsUsed + 7) / 8 == flags.count
        else {
            return nil
        }
        return root
    }

    /// Nodes in the row `height` above the leaves.
    private func width(_ height: Int) -> Int { (leaves + (1 << height) - 1) >> height }

    /// The hash of a node, from the hashes of the message or from those of the nodes under it.
    private mutating func node(_ height: Int, _ position: Int) -> Hash256? {
        guard flagsUsed < 8 * flags.count else { return nil }
        let leadsToMatch = flags[flagsUsed / 8] >> UInt8(flagsUsed % 8) & 1 == 1
        flagsUsed += 1
        if height == 0 || !leadsToMatch {
            guard hashesUsed < hashes.count else { return nil }
            let hash = hashes[hashesUsed]
            hashesUsed += 1
            if height == 0, leadsToMatch { matches.append((position, hash)) }
            return hash
        }
        guard let left = node(height - 1, 2 * position) else { return nil }
        var right = left
        if 2 * position + 1 < width(height - 1) {
            guard let other = node(height - 1, 2 * position + 1), other != left else { return nil }
            right = other
        }
        var pair = SHA256d()
        pair.update(left.bytes)
        pair.update(right.bytes)
        return pair.finalize()
    }
}
