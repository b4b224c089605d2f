import BitcoinP2P
import Testing

@Suite struct BlockTransactionsTests {
    static let hash = bytes("616ce5977a11e115287ad9db4bf859fde7685f5ce68e32ddbe91ca9b76fc8e13")

    private func request(_ tail: String) -> (Decoded<GetBlockTransactions>, [UInt16]) {
        let message = Self.hash + bytes(tail)
        var indexes: [UInt16] = []
        let decoded = GetBlockTransactions.decode(message.raw, size: message.count) { indexes.append($0) }
        return (decoded, indexes)
    }

    @Test func `indexes are distances from the one before`() {
        let (decoded, indexes) = request("04 01 00 05 fd0001")  // 1, 2, 8, 265
        #expect(decoded.status == .ok)
        #expect(decoded.value?.blockHash == Hash256(Self.hash.raw))
        #expect(decoded.value?.indexCount == 4)
        #expect(indexes == [1, 2, 8, 265])
    }

    @Test func `the last index is 65 535`() {
        #expect(request("01 fdffff").1 == [65_535])
        #expect(request("02 fdfeff 00").1 == [65_534, 65_535])
    }

    @Test(arguments: ["02 fdffff 00", "01 fe00000100", "02 fdfeff 01", "fe00000100", "02 00"])
    func `an index above 65 535, too many or too few are malformed and deliver nothing`(tail: String) {
        let (decoded, indexes) = request(tail)
        #expect(decoded.status == .malformed)
        #expect(decoded.value == nil)
        #expect(indexes.isEmpty)
    }

    @Test func `a cut request delivers the indexes before the cut`() {
        let message = Self.hash + bytes("03 01 02")
        var indexes: [UInt16] = []
        let decoded = GetBlockTransactions.decode(message.raw, size: message.count + 1) { indexes.append($0) }
        #expect(decoded.status == .truncated)
        #expect(decoded.value?.indexCount == 3)
        #expect(indexes == [1, 4])
    }

    @Test func `a blocktxn hands out its transactions`() {
        let message = Self.hash + [2] + MainnetBlock.coinbase + MainnetBlock.coinbase
        var ids: Set<Hash256> = []
        var places: [Int] = []
        let decoded = BlockTransactions.forEachTransaction(message.raw, size: message.count) {
            places.append($0)
            ids.insert($1.txid(of: $2))
        }
        #expect(decoded.status == .ok)
        #expect(decoded.value?.transactionCount == 2)
        #expect(places == [0, 1])
        #expect(ids.count == 1)
    }

    @Test func `of a cut blocktxn the hash is enough`() {
        let decoded = BlockTransactions.decode(Self.hash.raw, size: 1000)
        #expect(decoded.status == .truncated)
        #expect(decoded.value?.blockHash == Hash256(Self.hash.raw))
        #expect(decoded.value?.transactionCount == nil)
    }
}
