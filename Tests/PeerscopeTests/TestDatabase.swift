import Foundation
import PostgreSQL
import Testing

@testable import peerscope

/// One private server for all tests that need a database.
struct WithServer: SuiteTrait, TestScoping {
    @TaskLocal static var conninfo = ""

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withFolder { folder in
            let server = try EmbeddedServer.start(directory: folder + "/db")
            defer { try? server.stop() }
            try Connection(server.conninfo).execute("CREATE DATABASE migrated")
            try Migrator(schema: Checkout.path + "/schema").migrate(
                Connection(server.conninfo + " dbname=migrated"))
            try await Self.$conninfo.withValue(server.conninfo) { try await function() }
        }
    }
}

extension Trait where Self == WithServer {
    /// Runs the suite with a private server.
    static var server: Self { Self() }
}

/// Everything that needs a server shares one.
@Suite("With a database", .server)
struct DatabaseTests {}

/// Where this checkout is.
enum Checkout {
    static let path = #filePath.components(separatedBy: "/Tests/")[0]
}

/// A database of its own with the schema of this checkout, and a connection as the commands make it.
func freshDatabase() throws -> (conninfo: String, connection: Connection) {
    let name = "t\(UInt64.random(in: 0 ... .max))"
    try Connection(WithServer.conninfo).execute("CREATE DATABASE \(name) TEMPLATE migrated")
    let made = WithServer.conninfo + " dbname=\(name)"
    let connection = try Connection(made)
    try prepareForExport(connection)
    return (made, connection)
}

/// Two nodes, a and b, with a stream each.
func addNodes(_ connection: Connection) throws {
    try connection.execute(
        """
        INSERT INTO node (node_id, name, network) VALUES (1, 'a', 'main'), (2, 'b', 'main');
        INSERT INTO stream (node_id, stream_id, first_seq, durable_seq, records, last_event_at)
        VALUES (1, 11, 1, 10, 10, '2026-11-02 12:00+00'), (2, 22, 1, 10, 9, '2026-11-02 12:00+00')
        """)
}

/// Calls `body` with a folder under /tmp that is removed afterwards.
func withFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let folder = "/tmp/peerscope-command-tests-\(UInt64.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try await body(folder)
}

/// The same for a body that does not wait.
func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = "/tmp/peerscope-command-tests-\(UInt64.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
}
