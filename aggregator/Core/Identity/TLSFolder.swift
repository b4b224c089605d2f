internal import Foundation
internal import Identity

/// Where an aggregator keeps keys and certificates: the folder `tls` in its data directory.
///
///     ca.key ca.crt           the fleet's own authority
///     server.key server.crt   what the aggregator shows to agents
///     agents/SERIAL.crt       every certificate that was made for an agent
///     revoked                 serial numbers that are no longer accepted
///     address                 where agents are told to connect
///     lock                    held by whoever changes any of it
///
/// `run`, `enroll`, `enrolled` and `revoke` are processes of their own that work on it at the same time: each file is replaced
/// as a whole, and who changes something holds the lock.
struct TLSFolder: Sendable {
    let path: String

    init(dataDirectory: String) { path = dataDirectory + "/tls" }

    var authorityKey: String { path + "/ca.key" }
    var authorityCertificate: String { path + "/ca.crt" }
    var serverKey: String { path + "/server.key" }
    var serverCertificate: String { path + "/server.crt" }
    var agents: String { path + "/agents" }
    var revoked: String { path + "/revoked" }
    var address: String { path + "/address" }

    /// Makes what is missing of the folder.
    func make() throws {
        try IdentityFile.makeFolder(path)
        try IdentityFile.makeFolder(agents)
    }

    /// Refuses a folder in which nobody was ever enrolled: it is most likely another's.
    func requireAgents() throws {
        guard has(agents) else {
            throw AggregatorError(
                "no agent is enrolled in \(path)",
                hint: "name the aggregator's folder with --data-dir, or its --config or --database")
        }
    }

    /// Runs `body` while no other process changes anything here.
    func locked<Result>(_ body: () throws -> Result) throws -> Result {
        try make()
        let lock = try IdentityLock(path + "/lock")
        defer { lock.release() }
        return try body()
    }

    /// Whether there is a file.
    func has(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
}
