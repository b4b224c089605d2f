internal import Identity

/// From whom connections without TLS are accepted.
public enum PlaintextRule: String, Sendable, CaseIterable {
    /// From nobody.
    case never
    /// From this host, while the aggregator listens on a loopback address: whoever runs programs here can already do
    /// more. An aggregator that listens on another address takes TLS only, also from this host, since a proxy or a
    /// tunnel makes anybody look like this host.
    case loopback
    /// From everybody: for networks that are protected otherwise.
    case anywhere

    /// Whether a connection without TLS is accepted.
    func admits(listeningOn listener: String?, from remote: String?) -> Bool {
        switch self {
        case .never: false
        case .anywhere: true
        case .loopback:
            listener.map(HostAddress.isLoopback) == true && remote.map(HostAddress.isLoopback) == true
        }
    }
}
