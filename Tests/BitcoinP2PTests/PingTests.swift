import BitcoinP2P
import Testing

@Suite struct PingTests {
    @Test func `ping and pong carry a nonce`() {
        let message = bytes("c802dd758079b9da")
        #expect(Ping.decode(message.raw, size: 8).value?.nonce == 0xdab9_7980_75dd_02c8)
        #expect(Pong.decode(message.raw, size: 8).value?.nonce == 0xdab9_7980_75dd_02c8)
    }

    @Test func `a ping from before BIP31, without nonce, is malformed`() {
        #expect(MessageType.ping.status(of: []) == .malformed)
        #expect(MessageType.ping.status(of: [], size: 8) == .truncated)
    }
}
