import BitcoinP2P
import Testing

@Suite struct LocatorTests {
    static let message = bytes(
        """
        71110100                                                         # a version without meaning
        02                                                               # two hashes
        d39f608a7775b537729884d4e6633bb2105e55a16a14d31b0000000000000000
        5c3e6403d40837110a2e8afb602b1c01714bda7ce23bea0a0000000000000000
        6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000 # stop at the first block
        """)

    @Test func `getblocks and getheaders say where a chain is and where to stop`() throws {
        let blocks = GetBlocks.decode(Self.message.raw, size: Self.message.count)
        let headers = try #require(GetHeaders.decode(Self.message.raw, size: Self.message.count).value)
        #expect(blocks.status == .ok)
        #expect(blocks.value?.locator == headers.locator && blocks.value?.stop == headers.stop)
        #expect(headers.locator.version == 70_001)
        #expect(headers.locator.count == 2)
        #expect(
            headers.locator.hashes.map(\.description) == [
                "00000000000000001bd3146aa1555e10b23b63e6d484987237b575778a609fd3",
                "00000000000000000aea3be27cda4b71011c2b60fb8a2e0a113708d403643e5c",
            ])
        #expect(
            headers.stop?.description == "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f")
    }

    @Test(arguments: [MessageType.getblocks, .getheaders])
    func `a locator has at most 101 hashes`(type: MessageType) {
        let most = bytes("80110100 65") + repeated(1, 32 * 101) + repeated(0, 32)
        #expect(type.status(of: most) == .ok)
        let more = bytes("80110100 66") + repeated(1, 32 * 102) + repeated(0, 32)
        #expect(type.status(of: more) == .malformed)
        #expect(GetBlocks.decode(more.raw, size: more.count).value == nil)
        let decoded = GetHeaders.decode(most.raw, size: most.count)
        #expect(decoded.value?.locator.hashes.count == 101)
        #expect(decoded.value?.stop == .zero)
    }

    @Test func `a cut locator gives the hashes before the cut`() {
        for length in 0..<Self.message.count {
            let prefix = [UInt8](Self.message.prefix(length))
            let decoded = GetHeaders.decode(prefix.raw, size: Self.message.count)
            #expect(decoded.status == .truncated)
            #expect((decoded.value != nil) == (length >= 4))
            #expect(decoded.value?.locator.count == (length < 5 ? nil : 2))
            #expect(decoded.value?.stop == nil)
            if let locator = decoded.value?.locator {
                #expect(locator.hashes.count == max(0, length - 5) / 32)
            }
        }
    }

    @Test func `more hashes than the message can hold are malformed even where it is cut`() {
        let prefix = [UInt8](Self.message.prefix(10))
        #expect(GetHeaders.decode(prefix.raw, size: Self.message.count - 1).status == .malformed)
    }
}
