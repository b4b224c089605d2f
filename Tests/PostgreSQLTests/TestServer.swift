import Foundation
import PostgreSQL
import Testing

/// One private server for all tests that need a database, stopped and removed after the last of them.
struct WithServer: SuiteTrait, TestScoping {
    @TaskLocal static var conninfo = ""

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let server = try EmbeddedServer.start(directory: directory)
            defer { try? server.stop() }
            try await Self.$conninfo.withValue(server.conninfo) { try await function() }
        }
    }
}

extension Trait where Self == WithServer {
    /// Runs the suite with a private server.
    static var server: Self { Self() }
}

/// A connection to the suite's server.
func connect() throws -> Connection { try Connection(WithServer.conninfo) }

/// A connection string for a database made for this test alone.
func freshDatabase(_ name: String = #function) throws -> String {
    let plain = "t_" + name.filter { $0.isLetter } + String(UInt32.random(in: 0 ... .max))
    try connect().execute("CREATE DATABASE \(Connection.identifier(plain))")
    return WithServer.conninfo + " dbname=\(plain)"
}

/// Calls `body` with a path under /tmp that is removed afterwards.
func withTemporaryDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let directory = "/tmp/peerscope-postgresql-tests-\(UInt64.random(in: 0 ... .max))"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    return try await body(directory)
}

/// The error that `body` throws.
func fault(_ body: () throws -> Void) -> PostgreSQLError? {
    do {
        try body()
        Issue.record("no error")
        return nil
    } catch let error as PostgreSQLError {
        return error
    } catch {
        Issue.record("another error: \(error)")
        return nil
    }
}
