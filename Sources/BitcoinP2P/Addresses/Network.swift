/// The network an address belongs to (BIP155, and Bitcoin Core's netaddress.h).
public enum Network: Sendable, Hashable {
    /// IPv4, 4 bytes.
    case ipv4
    /// IPv6, 16 bytes.
    case ipv6
    /// Tor v3, the 32-byte public key of an onion service.
    case onion
    /// Tor v2, 10 bytes, obsolete since 2021; OnionCat addresses in `addr`.
    case torv2
    /// I2P, the 32-byte SHA-256 of a destination.
    case i2p
    /// CJDNS, 16 bytes inside fc00::/8.
    case cjdns
    /// A name that Bitcoin Core hid in an IPv6 address of its own; never gossiped by honest nodes.
    case `internal`
    /// A BIP155 network id that is not assigned.
    case unknown(UInt8)

    /// The network as the database and Bitcoin Core's RPCs name it; `unknown-<id>` for an unassigned id.
    public var name: String {
        switch self {
        case .ipv4: "ipv4"
        case .ipv6: "ipv6"
        case .onion: "onion"
        case .torv2: "torv2"
        case .i2p: "i2p"
        case .cjdns: "cjdns"
        case .internal: "internal"
        case .unknown(let id): "unknown-\(id)"
        }
    }

    /// The network with BIP155's number `id`.
    public init(bip155 id: UInt8) {
        switch id {
        case 1: self = .ipv4
        case 2: self = .ipv6
        case 3: self = .torv2
        case 4: self = .onion
        case 5: self = .i2p
        case 6: self = .cjdns
        default: self = .unknown(id)
        }
    }

    /// BIP155's number; nil for ``internal``, which has none.
    public var bip155: UInt8? {
        switch self {
        case .ipv4: 1
        case .ipv6: 2
        case .torv2: 3
        case .onion: 4
        case .i2p: 5
        case .cjdns: 6
        case .internal: nil
        case .unknown(let id): id
        }
    }

    /// Bytes of an address of this network; nil where they vary.
    public var addressBytes: Int? {
        switch self {
        case .ipv4: 4
        case .ipv6, .cjdns: 16
        case .onion, .i2p: 32
        case .torv2, .internal: 10
        case .unknown: nil
        }
    }
}
