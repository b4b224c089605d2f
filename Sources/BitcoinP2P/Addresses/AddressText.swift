public import ByteCodec

extension NetworkAddress: CustomStringConvertible {
    /// Appends the address without port, in the form people know.
    ///
    /// IPv4 dotted, IPv6 and CJDNS by RFC 5952, Tor v3 with checksum and version (Tor's
    /// rend-spec-v3), I2P as `.b32.i2p`, Tor v2 as the 16 characters it had, Core's internal names as
    /// Core prints them, and unassigned networks as raw hex.
    public func writeText(into text: inout ByteWriter) {
        let bytes = bytes
        switch network {
        case .ipv4:
            IPv4Text.write(bytes, into: &text)
        case .ipv6, .cjdns:
            IPv6Text.write(bytes, into: &text)
        case .onion:
            Base32.encode(OnionName.bytes(of: bytes).span.rawBytes, into: &text)
            text.append(utf8: ".onion")
        case .torv2:
            Base32.encode(bytes, into: &text)
            text.append(utf8: ".onion")
        case .i2p:
            Base32.encode(bytes, into: &text)
            text.append(utf8: ".b32.i2p")
        case .internal:
            Base32.encode(bytes, into: &text)
            text.append(utf8: ".internal")
        case .unknown:
            text.append(utf8: bytes.copied().hex)
        }
    }

    /// The address without port, as ``writeText(into:)`` writes it.
    public var text: String {
        var text = ByteWriter(capacity: 64)
        writeText(into: &text)
        return String(decoding: text.bytes, as: UTF8.self)
    }

    /// Address and port, as Bitcoin Core prints them (`CService::ToStringAddrPort`).
    public var description: String {
        network.isWrittenAsIPv6 ? "[\(text)]:\(port)" : "\(text):\(port)"
    }
}

/// The name of a Tor v3 onion service: public key, checksum, version (rend-spec-v3, "Encoding onion
/// addresses").
enum OnionName {
    private static let version: UInt8 = 3

    /// The 35 bytes whose base32 is the name of the service with `key`.
    static func bytes(of key: RawSpan) -> InlineArray<35, UInt8> {
        let checksum = checksum(of: key)
        return InlineArray { index in
            switch index {
            case 0..<32: key.byte(at: index)
            case 32: checksum.0
            case 33: checksum.1
            default: version
            }
        }
    }

    /// The key in the 35 bytes of a name, if checksum and version are right.
    static func key(in name: [UInt8]) -> [UInt8]? {
        guard name.count == 35, name[34] == version else { return nil }
        let key = [UInt8](name[..<32])
        let checksum = checksum(of: key.span.rawBytes)
        return (name[32], name[33]) == checksum ? key : nil
    }

    private static func checksum(of key: RawSpan) -> (UInt8, UInt8) {
        var hashed = ByteWriter(capacity: 48)
        hashed.append(utf8: ".onion checksum")
        hashed.append(key)
        hashed.u8(version)
        return sha3Prefix(hashed.bytes.span.rawBytes)
    }
}
