internal import Foundation
internal import Identity

/// The certificates that are no longer accepted, one a line: serial number, agent, when.
struct RevocationList: Sendable, Equatable {
    struct Entry: Sendable, Equatable {
        let agent: String
        let at: String
    }

    private(set) var entries: [String: Entry] = [:]

    /// Nobody.
    init() {}

    /// Reads the list; a line that cannot be read is an error, since it may be the one that matters.
    init(_ text: String, from place: String) throws {
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        where !line.isEmpty && !line.hasPrefix("#") {
            let fields = line.split(separator: " ").map(String.init)
            guard fields.count == 3, fields[0].allSatisfy(\.isHexDigit) else {
                throw AggregatorError(
                    "\(place):\(number + 1): expected a serial number, an agent and a time",
                    hint: "a line is written by `peerscope-aggregator revoke`; correct it by hand")
            }
            entries[fields[0].lowercased()] = Entry(agent: fields[1], at: fields[2])
        }
    }

    /// Reads the list of `folder`; nobody when there is none yet.
    init(_ folder: TLSFolder) throws {
        guard folder.has(folder.revoked) else {
            self.init()
            return
        }
        try self.init(IdentityFile.read(folder.revoked, .open), from: folder.revoked)
    }

    /// When a certificate was revoked, if it was.
    func revocation(of serial: String) -> String? { entries[serial]?.at }

    /// Adds a certificate; the first time counts.
    mutating func add(_ serial: String, agent: String, at time: Date) {
        guard entries[serial] == nil else { return }
        entries[serial] = Entry(agent: agent, at: time.formatted(.iso8601))
    }

    /// Everything in both: a revocation that is known is never forgotten.
    func union(_ other: RevocationList) -> RevocationList {
        var all = self
        all.entries.merge(other.entries) { known, _ in known }
        return all
    }

    /// The list as a file.
    var text: String {
        "# Certificates that are no longer accepted: serial number, agent, when. Written by `peerscope-aggregator revoke`.\n"
            + entries.sorted { ($0.value.at, $0.key) < ($1.value.at, $1.key) }
            .map { "\($0.key) \($0.value.agent) \($0.value.at)\n" }.joined()
    }
}
