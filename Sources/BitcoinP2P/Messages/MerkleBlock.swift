internal import ByteCodec

/// `merkleblock`: a header, and the part of the merkle tree that leads to what the bloom filter matched
/// (BIP37).
///
/// Behind the header, fields are nil where the capture is cut.
public struct MerkleBlock: Sendable, Hashable {
    /// The header, and with it the hash.
    public let header: BlockHeader
    /// Transactions in the block.
    public private(set) var transactionCount: UInt32?
    /// Nodes of the tree that the message says it has.
    public private(set) var hashCount: Int?
    /// The nodes that were captured, depth first.
    public private(set) var hashes: [Hash256] = []
    /// Which nodes lead to a match, one bit each, lowest first.
    public private(set) var flags: [UInt8]?

    /// The transactions that matched, by their places in the block, as the tree proves them; nil where the
    /// capture is cut, or the tree is not sound or not that of the header.
    public var matches: [(index: Int, txid: Hash256)]? {
        guard let transactionCount, let flags else { return nil }
        var tree = PartialMerkleTree(transactionCount: transactionCount, hashes: hashes, flags: flags)
        guard let root = tree.root(), root == header.merkleRoot else { return nil }
        return tree.matches
    }

    /// Decodes the captured part of a `merkleblock` of `size` bytes.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<MerkleBlock> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        var block: MerkleBlock?
        do {
            var fields = MerkleBlock(header: try BlockHeader(reading: &reader))
            block = fields
            fields.transactionCount = try reader.u32()
            block = fields
            let count = Int(try reader.minimalCompactSize(limit: maximumLength))
            fields.hashCount = count
            let complete = min(count, reader.remaining / 32)
            fields.hashes.reserveCapacity(complete)
            for _ in 0..<complete { fields.hashes.append(try Hash256(reading: &reader)) }
            block = fields
            // Fails, and tells why, unless all of them were there.
            try reader.skip((count - complete) * 32)
            let flagBytes = Int(try reader.minimalCompactSize(limit: maximumLength))
            fields.flags = try reader.array(flagBytes)
            return Decoded(fields, extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(block, extent.status(after: error))
        }
    }

    private init(header: BlockHeader) { self.header = header }
}
