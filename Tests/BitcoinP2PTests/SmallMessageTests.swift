import BitcoinP2P
import Testing

@Suite struct SmallMessageTests {
    @Test func `ping and pong carry a nonce`() {
        let message = bytes("c802dd758079b9da")
        #expect(Ping.decode(message.raw, size: 8).value?.nonce == 0xdab9_7980_75dd_02c8)
        #expect(Pong.decode(message.raw, size: 8).value?.nonce == 0xdab9_7980_75dd_02c8)
        #expect(MessageType.ping.status(of: []) == .malformed)
        #expect(MessageType.ping.status(of: [], size: 8) == .truncated)
        #expect(MessageType.pong.status(of: message + [0]) == .trailing)
    }

    @Test func `there are 36 message types, found by their names`() {
        #expect(MessageType.allCases.count == 36)
        for type in MessageType.allCases { #expect(MessageType(name: type.rawValue) == type) }
        for name in ["zzz_unknown1", "", "\u{fffd}", "Ping", "ping\0", "versionversion"] {
            #expect(MessageType(name: name) == nil)
        }
    }

    @Test func `messages that are only a name ignore what they carry`() {
        #expect(MessageType.verack.status(of: []) == .ok)
        #expect(MessageType.verack.status(of: [1]) == .trailing)
    }

    @Test func `feefilter, sendcmpct and sendtxrcncl are read`() {
        let fee = bytes("7a9e970000000000")
        #expect(FeeFilter.decode(fee.raw, size: 8).value?.rate == 9_936_506)
        let compact = bytes("01 0200000000000000")
        #expect(SendCompact.decode(compact.raw, size: 9).value?.announce == true)
        #expect(SendCompact.decode(compact.raw, size: 9).value?.version == 2)
        let reconciliation = bytes("01000000 0200000000000000")
        #expect(SendTxReconciliation.decode(reconciliation.raw, size: 12).value?.version == 1)
        #expect(SendTxReconciliation.decode(reconciliation.raw, size: 12).value?.salt == 2)
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

    @Test func `locators have at most 101 hashes`() {
        let most = bytes("80110100 65") + repeated(1, 32 * 101) + repeated(0, 32)
        let decoded = BlockLocator.decode(most.raw, size: most.count)
        #expect(decoded.status == .ok)
        #expect(decoded.value?.hashes.count == 101)
        #expect(decoded.value?.stop == .zero)
        let more = bytes("80110100 66") + repeated(1, 32 * 102) + repeated(0, 32)
        #expect(BlockLocator.decode(more.raw, size: more.count).status == .malformed)
    }

    @Test func `bloom filters have their limits`() {
        let most = bytes("fda08c") + repeated(1, 36_000) + bytes("32000000 00000000 01")
        #expect(FilterLoad.decode(most.raw, size: most.count).value?.functions == 50)
        let functions = bytes("01 ff 33000000 00000000 01")
        #expect(FilterLoad.decode(functions.raw, size: functions.count).status == .malformed)
        let filter = bytes("fda18c") + repeated(1, 36_001) + bytes("32000000 00000000 01")
        #expect(FilterLoad.decode(filter.raw, size: filter.count).status == .malformed)
        let element = bytes("fd0802") + repeated(1, 520)
        #expect(FilterAdd.decode(element.raw, size: element.count).value?.element.count == 520)
        let longer = bytes("fd0902") + repeated(1, 521)
        #expect(FilterAdd.decode(longer.raw, size: longer.count).status == .malformed)
    }

    @Test func `a merkleblock has header, hashes and flags`() {
        let message = MainnetBlock.header + bytes("15060000 02") + repeated(1, 64) + bytes("01 1d")
        let decoded = MerkleBlock.decode(message.raw, size: message.count)
        #expect(decoded.status == .ok)
        #expect(decoded.value?.header.hash.description == MainnetBlock.hash)
        #expect(decoded.value?.transactionCount == 1557)
        #expect(decoded.value?.hashes.count == 2)
        #expect(decoded.value?.flags == [0x1d])
    }
}
