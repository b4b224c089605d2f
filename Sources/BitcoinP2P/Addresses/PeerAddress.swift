internal import ByteCodec

/// The address of a peer as Bitcoin Core writes it into tracepoints (`CNode::m_addr_name`).
///
/// `1.2.3.4:8333`, `[2001:db8::1]:8333`, `….onion:8333`, `….b32.i2p:0`, or whatever name the user gave to
/// `addnode`, in which case there is no ``address``.
public struct PeerAddress: Sendable, Hashable {
    /// What stands before the port, without brackets.
    public let host: String
    /// The port; 0 if none is written.
    public let port: UInt16
    /// The address that `host` is, unless it is a name to be resolved.
    public let address: NetworkAddress?

    /// The network as the database names it; nil for a name that is yet to be resolved.
    public var network: String? { address?.network.name }

    /// Reads the text of a peer's address.
    public init(_ text: RawSpan) {
        let (host, port) = Self.split(text)
        self.host = host.text()
        self.port = port
        address = NetworkAddress(host: host, port: port)
    }

    /// Reads the text of a peer's address.
    public init(_ text: String) {
        self.init([UInt8](text.utf8).span.rawBytes)
    }

    @_lifetime(copy text)
    private static func split(_ text: RawSpan) -> (RawSpan, UInt16) {
        let count = text.byteCount
        var colon = count
        while colon > 0, text.byte(at: colon - 1) != UInt8(ascii: ":") { colon -= 1 }
        let bracketed = count > 0 && text.byte(at: 0) == UInt8(ascii: "[")
        let closes = colon > 1 && text.byte(at: colon - 2) == UInt8(ascii: "]")
        let first = (0..<count).first { text.byte(at: $0) == UInt8(ascii: ":") }
        // One colon, or a bracket before the last, is a port; more of them are an IPv6 address.
        if colon > 0, bracketed ? closes : first == colon - 1,
            let port = decimal(text.extracting(colon..<count))
        {
            return (bracketed ? text.extracting(1..<colon - 2) : text.extracting(0..<colon - 1), port)
        }
        if bracketed, count > 1, text.byte(at: count - 1) == UInt8(ascii: "]") {
            return (text.extracting(1..<count - 1), 0)
        }
        return (text, 0)
    }

    private static func decimal(_ text: RawSpan) -> UInt16? {
        guard (1...5).contains(text.byteCount) else { return nil }
        return UInt16(text.text())
    }
}

extension NetworkAddress {
    /// The address that `host` reads as (Bitcoin Core's `LookupHost` without name resolution): IPv4, IPv6,
    /// Tor v3 with a right checksum, or I2P. fc00::/8 is taken for CJDNS.
    public init?(host: RawSpan, port: UInt16) {
        if let key = Self.stem(of: host, suffix: ".onion").flatMap(OnionName.key(in:)) {
            self.init(network: .onion, bytes: key.span.rawBytes, port: port)
        } else if let hash = Self.stem(of: host, suffix: ".b32.i2p"), hash.count == 32 {
            self.init(network: .i2p, bytes: hash.span.rawBytes, port: port)
        } else if let four = IPv4Text.parse(host) {
            self.init(network: .ipv4, bytes: four.span.rawBytes, port: port)
        } else if let sixteen = IPv6Text.parse(host) {
            if sixteen[0] == 0xfc {
                self.init(network: .cjdns, bytes: sixteen.span.rawBytes, port: port)
            } else {
                self.init(legacy: sixteen.span.rawBytes, port: port)
            }
        } else {
            return nil
        }
    }

    /// What the base32 before `suffix` stands for.
    private static func stem(of host: RawSpan, suffix: String) -> [UInt8]? {
        let count = host.byteCount - suffix.utf8.count
        guard count > 0, host.extracting(droppingFirst: count).text().lowercased() == suffix else {
            return nil
        }
        return Base32.decode(host.extracting(first: count))
    }
}
