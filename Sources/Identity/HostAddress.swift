internal import Glibc

/// Addresses of hosts as text.
public enum HostAddress {
    /// The bytes of an IP address in network order, an IPv4 address inside an IPv6 one as IPv4; nil for a name.
    public static func bytes(_ text: String) -> [UInt8]? {
        // Without the zone of a link-local address.
        let address =
            text.split(separator: "%", omittingEmptySubsequences: false).first.map(String.init) ?? ""
        var bytes = [UInt8](repeating: 0, count: 16)
        if unsafe inet_pton(AF_INET, address, &bytes) == 1 { return Array(bytes[..<4]) }
        guard unsafe inet_pton(AF_INET6, address, &bytes) == 1 else { return nil }
        let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
        return isMapped ? Array(bytes[12...]) : bytes
    }

    /// Whether only processes of this host can have an address: `localhost`, 127.0.0.0/8 or ::1.
    public static func isLoopback(_ text: String) -> Bool {
        guard let bytes = bytes(text) else { return text == "localhost" }
        return bytes.count == 4 ? bytes[0] == 127 : bytes == [UInt8](repeating: 0, count: 15) + [1]
    }

    /// Whether an address to listen on stands for all addresses of the host.
    public static func isWildcard(_ text: String) -> Bool { bytes(text)?.allSatisfy { $0 == 0 } ?? false }
}
