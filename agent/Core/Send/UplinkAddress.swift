/// Host and port of the aggregator.
struct UplinkAddress: Sendable, Equatable {
    let host: String
    let port: Int

    /// Reads `host:port`, where the host is a name, an IPv4 address, or an IPv6 address in brackets.
    init(_ text: String) throws(AgentError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count >= 2, let port = Int(parts[parts.count - 1]), (1...65535).contains(port) else {
            throw AgentError(
                doing: "reading the aggregator's address \"\(text)\"", reason: "it has no port",
                remedy: "write host:port, such as 127.0.0.1:9735")
        }
        let host = parts.dropLast().joined(separator: ":")
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        self.host = isBracketed ? String(host.dropFirst().dropLast()) : host
        self.port = port
    }
}
