import ByteCodec
import Testing

@testable import BitcoinP2P

@Suite struct MerkleBlockTests {
    /// Bitcoin's developer reference: one match in a block of seven transactions.
    static let message = MessageVector.all.first { $0.type == .merkleblock }?.payload ?? []

    @Test func `header, tree and flags are read, and the tree proves its match`() throws {
        let decoded = MerkleBlock.decode(Self.message.raw, size: Self.message.count)
        let block = try #require(decoded.value)
        #expect(decoded.status == .ok)
        #expect(
            block.header.hash.description
                == "000000000000b731f2eef9e8c63173adfb07e41bd53eb0ef0a6b720d6cb6dea4")
        #expect(block.transactionCount == 7)
        #expect(block.hashCount == 4)
        #expect(block.hashes.count == 4)
        #expect(block.flags == [0x1d])
        let matches = try #require(block.matches)
        #expect(matches.map(\.index) == [4])
        #expect(
            matches.map(\.txid.wireHex) == [
                "019f5b01d4195ecbc9398fbf3c3b1fa9bb3183301d7a1fb3bd174fcfa40a2b65"
            ])
    }

    @Test(arguments: [[], [0], [1556], [0, 1, 2, 3], [7, 1023, 1024, 1555], Array(0..<1557)])
    func `trees over the mainnet block prove what they were made for`(places: [Int]) throws {
        let message = Self.merkleBlock(matching: Set(places))
        let decoded = MerkleBlock.decode(message.raw, size: message.count)
        #expect(decoded.status == .ok)
        let matches = try #require(decoded.value?.matches)
        #expect(matches.map(\.index) == places)
        #expect(matches.map(\.txid) == places.map { Self.txids[$0] })
    }

    @Test func `a tree with a changed hash or flag, or one too many, proves nothing`() {
        let hashes = 84 + 1
        let flags = Self.message.count - 1
        for (place, mask) in [(hashes, 1 as UInt8), (hashes + 40, 0x80), (flags, 1), (flags, 8), (40, 1)] {
            var changed = Self.message
            changed[place] ^= mask
            let decoded = MerkleBlock.decode(changed.raw, size: changed.count)
            #expect(decoded.status == .ok)
            #expect(decoded.value != nil && decoded.value?.matches == nil, "byte \(place)")
        }
        let surplus = [UInt8](Self.message.dropLast(2)) + [2, 0x1d, 0]
        #expect(MerkleBlock.decode(surplus.raw, size: surplus.count).value?.matches == nil)
        var many = Self.message
        many.replaceSubrange(80..<84, with: [0xff, 0xff, 0xff, 0xff])
        #expect(MerkleBlock.decode(many.raw, size: many.count).value?.matches == nil)
        many.replaceSubrange(80..<84, with: [0, 0, 0, 0])
        #expect(MerkleBlock.decode(many.raw, size: many.count).value?.matches == nil)
    }

    @Test func `a tree that repeats a subtree proves nothing`() {
        // Two equal leaves under one node: the hash is that of one leaf alone (CVE-2012-2459).
        let leaf = Self.txids[0]
        var single = PartialMerkleTree(transactionCount: 1, hashes: [leaf], flags: [1])
        #expect(single.root() == leaf)
        var twice = PartialMerkleTree(transactionCount: 2, hashes: [leaf, leaf], flags: [0b111])
        #expect(twice.root() == nil)
    }

    @Test func `a cut message gives what stands before the cut`() {
        for length in 0..<Self.message.count {
            let prefix = [UInt8](Self.message.prefix(length))
            let decoded = MerkleBlock.decode(prefix.raw, size: Self.message.count)
            #expect(decoded.status == .truncated)
            #expect((decoded.value != nil) == (length >= 80))
            #expect((decoded.value?.transactionCount != nil) == (length >= 84))
            #expect((decoded.value?.hashCount != nil) == (length >= 85))
            #expect((decoded.value?.hashes.count ?? 0) == max(0, min(4, (length - 85) / 32)))
            #expect(decoded.value?.flags == nil)
            #expect(decoded.value?.matches == nil)
        }
    }

    static let txids: [Hash256] = {
        var txids: [Hash256] = []
        let payload = MainnetBlock.payload
        _ = Block.forEachTransaction(payload.raw, size: payload.count) { txids.append($1.txid(of: $2)) }
        return txids
    }()

    /// The message that proves the transactions at `places` to be in the mainnet block (BIP37).
    private static func merkleBlock(matching places: Set<Int>) -> [UInt8] {
        // Rows of the tree from the leaves up, and whether a match lies under each node.
        var rows = [txids]
        var leads = [txids.indices.map(places.contains)]
        while let row = rows.last, row.count > 1 {
            rows.append(
                stride(from: 0, to: row.count, by: 2).map { left in
                    var pair = SHA256d()
                    pair.update(row[left].bytes)
                    pair.update(row[min(left + 1, row.count - 1)].bytes)
                    return pair.finalize()
                })
            leads.append(
                stride(from: 0, to: row.count, by: 2).map { left in
                    let below = leads[rows.count - 2]
                    return below[left] || below[min(left + 1, row.count - 1)]
                })
        }
        var hashes: [Hash256] = []
        var bits: [Bool] = []
        func visit(_ height: Int, _ position: Int) {
            bits.append(leads[height][position])
            if height == 0 || !leads[height][position] {
                hashes.append(rows[height][position])
            } else {
                for child in [2 * position, 2 * position + 1] where child < rows[height - 1].count {
                    visit(height - 1, child)
                }
            }
        }
        visit(rows.count - 1, 0)
        var flags = repeated(0, (bits.count + 7) / 8)
        for (index, bit) in bits.enumerated() where bit { flags[index / 8] |= 1 << UInt8(index % 8) }

        var message = MainnetBlock.header + bytes("15060000")
        message += compactSize(hashes.count)
        for hash in hashes { message += hash.bytes.copied() }
        message += compactSize(flags.count)
        return message + flags
    }
}
