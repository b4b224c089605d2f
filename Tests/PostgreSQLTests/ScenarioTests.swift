import Foundation
import PostgreSQL
import Testing

/// Purpose-built situations with known answers: `Tests/Scenarios/*.sql`, each in a fresh database.
extension DatabaseTests {
    @Suite("Scenarios")
    struct ScenarioTests {
        private static let folder = URL(filePath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Scenarios")

        /// The scenarios' names.
        static let names: [String] =
            ((try? FileManager.default.contentsOfDirectory(atPath: folder.path())) ?? [])
            .filter { $0.hasSuffix(".sql") }.sorted()

        @Test("what the views say of it is what is known", arguments: names)
        func holds(_ name: String) throws {
            let conninfo = try freshDatabase()
            try Migrator(schema: SchemaTests.directory).migrate(Connection(conninfo))
            let (status, text) = try Self.psql(
                conninfo, ["lib/expect.sql", name].map { Self.folder.appending(path: $0).path() })
            #expect(status == 0, "\(name): \(text)")
            // A scenario that expects nothing proves nothing.
            #expect(text.contains("as expected: "), "\(name) has no expectation")
        }

        /// Views that only others are made of.
        private static let supporting: Set<String> = ["blind_time", "run_span", "public_days", "public_node"]

        @Test("every view has a test that knows what it has to say")
        func complete() throws {
            let connection = try Connection(freshDatabase())
            try Migrator(schema: SchemaTests.directory).migrate(connection)
            let tests = Self.folder.deletingLastPathComponent()
            var text = ""
            for (folder, suffix) in [("Scenarios", ".sql"), ("Oracle", ".py")] {
                let path = tests.appending(path: folder).path()
                for name in try FileManager.default.contentsOfDirectory(atPath: path).sorted()
                where name.hasSuffix(suffix) {
                    text += try String(
                        contentsOf: tests.appending(path: folder + "/" + name), encoding: .utf8)
                }
            }
            let words = Set(text.split { !($0.isLetter || $0.isNumber || $0 == "_") })
            let views = try connection.execute(
                "SELECT viewname FROM pg_views WHERE schemaname IN ('peerscope', 'peerscope_public')")
            #expect(views.rows.count >= 30)
            let untested = views.rows.compactMap { $0[0] }.filter {
                !words.contains(Substring($0)) && !Self.supporting.contains($0)
            }
            #expect(untested.isEmpty, "no scenario and no oracle names \(untested.sorted())")
        }

        private static func psql(_ conninfo: String, _ files: [String]) throws -> (Int32, String) {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments =
                ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", conninfo]
                + files.flatMap { ["-f", $0] }
            let pipe = Pipe()
            process.standardOutput = pipe
            process.standardError = pipe
            try process.run()
            let output = pipe.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            return (process.terminationStatus, String(decoding: output, as: UTF8.self))
        }
    }
}
