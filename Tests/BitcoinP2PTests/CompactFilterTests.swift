import Testing

@testable import BitcoinP2P

@Suite struct CompactFilterTests {
    /// BIP158's test vector for the first block of testnet, whose basic filter has one item.
    static let block = "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943"
    static let blockHash = "43497fd7f826957108f4a30fd9cec3aeba79972084e90ead01ea330900000000"

    @Test func `type, block, filter and its number of items are read`() {
        let message = bytes("00" + Self.blockHash + "04 019dfca8")
        let decoded = CompactFilter.decode(message.raw, size: message.count)
        #expect(decoded.status == .ok)
        #expect(decoded.value?.filterType == .basic)
        #expect(decoded.value?.blockHash.description == Self.block)
        #expect(decoded.value?.filterBytes == 4)
        #expect(decoded.value?.itemCount == 1)
        #expect(decoded.value?.filter == [0x01, 0x9d, 0xfc, 0xa8])
    }

    @Test func `of a cut filter the head is enough for its number of items`() {
        let message = bytes("00" + Self.blockHash + "fd0010 fd2c01")
        let decoded = CompactFilter.decode(message.raw, size: 36 + 4096)
        #expect(decoded.status == .truncated)
        #expect(decoded.value?.filterBytes == 4096)
        #expect(decoded.value?.itemCount == 300)
        #expect(decoded.value?.filter == nil)
    }

    @Test(arguments: ["00", "01 fd", "03 fd0100"])
    func `a filter that does not begin with a number has none`(filter: String) {
        let message = bytes("00" + Self.blockHash + filter)
        let decoded = CompactFilter.decode(message.raw, size: message.count)
        #expect(decoded.status == .ok)
        #expect(decoded.value != nil && decoded.value?.itemCount == nil)
    }

    @Test func `a filter longer than its message is malformed`() {
        let message = bytes("00" + Self.blockHash + "05 019dfca8")
        #expect(CompactFilter.decode(message.raw, size: message.count).status == .malformed)
    }
}
