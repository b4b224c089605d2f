import BitcoinP2P
import Testing

@Suite struct PeerAddressTests {
    @Test(arguments: [
        ("1.2.3.4:8333", "ipv4", "1.2.3.4", 8333),
        ("[2001:db8::1]:8333", "ipv6", "2001:db8::1", 8333),
        ("[::ffff:1.2.3.4]:18444", "ipv4", "::ffff:1.2.3.4", 18444),
        ("[fe80::1%2]:8333", "ipv6", "fe80::1%2", 8333),
        ("[fc00:1:2:3:4:5:6:7]:8333", "cjdns", "fc00:1:2:3:4:5:6:7", 8333),
        (KnownAddress.onionText + ":8333", "onion", KnownAddress.onionText, 8333),
        (KnownAddress.i2pText + ":0", "i2p", KnownAddress.i2pText, 0),
        ("2001:db8::1", "ipv6", "2001:db8::1", 0),
        ("[2001:db8::1]", "ipv6", "2001:db8::1", 0),
        ("1.2.3.4", "ipv4", "1.2.3.4", 0),
    ])
    func `peers as tracepoints name them are read`(text: String, network: String, host: String, port: UInt16)
    {
        let peer = PeerAddress(text)
        #expect(peer.network == network)
        #expect(peer.host == host)
        #expect(peer.port == port)
        #expect(peer.address?.port == port)
    }

    @Test(arguments: [
        ("node.example.org:8333", "node.example.org", 8333), ("localhost", "localhost", 0), ("", "", 0),
        (":", ":", 0), ("[", "[", 0), ("[]", "", 0), ("[]:1", "", 1), ("]:", "]:", 0),
        ("1.2.3.4:65536", "1.2.3.4:65536", 0), ("1.2.3.4:-1", "1.2.3.4:-1", 0), ("a:b:1", "a:b:1", 0),
    ])
    func `names and nonsense have no address`(text: String, host: String, port: UInt16) {
        let peer = PeerAddress(text)
        #expect(peer.address == nil)
        #expect(peer.host == host)
        #expect(peer.port == port)
    }

    @Test func `a peer is recognised in what it announces, as IPv6 or as CJDNS`() {
        let message = bytes(
            """
            03
            00000000 00 06 10 fc000001000200030004000500060007 208d
            00000000 00 02 10 20010db8000000000000000000000001 208d
            00000000 00 01 04 01020304 208d
            """)
        let peers = ["[fc00:1:2:3:4:5:6:7]:50000", "[2001:db8::1]:50000", "1.2.3.4:50000"].map(
            PeerAddress.init)
        var index = 0
        _ = AddrV2.forEach(message.raw, size: message.count) { entry in
            for (place, peer) in peers.enumerated() {
                #expect(peer.address?.hasSameHost(as: entry.address) == (place == index))
            }
            index += 1
        }
        #expect(index == 3)
    }
}
