import BitcoinP2P
import Testing

@Suite struct SendTxReconciliationTests {
    @Test func `version and salt are read`() {
        let message = bytes("01000000 0200000000000000")
        let decoded = SendTxReconciliation.decode(message.raw, size: 12)
        #expect(decoded.status == .ok)
        #expect(decoded.value?.version == 1)
        #expect(decoded.value?.salt == 2)
    }
}
