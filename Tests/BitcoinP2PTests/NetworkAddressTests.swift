import BitcoinP2P
import Testing

@Suite struct NetworkAddressTests {
    private func address(_ host: String) throws -> NetworkAddress {
        let address = NetworkAddress(host: host.utf8Bytes.raw, port: 8333)
        return try #require(address, "\(host)")
    }

    @Test(arguments: [
        // RFC 5952 and Bitcoin Core's netbase_tests
        ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:DB8::AaAa", "2001:db8::aaaa"),
        ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("0:0:0:0:0:0:0:0", "::"),
        ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        ("fe80::1%eth0", "fe80::1"), ("64:ff9b::1.2.3.4", "64:ff9b::102:304"),
        ("::ffff:1.2.3.4", "1.2.3.4"), ("::FFFF:102:304", "1.2.3.4"),
        ("fd87:d87e:eb43:f1f2:f3f4:f5f6:f7f8:f9fa", "6hzph5hv6337r6p2.onion"),
        ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("10.200.30.4", "10.200.30.4"),
        (KnownAddress.onionText, KnownAddress.onionText), (KnownAddress.i2pText, KnownAddress.i2pText),
        (KnownAddress.onionText.uppercased(), KnownAddress.onionText),
        (KnownAddress.cjdnsText, KnownAddress.cjdnsText),
    ])
    func `addresses are written in their canonical form`(host: String, text: String) throws {
        #expect(try address(host).text == text)
    }

    @Test(arguments: [
        "", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "1:", ":1", "g::",
        "1:2:3:4:5:6:7:8::", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1..2.3",
        "1.2.3.4 ", "1.2.3.0004", "example.org", ".onion", "aaaa.onion", "6hzph5hv6337r6p2.onion",
        // one letter off: the checksum is wrong
        "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscrye.onion",
        "qg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion",
        "ukeu3k5oycgaauneqgtnvselmt4yemvoilkln7jpvamvfx7dnkd.b32.i2p",
    ])
    func `what is no address has none`(host: String) {
        let address = NetworkAddress(host: host.utf8Bytes.raw, port: 0)
        #expect(address == nil)
    }

    @Test func `random addresses read back from their text`() throws {
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<2000 {
            let groups = (0..<8).map { _ in Bool.random(using: &generator) ? 0 : generator.bytes(1)[0] }
            let host = groups.map { String($0, radix: 16) }.joined(separator: ":")
            let written = try address(host)
            #expect(try address(written.text) == written)
        }
    }

    @Test(arguments: [
        "8.8.8.8", "100.63.255.255", "100.128.0.0", "169.253.0.1", "172.15.0.1", "172.32.0.1", "192.0.3.1",
        "192.169.0.1", "198.17.0.1", "198.20.0.1", "198.51.101.1", "203.0.114.1", "255.255.255.254",
        "2001::8888", "2001:30::1", "2001:db9::1", "fe80:0:0:1::1", "64:ff9b::1", "2002:102:304::1",
        "::2", "::ffff:0:102:304", KnownAddress.onionText, KnownAddress.i2pText, KnownAddress.cjdnsText,
    ])
    func `what Core takes for reachable is routable`(host: String) throws {
        #expect(try address(host).isRoutable)
    }

    @Test(arguments: [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "169.254.1.1",
        "172.16.0.1", "172.31.255.255", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.19.255.255",
        "198.51.100.1", "203.0.113.1", "255.255.255.255", "::", "::1", "fe80::1", "fd00::1",
        "2001:db8::1", "2001:10::1", "2001:1f::1", "2001:20::1", "2001:2f::1",
        "fd87:d87e:eb43:f1f2:f3f4:f5f6:f7f8:f9fa", "fd6b:88c0:8724:1:2:3:4:5",
    ])
    func `what Core does not gossip is unroutable`(host: String) throws {
        let address = try address(host)
        #expect(!address.isRoutable)
        #expect(address.network == .internal || address.netgroup == "unroutable")
    }

    @Test func `addrv2 cannot smuggle IPv4 inside IPv6, nor CJDNS outside fc00::/8`() {
        let message = bytes(
            """
            03
            00000000 00 02 10 00000000000000000000ffff08080808 208d
            00000000 00 06 10 fd000001000200030004000500060007 208d
            00000000 00 03 00 208d
            """)
        var routable: [Bool] = []
        var groups: [String] = []
        _ = AddrV2.forEach(message.raw, size: message.count) {
            routable.append($0.address.isRoutable)
            groups.append($0.address.netgroup)
        }
        #expect(routable == [false, false, false])
        #expect(groups == ["unroutable", "unroutable", "unroutable"])
    }

    /// Bitcoin Core's `netbase_getgroup`.
    @Test(arguments: [
        ("1.2.3.4", "1.2.0.0/16"), ("::ffff:0:102:304", "1.2.0.0/16"), ("64:ff9b::102:304", "1.2.0.0/16"),
        ("2002:102:304:9999:9999:9999:9999:9999", "1.2.0.0/16"),
        ("2001:0:9999:9999:9999:9999:fefd:fcfb", "1.2.0.0/16"),
        ("2001:470:abcd:9999:9999:9999:9999:9999", "2001:470:a000::/36"),
        ("2001:2001:9999:9999:9999:9999:9999:9999", "2001:2001::/32"),
        (KnownAddress.onionText, "onion:7/4"), (KnownAddress.i2pText, "i2p:a/4"),
        ("fcab:1::1", "fca0::/12"), ("127.0.0.1", "unroutable"), ("::1", "unroutable"),
    ])
    func `addresses fall into Core's groups`(host: String, group: String) throws {
        #expect(try address(host).netgroup == group)
    }

    @Test(arguments: [
        ("1.2.3.4", "1.2.3.0/24"), ("2a02:4438:5c85:7e10::1", "2a02:4438:5c85::/48"),
        ("fc12:3456:789a:bcde::1", "fc12:3456:789a::/48"), (KnownAddress.onionText, nil),
    ])
    func `a customer's network is a /24 or a /48`(host: String, group: String?) throws {
        #expect(try address(host).group24 == group)
    }

    @Test func `equal addresses hash equally, and ports tell them apart`() throws {
        let one = try address("1.2.3.4")
        let other = try #require(PeerAddress("1.2.3.4:1").address)
        #expect(one == (try address("::ffff:1.2.3.4")))
        #expect(one != other)
        #expect(Set([one, try address("::ffff:1.2.3.4"), other]).count == 2)
        #expect(one.hasSameHost(as: other))
        #expect(!one.hasSameHost(as: try address("1.2.3.5")))
    }
}
