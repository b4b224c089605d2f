import BitcoinP2P
import Testing

@Suite struct FeeFilterTests {
    @Test(arguments: [("7a9e970000000000", 9_936_506), ("ffffffffffffffff", -1), ("0000000000000080", .min)])
    func `the rate is signed, as Bitcoin Core reads it`(hex: String, rate: Int64) {
        #expect(FeeFilter.decode(bytes(hex).raw, size: 8).value?.rate == rate)
    }
}
