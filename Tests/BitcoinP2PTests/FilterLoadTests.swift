import BitcoinP2P
import Testing

@Suite struct FilterLoadTests {
    @Test func `filter, functions, tweak and rule are read`() {
        let message = bytes("03 614e9b 05000000 01000080 02")
        let decoded = FilterLoad.decode(message.raw, size: message.count)
        #expect(decoded.status == .ok)
        #expect(decoded.value?.filter == [0x61, 0x4e, 0x9b])
        #expect(decoded.value?.functions == 5)
        #expect(decoded.value?.tweak == 0x8000_0001)
        #expect(decoded.value?.update == .publicKeysOnly)
    }

    @Test func `36 000 bytes and 50 functions are the most`() {
        let most = bytes("fda08c") + repeated(1, 36_000) + bytes("32000000 00000000 01")
        #expect(FilterLoad.decode(most.raw, size: most.count).value?.functions == 50)
        let functions = bytes("01 ff 33000000 00000000 01")
        #expect(FilterLoad.decode(functions.raw, size: functions.count).status == .malformed)
        let filter = bytes("fda18c") + repeated(1, 36_001) + bytes("32000000 00000000 01")
        #expect(FilterLoad.decode(filter.raw, size: filter.count).status == .malformed)
    }
}
