public import Foundation
internal import Identity

/// Ending agents' certificates before their time.
public enum Revocation {
    /// What became of the certificates that a name stands for.
    public struct Outcome: Sendable, Equatable {
        /// Ended now; one line each.
        public let revoked: [String]
        /// Ended before; one line each.
        public let known: [String]
    }

    /// Revokes every certificate of `name`: of an agent, of the agent that has a node of that name, or by serial number.
    ///
    /// An aggregator that runs on the data directory ends live connections within a second. An expired certificate is
    /// revoked like any other, since clocks can be set back.
    public static func revoke(
        dataDirectory: String, names: [String], now: Date = Date()
    ) throws -> Outcome {
        let folder = TLSFolder(dataDirectory: dataDirectory)
        try folder.requireAgents()
        return try folder.locked {
            let records = try AgentRecord.all(folder)
            var list = try RevocationList(folder)
            var revoked: [String] = []
            var known: [String] = []
            for name in names {
                let found = records.filter { $0.answers(to: name) }
                guard !found.isEmpty else {
                    let there = Set(records.map(\.agent)).sorted().joined(separator: ", ")
                    throw AggregatorError(
                        "no certificate is of an agent or node \(name)",
                        hint: there.isEmpty ? "nobody is enrolled" : "enrolled are the agents \(there)")
                }
                for record in found {
                    if let when = list.revocation(of: record.serial) {
                        known.append("\(record.summary), revoked before, at \(when)")
                    } else {
                        list.add(record.serial, agent: record.agent, at: now)
                        revoked.append("\(record.summary), revoked")
                    }
                }
            }
            try IdentityFile.write(list.text, to: folder.revoked, .open)
            return Outcome(revoked: revoked, known: known)
        }
    }
}
