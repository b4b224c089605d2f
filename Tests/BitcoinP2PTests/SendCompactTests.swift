import BitcoinP2P
import Testing

@Suite struct SendCompactTests {
    @Test func `mode and version are read`() {
        let message = bytes("01 0200000000000000")
        let decoded = SendCompact.decode(message.raw, size: 9)
        #expect(decoded.status == .ok)
        #expect(decoded.value?.announce == true)
        #expect(decoded.value?.version == 2)
    }

    @Test func `a mode other than 0 and 1 is malformed, as BIP152 asks and Bitcoin Core punishes`() {
        #expect(MessageType.sendcmpct.status(of: bytes("02 0200000000000000")) == .malformed)
        #expect(MessageType.sendcmpct.status(of: bytes("00 0200000000000000")) == .ok)
    }
}
