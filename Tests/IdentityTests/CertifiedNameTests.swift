import Foundation
import Testing

@testable import Identity

@Suite("Names in certificates")
struct CertifiedNameTests {
    @Test(
        "go to a URI and back",
        arguments: [CertifiedName.agent("host-a"), .node("n1.example_2"), .aggregator])
    func roundTrip(_ name: CertifiedName) { #expect(CertifiedName(uri: name.uri) == name) }

    @Test("are what the protocol says")
    func uris() {
        #expect(CertifiedName.node("n1").uri == "peerscope://node/n1")
        #expect(CertifiedName.agent("host-a").uri == "peerscope://agent/host-a")
        #expect(CertifiedName.aggregator.uri == "peerscope://aggregator")
    }

    @Test(
        "are nothing else",
        arguments: [
            "", "peerscope://", "peerscope://node", "peerscope://node/", "peerscope://node/a/b",
            "peerscope://node/a b", "peerscope://node/%61", "peerscope://aggregator/", "peerscope://agents/a",
            "PEERSCOPE://node/a", "https://node/a", " peerscope://node/a", "peerscope://node/a?x",
            "peerscope://node/ä",
        ])
    func others(_ uri: String) { #expect(CertifiedName(uri: uri) == nil) }
}

@Suite("An address of a host")
struct HostAddressTests {
    @Test(
        "is of this host or not",
        arguments: [
            ("127.0.0.1", true), ("127.255.0.9", true), ("::1", true), ("localhost", true),
            ("::ffff:127.0.0.1", true), ("128.0.0.1", false), ("0.0.0.0", false), ("::", false),
            ("::2", false),
            ("10.0.0.1", false), ("localhost.example", false), ("", false), ("127.0.0.1.example", false),
            ("fe80::1%lo", false), ("127.1", false),
        ])
    func loopback(_ text: String, _ expected: Bool) { #expect(HostAddress.isLoopback(text) == expected) }

    @Test("stands for all of the host's or not")
    func wildcard() {
        #expect(HostAddress.isWildcard("0.0.0.0") && HostAddress.isWildcard("::"))
        #expect(!HostAddress.isWildcard("127.0.0.1") && !HostAddress.isWildcard("example"))
    }
}
