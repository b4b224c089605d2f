import BitcoinP2P
import Testing

@Suite struct FeatureTests {
    @Test func `id and data are read`() {
        let message = bytes("04 42495034 02 0102")
        let decoded = Feature.decode(message.raw, size: message.count)
        #expect(decoded.value?.id == "BIP4".utf8Bytes)
        #expect(decoded.value?.data == [1, 2])
    }

    @Test(arguments: [
        ("07 424950343334 7632 00", DecodeStatus.malformed), ("06 424950343334 00", .ok),
        ("04 42495034 02 0102", .ok), ("03 424950 00", .malformed), ("51 00", .malformed),
        ("06 424950343334", .malformed), ("06 424950343334 fd0102", .malformed),
        ("06 424950343334 00 00", .trailing),
    ])
    func `a feature has an id of 4 to 80 bytes and at most 512 of data`(hex: String, status: DecodeStatus) {
        let message = bytes(hex)
        #expect(Feature.decode(message.raw, size: message.count).status == status)
    }

    @Test func `80 bytes of id and 512 of data are the most`() {
        let most = [80] + repeated(0x41, 80) + bytes("fd0002") + repeated(1, 512)
        let decoded = Feature.decode(most.raw, size: most.count)
        #expect(decoded.status == .ok)
        #expect(decoded.value?.id.count == 80 && decoded.value?.data.count == 512)
        let id = [81] + repeated(0x41, 81) + [0]
        #expect(MessageType.feature.status(of: id) == .malformed)
        let data = [80] + repeated(0x41, 80) + bytes("fd0102") + repeated(1, 513)
        #expect(MessageType.feature.status(of: data) == .malformed)
    }
}
