public import FoundationEssentials

/// Whom a verified certificate speaks for: one agent and its nodes.
public struct CertifiedAgent: Sendable, Equatable {
    /// The agent's name.
    public let agent: String
    /// The nodes it may speak for, in the certificate's order.
    public let nodes: [String]
    /// The certificate's serial number in hexadecimal.
    public let serial: String
    /// Until when the certificate is valid.
    public let expires: Date

    /// The agent of a verified certificate; nil when it does not name exactly one agent and at least one node.
    public init?(_ certificate: VerifiedCertificate) {
        var agents: [String] = []
        var nodes: [String] = []
        for name in certificate.names {
            switch name {
            case .agent(let name): agents.append(name)
            case .node(let name): nodes.append(name)
            case .aggregator: return nil
            }
        }
        guard agents.count == 1, !nodes.isEmpty else { return nil }
        agent = agents[0]
        self.nodes = nodes
        serial = certificate.serial
        expires = certificate.expires
    }

    /// What of a greeting the certificate does not cover, in words; nil when it covers all.
    public func objection(toAgent greeted: String, nodes named: [String]) -> String? {
        if greeted != agent {
            return "agent \(greeted) came with the certificate \(serial) of agent \(agent)"
        }
        let foreign = named.filter { !nodes.contains($0) }
        guard !foreign.isEmpty else { return nil }
        return
            "agent \(agent) named \(Self.list(foreign)); its certificate \(serial) is for \(Self.list(nodes))"
    }

    private static func list(_ names: [String]) -> String {
        (names.count == 1 ? "node " : "nodes ") + names.joined(separator: " ")
    }
}
