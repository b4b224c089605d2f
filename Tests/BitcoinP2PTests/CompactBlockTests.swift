import BitcoinP2P
import Testing

@Suite struct CompactBlockTests {
    /// A compact block of `short` ids, with the coinbase of the mainnet block at each of `indexes`.
    private func message(short: Int, prefilled: [Int], count: Int? = nil) -> [UInt8] {
        var message = MainnetBlock.header + bytes("0102030405060708") + compactSize(short)
        message += repeated(0xaa, 6 * short)
        message += compactSize(count ?? prefilled.count)
        for difference in prefilled { message += compactSize(difference) + MainnetBlock.coinbase }
        return message
    }

    @Test func `header, salt, counts and the coinbase's height are read`() throws {
        let message = message(short: 3, prefilled: [0])
        let decoded = CompactBlock.decode(message.raw, size: message.count)
        let block = try #require(decoded.value)
        #expect(decoded.status == .ok)
        #expect(block.header.hash.description == MainnetBlock.hash)
        #expect(block.nonce == 0x0807_0605_0403_0201)
        #expect(block.shortIDCount == 3)
        #expect(block.prefilledCount == 1)
        #expect(block.transactionCount == 4)
        #expect(block.height == 413_567)
    }

    @Test func `short ids and transactions given in full are handed out with their places`() {
        let message =
            MainnetBlock.header + bytes("0102030405060708 03 010203040506 ffffffffffff 000000000000 02 00")
            + MainnetBlock.coinbase + bytes("01") + TxTests.message
        var shortIDs: [UInt64] = []
        var places: [Int] = []
        var ids: [String] = []
        let decoded = CompactBlock.forEach(
            message.raw, size: message.count, shortID: { shortIDs.append($0) },
            prefilled: { place, transaction, bytes in
                places.append(place)
                ids.append(transaction.txid(of: bytes).description)
            })
        #expect(decoded.status == .ok)
        #expect(shortIDs == [0x0605_0403_0201, 0xffff_ffff_ffff, 0])
        #expect(places == [0, 2])
        #expect(ids.last == "e8151a2af31c368a35053ddd4bdb285a8595c769a3ad83e0fa02314a602d4609")
    }

    @Test func `without its coinbase a compact block has no height`() {
        let message = message(short: 3, prefilled: [1])
        let decoded = CompactBlock.decode(message.raw, size: message.count)
        #expect(decoded.status == .ok)
        #expect(decoded.value?.coinbase == nil)
    }

    @Test(arguments: [
        (3, [0, 0, 0]),  // indexes 0 1 2
        (3, [3]),  // the last place
        (3, [0, 2, 0]),  // 0 3 4
        (0, [0, 0]),
    ])
    func `indexes inside the block are taken`(short: Int, prefilled: [Int]) {
        let message = message(short: short, prefilled: prefilled)
        #expect(CompactBlock.decode(message.raw, size: message.count).status == .ok)
    }

    @Test(arguments: [(3, [4]), (3, [0, 4]), (0, [0, 1]), (3, [65_536])])
    func `an index behind the end of the block is malformed`(short: Int, prefilled: [Int]) {
        let message = message(short: short, prefilled: prefilled)
        let decoded = CompactBlock.decode(message.raw, size: message.count)
        #expect(decoded.status == .malformed)
        #expect(decoded.value == nil)
    }

    @Test func `a block without transactions, or with more than 65 535, is malformed`() {
        let none = message(short: 0, prefilled: [])
        #expect(CompactBlock.decode(none.raw, size: none.count).status == .malformed)
        let most = message(short: 65_534, prefilled: [0])
        #expect(CompactBlock.decode(most.raw, size: most.count).status == .ok)
        let more = message(short: 65_535, prefilled: [0])
        #expect(CompactBlock.decode(more.raw, size: more.count).status == .malformed)
        let ids = message(short: 65_536, prefilled: [])
        #expect(CompactBlock.decode(ids.raw, size: ids.count).status == .malformed)
    }

    @Test func `each cut delivers what stands before it`() {
        let whole = message(short: 3, prefilled: [0])
        for length in 0..<whole.count {
            let decoded = CompactBlock.decode([UInt8](whole.prefix(length)).raw, size: whole.count)
            #expect(decoded.status == .truncated)
            #expect((decoded.value != nil) == (length >= 80))
            #expect((decoded.value?.nonce != nil) == (length >= 88))
            #expect((decoded.value?.shortIDCount != nil) == (length >= 89))
            #expect((decoded.value?.prefilledCount != nil) == (length >= 89 + 18 + 1))
            #expect((decoded.value?.height != nil) == (length >= 89 + 18 + 2 + 4 + 1 + 36 + 1 + 100))
        }
    }
}
