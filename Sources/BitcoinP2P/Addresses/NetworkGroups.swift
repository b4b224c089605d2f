internal import ByteCodec

extension NetworkAddress {
    /// The group in which Bitcoin Core counts this address when it spreads its connections and buckets,
    /// as it does without an asmap (`NetGroupManager::GetGroup` in netgroup.cpp).
    ///
    /// IPv4 and IPv6 that carries IPv4: `93.37.0.0/16`. IPv6: `2a02:2440::/32`, of Hurricane Electric
    /// `2001:470:1000::/36`. Tor and I2P, four bits: `onion:9/4`. CJDNS, twelve: `fc70::/12`. Everything
    /// unroutable is one group, `unroutable`; names that Core hid in IPv6 have one each.
    public var netgroup: String {
        guard isRoutable else { return network == .internal ? text : "unroutable" }
        if let linked = linkedIPv4 { return "\(linked[0]).\(linked[1]).0.0/16" }
        switch network {
        case .onion, .i2p: return "\(network.name):\(String(bytes.byte(at: 0) >> 4, radix: 16))/4"
        case .cjdns: return prefix(bits: 12)
        default: return prefix(bits: bytes.starts(with: [0x20, 0x01, 0x04, 0x70]) ? 36 : 32)
        }
    }

    /// The network that one customer usually holds whole: IPv4 /24, IPv6 and CJDNS /48; nil for others.
    public var group24: String? {
        let bytes = bytes
        switch network {
        case .ipv4: return "\(bytes.byte(at: 0)).\(bytes.byte(at: 1)).\(bytes.byte(at: 2)).0/24"
        case .ipv6, .cjdns: return prefix(bits: 48)
        default: return nil
        }
    }

    /// The first `bits` of an address that is written as IPv6, and how many they are.
    private func prefix(bits: Int) -> String {
        let bytes = bytes
        let masked = InlineArray<16, UInt8> { index in
            let kept = min(8, max(0, bits - 8 * index))
            return bytes.byte(at: index) & ~(0xff >> UInt8(kept))
        }
        var text = ByteWriter(capacity: 44)
        IPv6Text.write(masked.span.rawBytes, into: &text)
        return String(decoding: text.bytes, as: UTF8.self) + "/\(bits)"
    }
}
