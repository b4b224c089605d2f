internal import ByteCodec

/// `merkleblock`: a header and the branch of the merkle tree to what the bloom filter matched (BIP37).
public struct MerkleBlock: Sendable, Hashable {
    /// The header, and with it the hash.
    public let header: BlockHeader
    /// Transactions in the block.
    public let transactionCount: UInt32
    /// Nodes of the tree, depth first.
    public let hashes: [Hash256]
    /// Which nodes lead to a match, one bit each.
    public let flags: [UInt8]

    /// Decodes the captured part of a `merkleblock` of `size` bytes; a cut one has no value.
    public static func decode(_ payload: RawSpan, size: Int) -> Decoded<MerkleBlock> {
        let extent = Extent(payload, size: size)
        var reader = payload.reader(extent)
        do {
            let header = try BlockHeader(reading: &reader)
            let transactionCount = try reader.u32()
            let count = Int(try reader.minimalCompactSize(limit: maximumLength))
            var hashes: [Hash256] = []
            hashes.reserveCapacity(min(count, reader.remaining / 32))
            for _ in 0..<count { hashes.append(try Hash256(reading: &reader)) }
            let flagBytes = Int(try reader.minimalCompactSize(limit: maximumLength))
            let flags = try reader.array(flagBytes)
            return Decoded(
                MerkleBlock(
                    header: header, transactionCount: transactionCount, hashes: hashes, flags: flags),
                extent.status(remaining: reader.remaining))
        } catch {
            return Decoded(nil, extent.status(after: error))
        }
    }
}
