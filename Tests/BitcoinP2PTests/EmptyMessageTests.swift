import BitcoinP2P
import Testing

@Suite struct EmptyMessageTests {
    static let types: [MessageType] = [
        .verack, .sendaddrv2, .getaddr, .mempool, .sendheaders, .filterclear, .wtxidrelay,
    ]

    @Test(arguments: types)
    func `messages that are only a name ignore what they carry`(type: MessageType) {
        #expect(type.status(of: []) == .ok)
        #expect(type.status(of: [1]) == .trailing)
        #expect(type.status(of: [1], size: 2) == .truncated)
    }

    @Test func `they have a value even when something follows`() {
        let message: [UInt8] = [1, 2]
        #expect(VersionAck.decode(message.raw, size: 2).value == VersionAck())
        #expect(WtxidRelay.decode(message.raw, size: 2).value == WtxidRelay())
    }
}
