import Foundation
import PostgreSQL
import Testing

@testable import peerscope

/// A folder in which `db` is a database that is down, with a million rows in a table `t`, shared by a suite.
struct WithStoppedDatabase: SuiteTrait, TestScoping {
    @TaskLocal static var folder = ""

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withFolder { folder in
            try Self.make(folder + "/db")
            try await Self.$folder.withValue(folder) { try await function() }
        }
    }

    private static func make(_ directory: String) throws {
        let server = try EmbeddedServer.start(directory: directory)
        defer { try? server.stop() }
        let connection = try Connection(server.conninfo)
        try Migrator(schema: Checkout.path + "/schema").migrate(connection)
        try connection.execute(
            """
            CREATE TABLE peerscope.t (at timestamptz, n bigint, hash bytea, word text);
            INSERT INTO peerscope.t
            SELECT '2026-11-01 00:00+00'::timestamptz + g * interval '1 ms', g,
                   '\\x00112233445566778899aabbccddeeff', repeat('w', 50)
            FROM generate_series(1, 1000000) g
            """)
    }
}

extension Trait where Self == WithStoppedDatabase {
    /// Runs the suite with a database that is down.
    static var stoppedDatabase: Self { Self() }
}

/// `peerscope export` as people run it, on a database that is started and stopped for it.
@Suite("peerscope export", .stoppedDatabase, .serialized)
struct ExportProgramTests {
    static let peerscope = Checkout.path + "/.build/debug/peerscope"

    /// Calls `body` with the suite's folder and an empty folder `out` in it, and looks whether the server is
    /// down again.
    func withDatabase(_ body: (String) throws -> Void) throws {
        let folder = WithStoppedDatabase.folder
        try FileManager.default.createDirectory(atPath: folder + "/out", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder + "/out") }
        try body(folder)
        #expect(!EmbeddedServer.isRunning(directory: folder + "/db"), "the server was left running")
    }

    func start(_ folder: String, _ arguments: [String]) throws -> Program {
        try Program(
            Self.peerscope, ["export", "--database", "embedded:\(folder)/db"] + arguments,
            log: folder + "/log")
    }

    func run(_ folder: String, _ arguments: String...) throws -> (status: Int32, text: String) {
        let program = try start(folder, arguments)
        return (program.wait(), program.text)
    }

    func files(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder + "/out").sorted()
    }

    @Test("writes the file and its manifest, whose SHA-256 is the file's, and says what is missing")
    func file() throws {
        try withDatabase { folder in
            let path = folder + "/out/t.csv"
            let first = try run(folder, "t", "--to", "2026-11-01 00:00:01.001", "--output", path)
            #expect(first.status == 0)
            #expect(
                first.text.contains("1000 rows") && first.text.contains("No gap is declared in this window."))
            #expect(try files(folder) == ["t.csv", "t.csv.manifest.json"])
            let data = try Data(contentsOf: URL(filePath: path + ".manifest.json"))
            let manifest = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            #expect(manifest["rows"] as? Int == 1000 && manifest["file"] as? String == "t.csv")
            let sum = try Program.output("sha256sum", [path]).text
            #expect(sum.hasPrefix((manifest["sha256"] as? String ?? "none") + " "))
            let again = try run(folder, "node", "--output", path)
            #expect(again.status == 1 && again.text.contains("--force"))
            let forced = try run(folder, "node", "--output", path, "--force", "--quiet")
            #expect(forced.status == 0 && forced.text.isEmpty)
        }
    }

    @Test("writes to standard output with a summary, or a manifest, beside it")
    func standardOutput() throws {
        try withDatabase { folder in
            let rows = try run(folder, "t", "--format", "jsonl", "--to", "2026-11-01 00:00:00.004")
            #expect(rows.status == 0)
            #expect(rows.text.split(separator: "\n").filter { $0.hasPrefix("{\"at\":") }.count == 3)
            #expect(rows.text.contains("SHA-256"))
            #expect(try run(folder, "node", "--manifest", folder + "/out/m.json").status == 0)
            #expect(try files(folder) == ["m.json"])
        }
    }

    @Test(
        "takes no more memory for a million rows than for a thousand",
        arguments: [ExportFormat.csv, .jsonl])
    func memory(format: ExportFormat) throws {
        try withDatabase { folder in
            func peak(_ name: String, _ arguments: String...) throws -> (memory: Int, file: Int) {
                let path = folder + "/out/\(name).\(format.rawValue)"
                let program = try start(folder, ["t", "--output", path] + arguments)
                let memory = program.peakMemory()
                #expect(program.wait() == 0, "\(program.text)")
                return (memory, try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0)
            }
            let few = try peak("few", "--to", "2026-11-01 00:00:01")
            let many = try peak("many")
            #expect(few.memory > 0 && few.file < 1 << 20 && many.file > 100 << 20)
            #expect(many.memory < few.memory + (8 << 20), "\(few.memory) and \(many.memory) bytes")
        }
    }

    @Test(
        "that is interrupted leaves no file and no server",
        arguments: [(ExportFormat.csv, SIGINT), (.csv, SIGTERM), (.parquet, SIGINT)])
    func interrupted(format: ExportFormat, signal: Int32) throws {
        guard format == .csv || Arrow.isThere else { return }
        try withDatabase { folder in
            let path = folder + "/out/t." + format.rawValue
            let program = try start(folder, ["t", "--output", path])
            // Parquet begins with a mark of four bytes, before the first row.
            while program.isRunning,
                (try? FileManager.default.attributesOfItem(atPath: path + ".partial")[.size] as? Int) ?? 0 < 4
            { usleep(1_000) }
            kill(program.processID, signal)
            #expect(program.wait() == 128 + signal, "\(program.text)")
            #expect(program.text.hasSuffix("peerscope: interrupted: \(path) was not written\n"))
            #expect(!program.text.contains("hint"), "\(program.text)")
            #expect(try files(folder) == [])
        }
    }

    @Test("whose reader goes away ends, says so and stops the server")
    func readerLeaves() throws {
        try withDatabase { folder in
            let piped = try Program.output(
                "bash",
                [
                    "-c",
                    "\(Self.peerscope) export --database embedded:\(folder)/db t 2>\(folder)/errors | head -n 2; "
                        + "echo status ${PIPESTATUS[0]}; cat \(folder)/errors",
                ])
            #expect(piped.text.hasPrefix("at,n,hash,word\n2026-11-01T"))
            #expect(piped.text.contains("\nstatus 1\n"))
            #expect(piped.text.contains("whoever read standard output went away"))
        }
    }

    @Test("of what is not there is wrong usage, with the nearest name; --list shows all")
    func misspelt() throws {
        try withDatabase { folder in
            let misspelt = try run(folder, "block_arival", "--output", folder + "/out/x")
            #expect(misspelt.status == 64)
            #expect(misspelt.text.contains("did you mean block_arrival?"))
            #expect(try files(folder) == [])
            let list = try run(folder, "--list")
            #expect(list.status == 0)
            #expect(list.text.contains("p2p_message") && list.text.contains("block_arrival_skew"))
        }
    }
}
