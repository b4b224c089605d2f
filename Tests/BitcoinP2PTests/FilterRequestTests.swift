import BitcoinP2P
import Testing

@Suite struct FilterRequestTests {
    static let hash = "20782a005255b657696ea057d5b98f34defcf75196f64f6eeac8026c00000000"

    @Test func `getcfilters and getcfheaders name a range of blocks`() {
        let message = bytes("00 01020000" + Self.hash)
        let filters = GetCompactFilters.decode(message.raw, size: message.count)
        #expect(filters.status == .ok)
        #expect(filters.value?.filterType == .basic)
        #expect(filters.value?.startHeight == 513)
        #expect(filters.value?.stop.wireHex == Self.hash)
        let headers = GetCompactFilterHeaders.decode(message.raw, size: message.count)
        #expect(headers.value?.startHeight == 513)
    }

    @Test func `ranges of 1000 filters and 2000 filter headers are the most`() {
        let message = bytes("00 64000000" + Self.hash)  // from height 100
        let filters = GetCompactFilters.decode(message.raw, size: message.count).value
        #expect(filters?.isWithinLimit(stopHeight: 99) == false)
        #expect(filters?.isWithinLimit(stopHeight: 100) == true)
        #expect(filters?.isWithinLimit(stopHeight: 1099) == true)
        #expect(filters?.isWithinLimit(stopHeight: 1100) == false)
        let headers = GetCompactFilterHeaders.decode(message.raw, size: message.count).value
        #expect(headers?.isWithinLimit(stopHeight: 2099) == true)
        #expect(headers?.isWithinLimit(stopHeight: 2100) == false)
    }

    @Test func `getcfcheckpt names a kind of filter and a block`() {
        let message = bytes("07" + Self.hash)
        let decoded = GetCompactFilterCheckpoints.decode(message.raw, size: message.count)
        #expect(decoded.status == .ok)
        #expect(decoded.value?.filterType == FilterType(rawValue: 7))
        #expect(decoded.value?.stop.wireHex == Self.hash)
    }
}
