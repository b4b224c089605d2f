internal import Foundation
internal import Identity
internal import X509

/// A certificate that was made for an agent, as the folder `agents` keeps it.
struct AgentRecord: Sendable, Equatable {
    let agent: String
    let nodes: [String]
    let serial: String
    let expires: Date

    /// The agent of a certificate; nil for one that names none.
    init?(_ certificate: Certificate) {
        var agent: String?
        var nodes: [String] = []
        for name in certificate.certifiedNames {
            switch name {
            case .agent(let name): agent = name
            case .node(let name): nodes.append(name)
            case .aggregator: return nil
            }
        }
        guard let agent else { return nil }
        self.agent = agent
        self.nodes = nodes
        serial = certificate.serialText
        expires = certificate.notValidAfter
    }

    /// Whether it is called so: as an agent, by one of its nodes, or by its serial number.
    func answers(to name: String) -> Bool {
        agent == name || nodes.contains(name) || serial == name.lowercased()
    }

    /// Everything in the folder, oldest names first.
    static func all(_ folder: TLSFolder) throws -> [AgentRecord] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.agents)) ?? []
        return try names.filter { $0.hasSuffix(".crt") }.sorted().compactMap { name in
            let path = folder.agents + "/" + name
            return AgentRecord(try PEM.certificates(IdentityFile.read(path, .open), from: path)[0])
        }
    }

    /// One line for an operator.
    var summary: String {
        "agent \(agent) (\(nodes.count == 1 ? "node" : "nodes") \(nodes.joined(separator: " "))), "
            + "certificate \(serial)"
    }
}
