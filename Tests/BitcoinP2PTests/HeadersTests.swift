import BitcoinP2P
import Testing

@Suite struct HeadersTests {
    @Test func `each header has its hash`() {
        let message = [2] + MainnetBlock.header + [0] + MainnetBlock.header + [0]
        var hashes: [String] = []
        let delivery = Headers.forEach(message.raw, size: message.count) {
            hashes.append($0.hash.description)
        }
        #expect(delivery.status == .ok)
        #expect(hashes == [MainnetBlock.hash, MainnetBlock.hash])
    }

    @Test func `the genesis block hashes to what everybody knows`() {
        let message = bytes(
            """
            01
            01000000                      // version
            0000000000000000000000000000000000000000000000000000000000000000
            3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a
            29ab5f49                      // 2009-01-03 18:15:05
            ffff001d                      // difficulty 1
            1dac2b7c                      // nonce
            00                            // no transactions
            """)
        var hashes: [String] = []
        _ = Headers.forEach(message.raw, size: message.count) { hashes.append($0.hash.description) }
        #expect(hashes == ["000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"])
    }

    @Test func `an empty list is the answer of a node that has nothing to add`() {
        let message: [UInt8] = [0]
        let delivery = Headers.forEach(message.raw, size: 1) { _ in }
        #expect(delivery.status == .ok)
        #expect(delivery.declared == 0)
    }

    @Test func `a header with transactions makes the message malformed`() {
        let message = [2] + MainnetBlock.header + [0] + MainnetBlock.header + [1]
        let delivery = Headers.forEach(message.raw, size: message.count) { _ in Issue.record("delivered") }
        #expect(delivery.status == .malformed)
    }

    @Test func `more than 2000 headers are malformed`() {
        let message = bytes("fdd107")
        #expect(Headers.forEach(message.raw, size: message.count) { _ in }.status == .malformed)
    }

    @Test func `a cut list delivers its whole headers`() {
        let message = [3] + MainnetBlock.header + [0] + MainnetBlock.header + [0]
        var calls = 0
        let delivery = Headers.forEach(message.raw, size: 1 + 3 * 81) { _ in calls += 1 }
        #expect(delivery.status == .truncated)
        #expect(delivery.delivered == 2 && calls == 2)
    }
}
