import BitcoinP2P
import Testing

@Suite struct AddrTests {
    /// The entries of Bitcoin Core's netbase_tests (`stream_addrv1_hex`).
    static let message = bytes(
        """
        03                                // three entries
        61bc6649                          // 2009-01-09
        0000000000000000                  // no services
        00000000000000000000000000000001  // ::1
        0000                              // port 0
        79627683                          // 2039-11-22
        0100000000000000                  // NODE_NETWORK
        00000000000000000000ffff2d5ae4cf  // 45.90.228.207 in IPv6
        208d                              // port 8333, big-endian
        ffffffff                          // 2106-02-07
        4804000000000000                  // WITNESS, COMPACT_FILTERS, NETWORK_LIMITED
        fd87d87eeb43f1f2f3f4f5f6f7f8f9fa  // OnionCat
        f1f2                              // port 61938
        """)

    @Test func `entries carry time, services, address and port`() {
        var entries: [AddressEntry] = []
        let delivery = Addr.forEach(Self.message.raw, size: Self.message.count) { entries.append($0) }
        #expect(delivery.status == .ok)
        #expect(delivery.declared == 3 && delivery.delivered == 3)
        #expect(entries.map(\.announcedAt) == [0x4966_bc61, 0x8376_6279, 0xffff_ffff])
        #expect(entries.map(\.services) == [0, 1, 0x448])
        #expect(
            entries.map(\.address.description) == [
                "[::1]:0", "45.90.228.207:8333", "6hzph5hv6337r6p2.onion:61938",
            ])
        #expect(entries.map(\.address.network) == [.ipv6, .ipv4, .torv2])
    }

    @Test func `names that Core hides in IPv6 are internal`() {
        let message = bytes("01 00000000 0000000000000000 fd6b88c08724ffeeddccbbaa99887766 0000")
        var networks: [Network] = []
        _ = Addr.forEach(message.raw, size: message.count) { networks.append($0.address.network) }
        #expect(networks == [.internal])
    }

    @Test func `a cut message delivers what is complete`() {
        let cut = [UInt8](Self.message.prefix(1 + 2 * 30 + 7))
        var ports: [UInt16] = []
        let delivery = Addr.forEach(cut.raw, size: Self.message.count) { ports.append($0.address.port) }
        #expect(delivery.status == .truncated)
        #expect(delivery.declared == 3 && delivery.delivered == 2)
        #expect(ports == [0, 8333])
    }

    @Test func `a message shorter than its count delivers nothing`() {
        let short = [UInt8](Self.message.dropLast())
        let delivery = Addr.forEach(short.raw, size: short.count) { _ in Issue.record("delivered") }
        #expect(delivery.status == .malformed)
        #expect(delivery.declared == 3 && delivery.delivered == 0)
    }

    @Test func `more than 1000 entries are malformed`() {
        let thousand = bytes("fde803") + repeated(1, 30 * 1000)
        #expect(Addr.forEach(thousand.raw, size: thousand.count) { _ in }.delivered == 1000)
        let more = bytes("fde903") + repeated(1, 30 * 1001)
        let delivery = Addr.forEach(more.raw, size: more.count) { _ in Issue.record("delivered") }
        #expect(delivery.status == .malformed)
        #expect(delivery.declared == 1001)
    }

    @Test func `bytes behind the last entry are trailing`() {
        let longer = Self.message + [0]
        let delivery = Addr.forEach(longer.raw, size: longer.count) { _ in }
        #expect(delivery.status == .trailing)
        #expect(delivery.delivered == 3)
    }

    @Test func `a count in more bytes than it needs is malformed, as for Bitcoin Core`() {
        let message = bytes("fd0000")
        #expect(Addr.forEach(message.raw, size: message.count) { _ in }.status == .malformed)
    }
}
