internal import Crypto
public import Foundation
internal import Identity
internal import X509

/// An agent that has just been given a key and a certificate.
///
/// The key is made here and nowhere kept: it is in what is printed, and after that only where that is put.
public struct Enrolment: Sendable {
    /// The agent's name.
    public let agent: String
    /// The nodes that its configuration lists.
    public let nodes: [EnrolledNode]
    /// Where it is told to connect.
    public let address: String
    /// Until when the certificate is valid.
    public let expires: Date
    /// What the operator should know besides.
    public let notes: [String]
    /// The authority's certificate, PEM.
    public let authority: String
    /// The agent's certificate, PEM.
    public let certificate: String
    /// The agent's private key, PEM.
    public let key: String

    /// Makes key and certificate of `agent` for `nodes`, and the authority if this is the first that is done.
    ///
    /// Needs the data directory and nothing else; an aggregator that runs on it accepts the certificate at once. A node
    /// belongs to one agent: it is refused while another's certificate for it is in force.
    public static func make(
        dataDirectory: String, agent: String, nodes: [EnrolledNode], address: String?, days: Int,
        now: Date = Date()
    ) throws -> Enrolment {
        let folder = TLSFolder(dataDirectory: dataDirectory)
        return try folder.locked {
            let authorityNote = try Authority.prepare(folder, CertificateLifetimes(), now: now)
            let revoked = try RevocationList(folder)
            let inForce = try AgentRecord.all(folder).filter {
                revoked.revocation(of: $0.serial) == nil && $0.expires > now
            }
            try refuseNodesOfOthers(agent, nodes, inForce)
            let key = P256.Signing.PrivateKey()
            let names =
                [CertifiedName.agent(agent)] + nodes.map { CertifiedName.node($0.name) }
            let certificate = try Authority(folder, CertificateLifetimes()).issue(
                to: agent, names: names.map { .uniformResourceIdentifier($0.uri) },
                usage: ExtendedKeyUsage([.clientAuth]), key: .init(key.publicKey),
                lifetime: TimeInterval(days) * 86400, now: now)
            try IdentityFile.write(
                PEM.text(certificate), to: "\(folder.agents)/\(certificate.serialText).crt", .open)
            var notes = authorityNote.map { [$0] } ?? []
            for other in inForce where other.agent == agent {
                notes.append(
                    "the agent's certificate \(other.serial) stays in force until "
                        + "\(other.expires.formatted(.iso8601)); once the new one is in use: revoke \(other.serial)"
                )
            }
            return Enrolment(
                agent: agent, nodes: nodes, address: try address ?? defaultAddress(folder),
                expires: certificate.notValidAfter, notes: notes,
                authority: try IdentityFile.read(folder.authorityCertificate, .open),
                certificate: try PEM.text(certificate), key: key.pemRepresentation + "\n")
        }
    }

    private static func refuseNodesOfOthers(
        _ agent: String, _ nodes: [EnrolledNode], _ inForce: [AgentRecord]
    ) throws {
        for node in nodes {
            guard let owner = inForce.first(where: { $0.agent != agent && $0.nodes.contains(node.name) })
            else { continue }
            throw AggregatorError(
                "node \(node.name) belongs to \(owner.summary)",
                hint: "revoke \(owner.agent) first, or enroll with --agent \(owner.agent)")
        }
    }

    /// Where the aggregator of the folder listened last.
    private static func defaultAddress(_ folder: TLSFolder) throws -> String {
        guard folder.has(folder.address) else { return "127.0.0.1:9735" }
        return try IdentityFile.read(folder.address, .open).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// A node as `enroll` is told of it: its name, and how the agent finds its process.
public struct EnrolledNode: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// Keys and values of its entry in the agent's configuration.
    public let settings: [Setting]

    /// A key and its value.
    public struct Setting: Sendable, Equatable {
        /// `binary`, `datadir`, `pid_file` or `unit`.
        public let key: String
        /// Its value.
        public let value: String
    }

    /// Reads `NAME`, or what the agent's `--node` takes: `name=NAME,binary=PATH,datadir=PATH`.
    public init(_ text: String) throws {
        var name = ""
        var settings: [Setting] = []
        if !text.contains("=") {
            name = text
        } else {
            for part in text.split(separator: ",") {
                let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
                guard pair.count == 2, ["name", "binary", "datadir", "pid_file", "unit"].contains(pair[0])
                else {
                    throw AggregatorError(
                        "node \"\(text)\": \"\(part)\" is not understood",
                        hint:
                            "write NAME, or name=NAME,binary=PATH and one of datadir=PATH, pid_file=PATH, unit=NAME",
                        isUsage: true)
                }
                if pair[0] == "name" {
                    name = pair[1]
                } else {
                    settings.append(Setting(key: pair[0], value: pair[1]))
                }
            }
        }
        guard AgentNames.isLegal(name) else {
            throw AggregatorError(
                "\"\(name)\" cannot be a node's name", hint: "1 to 64 of A-Z a-z 0-9 . _ -", isUsage: true)
        }
        self.name = name
        self.settings = settings
    }

    /// The value of a key, if it is set.
    func value(_ key: String) -> String? { settings.first { $0.key == key }?.value }
}
