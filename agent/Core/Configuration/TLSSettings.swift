/// What an agent needs for TLS: the authority that it trusts, its certificate, and its private key.
public struct TLSSettings: Sendable, Equatable {
    /// Where one of the three is.
    public enum Place: Sendable, Equatable {
        /// In a file, PEM.
        case file(String)
        /// In the configuration itself, PEM.
        case text(String)
    }

    /// The authority whose aggregators are trusted.
    public var authority: Place?
    /// The agent's certificate.
    public var certificate: Place?
    /// Its private key.
    public var key: Place?

    /// Nothing yet.
    public init() {}

    /// Sets the files that are named, over what was set before.
    public mutating func set(authority: String?, certificate: String?, key: String?) {
        if let authority { self.authority = .file(authority) }
        if let certificate { self.certificate = .file(certificate) }
        if let key { self.key = .file(key) }
    }

    /// Refuses settings of which something is missing.
    func check() throws(AgentError) {
        for (place, name) in [(authority, "tls_ca"), (certificate, "tls_certificate"), (key, "tls_key")]
        where place == nil {
            throw AgentError(
                doing: "reading the configuration", reason: "TLS is set up without `\(name)`",
                remedy:
                    "set all of tls_ca, tls_certificate and tls_key; `peerscope-aggregator enroll` makes them"
            )
        }
    }
}
