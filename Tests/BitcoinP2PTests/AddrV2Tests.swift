import BitcoinP2P
import ByteCodec
import Testing

@Suite struct AddrV2Tests {
    /// One entry of every network (BIP155), with a services field of each length.
    static let message = bytes(
        """
        08                                // eight entries
        61bc6649 00 01 04 2d5ae4cf 208d   // no services, IPv4, 45.90.228.207:8333
        79627683 01                       // NODE_NETWORK
        02 10 2a0244385c857e1007d7b95dac64da5e 208d
        ffffffff fd4804                   // WITNESS, COMPACT_FILTERS, NETWORK_LIMITED
        03 0a f1f2f3f4f5f6f7f8f9fa 208d   // Tor v2
        00000000 fe00000004               // services in five bytes
        04 20 79bcc625184b05194975c28b66b66b0469f7f6556fb1ac3189a79b40dda32f1f 208d
        00000000 ff0000000001000000       // and in nine
        05 20 a2894dabaec08c0051a481a6dac88b64f98232ae42d4b6fd2fa81952dfe36a87 0000
        00000000 09
        06 10 fc000001000200030004000500060007 208d
        00000000 09 aa 03 010203 0001     // network 170 is not assigned
        00000000 09 ab 00 0002            // nor is 171, and it needs no bytes
        """)

    @Test func `entries of every network carry their readable address`() {
        var entries: [AddressEntry] = []
        let delivery = AddrV2.forEach(Self.message.raw, size: Self.message.count) { entries.append($0) }
        #expect(delivery.status == .ok)
        #expect(delivery.declared == 8 && delivery.delivered == 8)
        #expect(
            entries.map(\.address.description) == [
                "45.90.228.207:8333", "[2a02:4438:5c85:7e10:7d7:b95d:ac64:da5e]:8333",
                "6hzph5hv6337r6p2.onion:8333", KnownAddress.onionText + ":8333",
                KnownAddress.i2pText + ":0", "[\(KnownAddress.cjdnsText)]:8333", "010203:1", ":2",
            ])
        #expect(
            entries.map(\.address.network.name) == [
                "ipv4", "ipv6", "torv2", "onion", "i2p", "cjdns", "unknown-170", "unknown-171",
            ])
        #expect(entries.map(\.services) == [0, 1, 0x448, 0x400_0000, 0x1_0000_0000, 9, 9, 9])
        #expect(entries[3].address.bytes.copied() == KnownAddress.onionKey)
    }

    @Test func `Core's own vector decodes`() {
        // stream_addrv2_hex of netbase_tests
        let message = bytes(
            """
            03
            61bc6649 00     02 10 00000000000000000000000000000001 0000
            79627683 01     02 10 00000000000000000000000000000001 00f1
            ffffffff fd4804 02 10 00000000000000000000000000000001 f1f2
            """)
        var entries: [String] = []
        let delivery = AddrV2.forEach(message.raw, size: message.count) {
            entries.append("\($0.announcedAt) \($0.services) \($0.address)")
        }
        #expect(delivery.status == .ok)
        #expect(entries == ["1231469665 0 [::1]:0", "2205573753 1 [::1]:241", "4294967295 1096 [::1]:61938"])
    }

    @Test(arguments: [
        "01 00000000 00 01 05 0102030405 208d",  // IPv4 of five bytes
        "01 00000000 00 02 04 01020304 208d",  // IPv6 of four
        "01 00000000 00 04 0a f1f2f3f4f5f6f7f8f9fa 208d",  // Tor v3 of ten
        "01 00000000 00 05 03 010203 208d",  // I2P of three
        "01 00000000 00 06 01 fc 208d",  // CJDNS of one
        "01 00000000 00 aa fd0102" + String(repeating: "00", count: 513) + "208d",  // 513 bytes
        "01 00000000 00 01 fd0400 01020304 208d",  // a length in more bytes than it needs
        "02 00000000 00 01 04 01020304 208d",  // one entry too few
        "01 00000000 00 01 04 01020304 20",  // half a port
        "fdfd0000000000000000000000",  // the one in the capture
        "fde903",  // 1001 entries
    ])
    func `what Core refuses is malformed and delivers nothing`(hex: String) {
        let message = bytes(hex)
        let delivery = AddrV2.forEach(message.raw, size: message.count) { _ in Issue.record("delivered") }
        #expect(delivery.status == .malformed)
        #expect(delivery.delivered == 0)
    }

    @Test func `an address of 512 bytes in an unassigned network is kept raw`() {
        let address = (0..<512).map { UInt8(truncatingIfNeeded: $0) }
        let message = bytes("01 00000000 00 c8 fd0002") + address + bytes("208d")
        var kept: [[UInt8]] = []
        let delivery = AddrV2.forEach(message.raw, size: message.count) {
            kept.append($0.address.bytes.copied())
        }
        #expect(delivery.status == .ok)
        #expect(kept == [address])
    }

    @Test func `a cut message delivers each entry before the cut`() {
        var ends: [Int] = []
        for length in 0..<Self.message.count {
            let cut = [UInt8](Self.message.prefix(length))
            var calls = 0
            let delivery = AddrV2.forEach(cut.raw, size: Self.message.count) { _ in calls += 1 }
            #expect(delivery.status == .truncated)
            #expect(delivery.delivered == calls)
            if calls > ends.count { ends.append(length) }
        }
        // The count, then entries of 13, 25, 21, 45, 49, 25 and 12 bytes; the last one is never whole.
        #expect(ends == [14, 39, 60, 105, 154, 179, 191])
    }
}
