internal import ByteCodec

extension NetworkAddress {
    /// Whether Bitcoin Core takes this for an address on the public internet or an overlay network
    /// (`CNetAddr::IsRoutable`). Only routable addresses are stored and gossiped.
    ///
    /// Tor v2 and unassigned networks are not, since Core drops them; nor is IPv4 or OnionCat inside an
    /// IPv6 entry of `addrv2`, which Core reads as `::`.
    public var isRoutable: Bool {
        let bytes = bytes
        switch network {
        case .ipv4: return Self.isRoutableIPv4(bytes)
        case .ipv6: return Self.isRoutableIPv6(bytes)
        case .onion, .i2p: return true
        case .cjdns: return bytes.byte(at: 0) == 0xfc
        case .torv2, .internal, .unknown: return false
        }
    }

    private static func isRoutableIPv4(_ bytes: RawSpan) -> Bool {
        let second = bytes.byte(at: 1)
        let third = bytes.byte(at: 2)
        switch bytes.byte(at: 0) {
        case 0, 10, 127: return false  // this network, RFC 1918, loopback
        case 100: return !(64...127).contains(second)  // RFC 6598, carriers' NAT
        case 169: return second != 254  // RFC 3927, link-local
        case 172: return !(16...31).contains(second)  // RFC 1918
        case 192: return second != 168 && !(second == 0 && third == 2)  // RFC 1918, RFC 5737
        case 198: return !(18...19).contains(second) && !(second == 51 && third == 100)  // RFC 2544, 5737
        case 203: return !(second == 0 && third == 113)  // RFC 5737
        case 255: return !(second == 255 && third == 255 && bytes.byte(at: 3) == 255)
        default: return true
        }
    }

    private static func isRoutableIPv6(_ bytes: RawSpan) -> Bool {
        let first = bytes.byte(at: 0)
        if first & 0xfe == 0xfc { return false }  // RFC 4193, unique local
        if bytes.starts(with: [0xfe, 0x80, 0, 0, 0, 0, 0, 0]) { return false }  // RFC 4862, link-local
        if bytes.starts(with: [0x20, 0x01, 0x0d, 0xb8]) { return false }  // RFC 3849, documentation
        if bytes.starts(with: [0x20, 0x01, 0x00]) {
            let nibble = bytes.byte(at: 3) & 0xf0
            if nibble == 0x10 || nibble == 0x20 { return false }  // RFC 4843 and RFC 7343, ORCHID
        }
        if bytes.starts(with: ipv4Prefix) { return false }
        if bytes.starts(with: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) {
            return bytes.byte(at: 15) > 1  // :: and ::1
        }
        return true
    }

    /// The IPv4 address that an IPv4 address is, or that an IPv6 address carries by RFC 6052, RFC 6145,
    /// RFC 3964 (6to4) or RFC 4380 (Teredo) (`CNetAddr::GetLinkedIPv4`); nil if unroutable.
    var linkedIPv4: InlineArray<4, UInt8>? {
        guard isRoutable else { return nil }
        let bytes = bytes
        func four(at offset: Int, mask: UInt8 = 0) -> InlineArray<4, UInt8> {
            InlineArray { index in bytes.byte(at: offset + index) ^ mask }
        }
        switch network {
        case .ipv4:
            return four(at: 0)
        case .ipv6:
            if bytes.starts(with: [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]) { return four(at: 12) }
            if bytes.starts(with: [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0]) { return four(at: 12) }
            if bytes.starts(with: [0x20, 0x02]) { return four(at: 2) }
            if bytes.starts(with: [0x20, 0x01, 0, 0]) { return four(at: 12, mask: 0xff) }
            return nil
        default:
            return nil
        }
    }
}
