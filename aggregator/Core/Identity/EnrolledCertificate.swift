public import Foundation
internal import Identity

/// A certificate that was made for an agent, and whether it is accepted.
public struct EnrolledCertificate: Sendable, Equatable, Encodable {
    /// Whether an aggregator accepts it.
    public enum State: String, Sendable, Encodable {
        /// It does.
        case inForce = "in force"
        /// Its time is over.
        case expired
        /// It was ended before its time.
        case revoked
    }

    /// The agent's name.
    public let agent: String
    /// The nodes it may speak for.
    public let nodes: [String]
    /// The serial number in hexadecimal.
    public let certificate: String
    /// The end of its time, UTC, ISO 8601.
    public let validUntil: String
    /// Whether it is accepted.
    public let state: State
    /// When it was revoked, UTC, ISO 8601; nil when it was not.
    public let revokedAt: String?

    enum CodingKeys: String, CodingKey {
        case agent, nodes, certificate, state
        case validUntil = "valid_until"
        case revokedAt = "revoked_at"
    }

    /// With `null` where it was not revoked, so that each object has every key.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(agent, forKey: .agent)
        try values.encode(nodes, forKey: .nodes)
        try values.encode(certificate, forKey: .certificate)
        try values.encode(validUntil, forKey: .validUntil)
        try values.encode(state, forKey: .state)
        try values.encode(revokedAt, forKey: .revokedAt)
    }

    /// Every certificate that was made from this data directory, by agent and then by the end of its time.
    public static func all(dataDirectory: String, now: Date = Date()) throws -> [EnrolledCertificate] {
        let folder = TLSFolder(dataDirectory: dataDirectory)
        try folder.requireAgents()
        // In this order: who is revoked meanwhile is shown as revoked.
        let records = try AgentRecord.all(folder)
        let revoked = try RevocationList(folder)
        return records.sorted { ($0.agent, $0.expires, $0.serial) < ($1.agent, $1.expires, $1.serial) }
            .map { record in
                let revocation = revoked.revocation(of: record.serial)
                return EnrolledCertificate(
                    agent: record.agent, nodes: record.nodes, certificate: record.serial,
                    validUntil: record.expires.formatted(.iso8601),
                    state: revocation != nil ? .revoked : record.expires <= now ? .expired : .inForce,
                    revokedAt: revocation)
            }
    }
}
