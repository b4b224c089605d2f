import Foundation
import PostgreSQL
import Testing

@testable import peerscope

/// The Python that `deploy/setup.sh` has given pyarrow; without a way to PyPI there is none.
enum Arrow {
    static let python = Checkout.path + "/.peerscope/venv/bin/python3"
    static let isThere = FileManager.default.isExecutableFile(atPath: python)
}

extension DatabaseTests {
    @Suite("A Parquet export", .enabled(if: Arrow.isThere, "pyarrow is not installed: see deploy/setup.sh"))
    struct ParquetTests {
        /// Writes a relation in all formats and compares them; what the comparison says.
        func compared(_ relation: String, _ connection: Connection) throws -> [String] {
            try withFolder { folder in
                for format in ExportFormat.allCases {
                    try export(relation, format, to: folder + "/rows." + format.rawValue, connection)
                }
                let comparison = try Program.output(
                    Arrow.python,
                    [Checkout.path + "/Tests/Fixtures/compare_parquet.py"]
                        + ["parquet", "csv", "jsonl"].map { folder + "/rows." + $0 })
                #expect(comparison.status == 0, "\(comparison.text)")
                return comparison.text.split(separator: "\n").map(String.init)
            }
        }

        @discardableResult
        func export(
            _ name: String, _ format: ExportFormat, to path: String, _ connection: Connection
        ) throws -> ExportJob.Outcome {
            let relation = try Relation.named(name, connection)
            let selection = try Selection(
                relation, from: nil, to: nil, timeColumn: nil, nodes: [], connection)
            let file = try OutputFile(path, replaces: false)
            let writer: any RowWriter =
                format == .parquet
                ? try ParquetWriter(relation, to: .file(file), pythons: [Arrow.python])
                : PlainWriter(.file(file))
            var progress = Progress(name, expected: nil, width: nil, print: { _ in })
            let outcome = try ExportJob(selection: selection, format: format, file: nil).run(
                connection, writer, &progress, nil)
            try file.publish()
            return outcome
        }

        @Test("holds the values of the CSV export, each in its type, NULL apart from empty text")
        func types() throws {
            let (_, connection) = try freshDatabase()
            try connection.execute(everything)
            try connection.execute("COMMENT ON COLUMN peerscope.everything.word IS 'A word.'")
            let lines = try compared("everything", connection)
            #expect(lines.first == "3 rows, 1 row groups")
            #expect(lines.contains("word: string A word."))
            for column in [
                "n: int64", "small: int16", "flag: bool", "real4: float", "real8: double",
                "money: decimal128(12, 3)", "digits: string", "bytes: binary", "hash: binary",
                "at: timestamp[us, tz=UTC]", "local: timestamp[us]", "day: date32[day]",
                "hashes: list<element: binary>", "times: list<element: timestamp[us, tz=UTC]>",
                "numbers: list<element: int32>", "flags: list<element: bool>",
            ] {
                #expect(lines.contains(column))
            }
        }

        @Test("of many rows has many row groups, and every row")
        func rowGroups() throws {
            let (_, connection) = try freshDatabase()
            try connection.execute(
                """
                CREATE TABLE peerscope.t (n int, hash bytea, word text);
                INSERT INTO peerscope.t
                SELECT g, CASE WHEN g % 7 > 0 THEN sha256(g::text::bytea) END,
                       CASE g % 5 WHEN 0 THEN '' WHEN 1 THEN NULL ELSE repeat('x', g % 1000) END
                FROM generate_series(1, 300000) g
                """)
            let first = try compared("t", connection).first
            #expect(first == "300000 rows, 2 row groups", "\(first ?? "")")
        }

        @Test("holds single columns of nothing but NULL, and values far larger than a chunk")
        func extremes() throws {
            let (_, connection) = try freshDatabase()
            try connection.execute(
                """
                CREATE TABLE peerscope.t (word text); INSERT INTO peerscope.t VALUES (NULL), (NULL), ('');
                CREATE TABLE peerscope.u (payload bytea);
                INSERT INTO peerscope.u SELECT decode(repeat('00ff', 2 << 20), 'hex') FROM generate_series(1, 3);
                CREATE TABLE peerscope.v (n int)
                """)
            #expect(try compared("t", connection).first == "3 rows, 1 row groups")
            #expect(try compared("u", connection).first == "3 rows, 1 row groups")
            #expect(try compared("v", connection).first == "0 rows, 0 row groups")
        }

        @Test("of the schema's own tables and views agrees with the others, whatever their types")
        func schema() throws {
            let (_, connection) = try freshDatabase()
            try addNodes(connection)
            try connection.execute(
                """
                UPDATE node SET labels = '{"region": "\u{e9}\u{1F310}", "n": [1, 2.50]}' WHERE node_id = 1;
                INSERT INTO process_run (node_id, run_id, boot_id, started_at)
                VALUES (1, 5, '00000000-0000-0000-0000-00000000002a', '2026-11-01 10:00:00.000001+00');
                INSERT INTO capture_interval (node_id, run_id, tracepoint, valid_from, valid_to)
                VALUES (1, 5, 'net:inbound_message', '2026-11-01 10:00+00', '2026-11-01 11:00+00');
                CREATE TABLE peerscope.spans (during tstzmultirange);
                INSERT INTO peerscope.spans VALUES ('{[2026-11-01 10:00+00,2026-11-01 11:00+00)}'), ('{}'), (NULL)
                """)
            // Documents, identifiers, intervals, ranges, columns called "from" and "to".
            let rows = ["node": 2, "process_run": 1, "stream_audit": 2, "spans": 3, "reorganisations": 0]
            for (name, count) in rows {
                #expect(try compared(name, connection).first?.hasPrefix("\(count) rows") == true, "\(name)")
            }
            #expect(try compared("retention", connection).contains { $0.hasPrefix("keep: string") })
        }

        @Test("has the bytes and the SHA-256 that are told, and carries what the relation means")
        func digest() throws {
            let (_, connection) = try freshDatabase()
            try withFolder { folder in
                let path = folder + "/rows.parquet"
                let outcome = try export("retention", .parquet, to: path, connection)
                let sum = try Program.output("sha256sum", [path])
                #expect(sum.text.hasPrefix(outcome.written.sha256 + " "))
                #expect(
                    try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
                        == outcome.written.bytes)
                #expect(outcome.written.writer?.contains("pyarrow \(ParquetWriter.pyarrow)") == true)
                let metadata = try Program.output(
                    Arrow.python,
                    ["-c", "import pyarrow.parquet as p; print(p.read_schema('\(path)').metadata)"])
                #expect(
                    metadata.text.contains("peerscope.retention") && metadata.text.contains("How long rows"))
            }
        }

        @Test("that cannot be written says which column, and leaves nothing")
        func failures() throws {
            let (_, connection) = try freshDatabase()
            try connection.execute(
                "CREATE TABLE peerscope.t (n int, at timestamptz); INSERT INTO peerscope.t VALUES (1, 'infinity')"
            )
            try withFolder { folder throws in
                let message = usageError {
                    try export("t", .parquet, to: folder + "/rows.parquet", connection)
                }
                #expect(
                    message.contains("writing Parquet to") && message.contains("column at: conversion error"),
                    "\(message)")
                #expect(message.contains("'infinity'"))
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
            }
        }
    }
}

@Suite("The Python that writes Parquet")
struct PythonTests {
    @Test("is the one that is named, else the environment's, else one near the program, else the system's")
    func search() throws {
        try withFolder { folder in
            let venv = folder + "/.peerscope/venv/bin"
            try FileManager.default.createDirectory(atPath: venv, withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(
                atPath: venv + "/python3", withDestinationPath: "/bin/true")
            let executable = folder + "/.build/debug/peerscope"
            #expect(
                ParquetWriter.pythons(named: nil, environment: [:], executable: executable)
                    == [venv + "/python3", "python3"])
            #expect(ParquetWriter.pythons(named: nil, environment: [:], executable: nil) == ["python3"])
            let environment = ["PEERSCOPE_PYTHON": "/opt/python"]
            #expect(
                ParquetWriter.pythons(named: nil, environment: environment, executable: executable)
                    == ["/opt/python"])
            #expect(
                ParquetWriter.pythons(named: "p", environment: environment, executable: executable) == ["p"])
        }
    }

    @Test("that lacks pyarrow, or is none, is an error that says what to install")
    func missing() throws {
        let relation = Relation(
            name: "t", kind: "table", comment: nil, columns: [], partitionKey: nil)
        try withFolder { folder in
            // A Python that has no module of its own and finds no other.
            let bare = folder + "/bare"
            try "#!/bin/sh\nexec python3 -I -S \"$@\"\n".write(
                toFile: bare, atomically: true, encoding: .utf8)
            _ = unsafe chmod(bare, 0o755)
            let message = usageError {
                _ = try ParquetWriter(
                    relation, to: .standardOutput, pythons: [folder + "/none", bare, "/bin/true"])
            }
            #expect(message.contains("/none: No such file or directory"))
            #expect(message.contains("/bare: No module named 'pyarrow'"))
            #expect(message.contains("/bin/true: it ended without a word"))
            #expect(message.contains("pip install pyarrow==\(ParquetWriter.pyarrow)"))
        }
    }

    @Test("gets the version of pyarrow that the set-up pins")
    func version() throws {
        let pinned = try String(
            contentsOfFile: Checkout.path + "/deploy/parquet-requirements.txt", encoding: .utf8)
        #expect(pinned.contains("\npyarrow==\(ParquetWriter.pyarrow) "))
    }
}
