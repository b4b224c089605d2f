import ByteCodec
import Testing

@testable import BitcoinP2P

@Suite struct CompactFilterHeadersTests {
    static let block = bytes("43497fd7f826957108f4a30fd9cec3aeba79972084e90ead01ea330900000000")

    private func message(_ count: [UInt8], hashes: Int) -> [UInt8] {
        [0] + Self.block + repeated(0, 32) + count + repeated(9, 32 * hashes)
    }

    @Test func `a filter's hash and the header before it make its header`() throws {
        // BIP158's test vector for the first block of testnet.
        let filter = bytes("019dfca8")
        let hash = SHA256d.hash(filter.raw)
        let message = [0] + Self.block + repeated(0, 32) + [1] + hash.bytes.copied()
        var hashes: [Hash256] = []
        let decoded = CompactFilterHeaders.decode(message.raw, size: message.count) { hashes.append($0) }
        let headers = try #require(decoded.value)
        #expect(decoded.status == .ok)
        #expect(headers.filterType == .basic)
        #expect(headers.stop.wireHex == Self.block.hexDigits)
        #expect(headers.count == 1)
        #expect(hashes == [hash])
        var header = SHA256d()
        header.update(hashes[0].bytes)
        header.update(headers.previous.bytes)
        #expect(
            header.finalize().description
                == "21584579b7eb08997773e5aeff3a7f932700042d0ed2a6129012b7d7ae81b750")
    }

    @Test func `2000 hashes are the most`() {
        let most = message(bytes("fdd007"), hashes: 2000)
        var calls = 0
        #expect(CompactFilterHeaders.decode(most.raw, size: most.count) { _ in calls += 1 }.status == .ok)
        #expect(calls == 2000)
        let more = message(bytes("fdd107"), hashes: 2001)
        let decoded = CompactFilterHeaders.decode(more.raw, size: more.count) { _ in
            Issue.record("delivered")
        }
        #expect(decoded.status == .malformed)
    }

    @Test func `a message shorter than its count delivers nothing, even where it is cut`() {
        let short = message([3], hashes: 2)
        for size in [short.count, short.count + 31] {
            let decoded = CompactFilterHeaders.decode(short.raw, size: size) { _ in
                Issue.record("delivered")
            }
            #expect(decoded.status == .malformed)
        }
        var calls = 0
        let cut = CompactFilterHeaders.decode(short.raw, size: short.count + 32) { _ in calls += 1 }
        #expect(cut.status == .truncated && cut.value?.count == 3 && calls == 2)
    }
}
