internal import CollectorProtocol

/// What a certificate says its holder is: a URI among its subject alternative names.
///
/// An agent's certificate has one `peerscope://agent/NAME` and a `peerscope://node/NAME` for each node it may
/// speak for; an aggregator's has `peerscope://aggregator`. Names obey the rule of node names, so that nothing in
/// them needs an escape.
public enum CertifiedName: Hashable, Sendable {
    /// The agent itself.
    case agent(String)
    /// A node that the agent may speak for.
    case node(String)
    /// An aggregator.
    case aggregator

    private static let scheme = "peerscope://"

    /// The name that a URI stands for; nil for any other URI.
    public init?(uri: String) {
        guard uri.hasPrefix(Self.scheme) else { return nil }
        let parts = uri.dropFirst(Self.scheme.count).split(separator: "/", omittingEmptySubsequences: false)
        switch parts.first {
        case "aggregator" where parts.count == 1: self = .aggregator
        case "agent" where parts.count == 2 && NodeName.isLegal(String(parts[1])):
            self = .agent(String(parts[1]))
        case "node" where parts.count == 2 && NodeName.isLegal(String(parts[1])):
            self = .node(String(parts[1]))
        default: return nil
        }
    }

    /// The URI that stands for it.
    public var uri: String {
        switch self {
        case .agent(let name): Self.scheme + "agent/" + name
        case .node(let name): Self.scheme + "node/" + name
        case .aggregator: Self.scheme + "aggregator"
        }
    }
}
