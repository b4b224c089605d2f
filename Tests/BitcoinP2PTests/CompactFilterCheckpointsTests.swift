import BitcoinP2P
import Testing

@Suite struct CompactFilterCheckpointsTests {
    private func message(_ count: [UInt8], headers: Int) -> [UInt8] {
        [0] + CompactFilterHeadersTests.block + count + repeated(9, 32 * headers)
    }

    @Test func `filter headers are delivered in order`() {
        // A chain of 950 000 blocks has 950 of them.
        let message = message(bytes("fdb603"), headers: 950)
        var calls = 0
        let decoded = CompactFilterCheckpoints.decode(message.raw, size: message.count) { _ in calls += 1 }
        #expect(decoded.status == .ok)
        #expect(decoded.value?.filterType == .basic)
        #expect(decoded.value?.stop.wireHex == CompactFilterHeadersTests.block.hexDigits)
        #expect(decoded.value?.count == 950 && calls == 950)
    }

    @Test func `a count that the message cannot hold is malformed`() {
        for count in ["02", "feffffff01", "fe00000002", "ffffffffffffffffff"] {
            let message = message(bytes(count), headers: 1)
            let decoded = CompactFilterCheckpoints.decode(message.raw, size: message.count) { _ in
                Issue.record("delivered")
            }
            #expect(decoded.status == .malformed, "\(count)")
        }
    }
}
