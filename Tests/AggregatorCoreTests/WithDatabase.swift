import Foundation
import Logging
import PostgreSQL
import Testing

@testable import AggregatorCore

/// One private server for the tests that need a database.
struct WithDatabase: SuiteTrait, TestScoping {
    @TaskLocal static var conninfo = ""
    @TaskLocal static var folder = ""

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let folder = "/tmp/peerscope-aggregator-tests-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let server = try EmbeddedServer.start(directory: folder + "/db")
        defer { try? server.stop() }
        try await Self.$folder.withValue(folder) {
            try await Self.$conninfo.withValue(server.conninfo) { try await function() }
        }
    }

    /// A database of its own with the schema of this checkout.
    static func fresh() throws -> String {
        let name = "t\(UInt32.random(in: 0 ... .max))"
        try Connection(conninfo).execute("CREATE DATABASE \(name)")
        let made = conninfo + " dbname=\(name)"
        let checkout = #filePath.components(separatedBy: "/Tests/")[0]
        try Migrator(schema: checkout + "/schema").migrate(Connection(made))
        return made
    }

    /// An aggregator on a free port.
    static func aggregator(
        _ conninfo: String, payloads: PayloadPolicy = .all, logger: Logger? = nil,
        _ change: (inout Aggregator.Settings) -> Void = { _ in }
    ) throws -> Aggregator {
        var settings = Aggregator.Settings(conninfo: conninfo, dataDirectory: folder + "/data")
        settings.port = 0
        settings.payloads = payloads
        change(&settings)
        var quiet = Logger(label: "test")
        quiet.logLevel = .warning
        return try Aggregator.start(settings, logger: logger ?? quiet)
    }
}

extension Trait where Self == WithDatabase {
    /// Runs the suite with a private server.
    static var database: Self { Self() }
}
