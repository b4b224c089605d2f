internal import ByteCodec

/// Where a node can be reached: network, address and port.
///
/// Addresses of every assigned network lie in place, without a heap allocation.
public struct NetworkAddress: Sendable {
    /// The network.
    public let network: Network
    /// The TCP port; I2P addresses have 0.
    public let port: UInt16
    /// The address, padded with zeros to 32 bytes.
    private let inline: InlineArray<32, UInt8>
    /// Bytes of `inline` that are the address.
    private let count: Int
    /// The address where it does not fit in place: at most 512 bytes of an unassigned network.
    private let outOfLine: [UInt8]

    /// The address `bytes` of `network`, which must have the length that the network asks for.
    init(network: Network, bytes: RawSpan, port: UInt16) {
        var inline = InlineArray<32, UInt8>(repeating: 0)
        let fits = bytes.byteCount <= 32
        if fits {
            for index in 0..<bytes.byteCount { inline[index] = bytes.byte(at: index) }
        }
        self.network = network
        self.port = port
        self.inline = inline
        count = fits ? bytes.byteCount : 0
        outOfLine = fits ? [] : bytes.copied()
    }

    /// The address itself, as BIP155 carries it.
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get { outOfLine.isEmpty ? inline.span.rawBytes.extracting(first: count) : outOfLine.span.rawBytes }
    }

    /// Whether both are the same host, whatever the port.
    ///
    /// A CJDNS address equals the IPv6 address that reads the same, since text does not tell them apart.
    public func hasSameHost(as other: NetworkAddress) -> Bool {
        (network == other.network || (network.isWrittenAsIPv6 && other.network.isWrittenAsIPv6))
            && bytes.hasSameBytes(as: other.bytes)
    }
}

extension Network {
    /// Whether addresses of this network are written as IPv6 addresses are.
    var isWrittenAsIPv6: Bool { self == .ipv6 || self == .cjdns }
}

extension NetworkAddress: Hashable {
    /// Whether network, address and port are the same.
    public static func == (one: NetworkAddress, other: NetworkAddress) -> Bool {
        one.network == other.network && one.port == other.port && one.bytes.hasSameBytes(as: other.bytes)
    }

    /// Adds network, address and port to `hasher`.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(network)
        hasher.combine(port)
        var words = ByteReader(inline.span.rawBytes)
        while let word = try? words.u64() { hasher.combine(word) }
        hasher.combine(outOfLine)
    }
}

extension NetworkAddress {
    /// ::ffff:0:0/96, IPv4 in IPv6.
    static let ipv4Prefix: InlineArray<12, UInt8> = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
    /// fd87:d87e:eb43::/48, OnionCat: Tor v2 in IPv6.
    static let onionCatPrefix: InlineArray<6, UInt8> = [0xfd, 0x87, 0xd8, 0x7e, 0xeb, 0x43]
    /// fd6b:88c0:8724::/48, Bitcoin Core's own names: the first bytes of SHA-256("bitcoin").
    static let internalPrefix: InlineArray<6, UInt8> = [0xfd, 0x6b, 0x88, 0xc0, 0x87, 0x24]

    /// The address in the 16 bytes of `addr` and `version` (Bitcoin Core's `CNetAddr::SetLegacyIPv6`).
    init(legacy bytes: RawSpan, port: UInt16) {
        if bytes.starts(with: Self.ipv4Prefix) {
            self.init(network: .ipv4, bytes: bytes.extracting(droppingFirst: 12), port: port)
        } else if bytes.starts(with: Self.onionCatPrefix) {
            self.init(network: .torv2, bytes: bytes.extracting(droppingFirst: 6), port: port)
        } else if bytes.starts(with: Self.internalPrefix) {
            self.init(network: .internal, bytes: bytes.extracting(droppingFirst: 6), port: port)
        } else {
            self.init(network: .ipv6, bytes: bytes, port: port)
        }
    }

    /// The 16 address bytes and the port of `addr` and `version`, at the front of `reader`.
    @_lifetime(reader: copy reader)
    init(readingLegacy reader: inout ByteReader) throws(ByteCodecError) {
        let bytes = try reader.bytes(16)
        self.init(legacy: bytes, port: try reader.u16BigEndian())
    }
}
