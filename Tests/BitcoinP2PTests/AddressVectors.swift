/// Addresses whose text is known from elsewhere.
enum KnownAddress {
    /// Tor's rend-spec-v3 and Bitcoin Core's netbase_tests.
    static let onionKey = bytes("79bcc625184b05194975c28b66b66b0469f7f6556fb1ac3189a79b40dda32f1f")
    static let onionText = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion"
    /// Bitcoin Core's net_tests.
    static let i2pHash = bytes("a2894dabaec08c0051a481a6dac88b64f98232ae42d4b6fd2fa81952dfe36a87")
    static let i2pText = "ukeu3k5oycgaauneqgtnvselmt4yemvoilkln7jpvamvfx7dnkdq.b32.i2p"
    /// Bitcoin Core's net_tests.
    static let cjdns = bytes("fc000001000200030004000500060007")
    static let cjdnsText = "fc00:1:2:3:4:5:6:7"
}
