import BitcoinP2P
import Testing

@Suite struct FilterAddTests {
    @Test func `520 bytes are the most`() {
        let element = bytes("fd0802") + repeated(1, 520)
        #expect(FilterAdd.decode(element.raw, size: element.count).value?.element.count == 520)
        let longer = bytes("fd0902") + repeated(1, 521)
        #expect(FilterAdd.decode(longer.raw, size: longer.count).status == .malformed)
    }
}
