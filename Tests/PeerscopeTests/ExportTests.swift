import Foundation
import PostgreSQL
import Testing

@testable import peerscope

/// Keeps what is written.
final class MemoryWriter: RowWriter {
    private(set) var bytes: [UInt8] = []
    /// Called before each write.
    var onWrite: (() throws -> Void)?

    var text: String { String(decoding: bytes, as: UTF8.self) }
    var lines: [String] { text.split(separator: "\n").map(String.init) }

    func write(_ rows: [UInt8]) throws {
        try onWrite?()
        bytes += rows
    }
    func finish() -> Written { Written(bytes: bytes.count, sha256: "") }
}

/// An export into memory: the rows, and the manifest as JSON.
func exported(
    _ relation: String, _ connection: Connection, _ format: ExportFormat = .csv, from: String? = nil,
    to: String? = nil, timeColumn: String? = nil, nodes: [String] = [], onWrite: (() throws -> Void)? = nil
) throws -> (writer: MemoryWriter, rows: Int, manifest: [String: Any], warnings: [String]) {
    let selection = try Selection(
        Relation.named(relation, connection), from: from, to: to, timeColumn: timeColumn, nodes: nodes,
        connection)
    let writer = MemoryWriter()
    writer.onWrite = onWrite
    var progress = Progress(relation, expected: nil, width: nil, print: { _ in })
    var manifest = ""
    let outcome = try ExportJob(selection: selection, format: format, file: "f").run(
        connection, writer, &progress
    ) { manifest += $0 }
    let json = try JSONSerialization.jsonObject(with: Data(manifest.utf8)) as? [String: Any]
    return (writer, outcome.rows, try #require(json), outcome.manifest.warnings)
}

/// The message of the wrong usage that `body` is.
func usageError(_ body: () throws -> Void) -> String {
    do {
        try body()
        Issue.record("no error")
        return ""
    } catch {
        return "\(error)"
    }
}

/// A table with a column of every type, and values that are easily spoilt.
let everything = #"""
    CREATE TYPE peerscope.colour AS ENUM ('red', 'blue');
    CREATE DOMAIN peerscope.hash AS bytea;
    CREATE TABLE peerscope.everything (
        n int8, small int2, stream_id int8, flag bool, real4 float4, real8 float8, money numeric(12, 3),
        digits numeric, word text, bytes bytea, hash peerscope.hash, at timestamptz, local timestamp, day date,
        span interval, id uuid, doc jsonb, raw json, colour peerscope.colour, hashes bytea[], times timestamptz[],
        numbers int4[], words text[], flags bool[], "odd, ""name""" int4
    );
    INSERT INTO peerscope.everything (n) VALUES (1);
    INSERT INTO peerscope.everything VALUES (
        9223372036854775807, -32768, -9223372036854775808, true, 0.1, 0.1::float8 + 0.2, 123456789.125,
        123456789012345678901234567890.5, 'a,"b"' || E'\n\\x0a\té', '\x00ff', '\x0a', '2026-11-01 10:00:00.5+00',
        '2026-11-01 10:00:00', '2026-02-28', '1 day 02:03:04.5', '00000000-0000-0000-0000-00000000002a',
        '{"k": [1, "\n"]}', E'{"k":\n 1}', 'red', '{"\\x00ff",NULL}', '{"2026-11-01 10:00:00+00"}', '{1,NULL}',
        '{"a,\"b",NULL,""}', '{t,f}', 7);
    INSERT INTO peerscope.everything (n, word, bytes, real8, real4, flag, hashes, numbers, words, doc)
    VALUES (2, '', '', 'NaN', '-Infinity', false, '{}', '{}', '{}', 'null')
    """#

extension DatabaseTests {
    @Suite("An export's rows")
    struct ExportRowTests {
        @Test(
            "are, as CSV, one field a value: NULL empty, text quoted, bytes hexadecimal, times ISO 8601 in UTC"
        )
        func csv() throws {
            let (_, connection) = try freshDatabase()
            try connection.execute(everything)
            let export = try exported("everything", connection)
            #expect(export.rows == 3)
            #expect(
                export.writer.text == #"""
                    n,small,stream_id,flag,real4,real8,money,digits,word,bytes,hash,at,local,day,span,id,doc,raw,colour,hashes,times,numbers,words,flags,"odd, ""name"""
                    1,,,,,,,,,,,,,,,,,,,,,,,,
                    9223372036854775807,-32768,-9223372036854775808,true,0.1,0.30000000000000004,123456789.125,123456789012345678901234567890.5,"a,""b""
                    \x0a	é",00ff,0a,2026-11-01T10:00:00.500000Z,2026-11-01T10:00:00.000000,2026-02-28,P1DT2H3M4.5S,00000000-0000-0000-0000-00000000002a,"{""k"": [1, ""\n""]}","{""k"":
                     1}",red,"[""00ff"", null]","[""2026-11-01T10:00:00.000000Z""]","[1, null]","[""a,\""b"", null, """"]","[true, false]",7
                    2,,,false,-Infinity,NaN,,,"","",,,,,,,null,,,[],,[],[],,

                    """#)
        }

        @Test("are, as JSON lines, one object a line, with identifiers as strings and documents as documents")
        func jsonl() throws {
            let (_, connection) = try freshDatabase()
            try connection.execute(everything)
            let lines = try exported("everything", connection, .jsonl).writer.lines
            try #require(lines.count == 3)
            #expect(
                lines[1] == #"""
                    {"n":9223372036854775807,"small":-32768,"stream_id":"-9223372036854775808","flag":true,"real4":0.1,"real8":0.30000000000000004,"money":123456789.125,"digits":123456789012345678901234567890.5,"word":"a,\"b\"\n\\x0a\té","bytes":"00ff","hash":"0a","at":"2026-11-01T10:00:00.500000Z","local":"2026-11-01T10:00:00.000000","day":"2026-02-28","span":"P1DT2H3M4.5S","id":"00000000-0000-0000-0000-00000000002a","doc":{"k": [1, "\n"]},"raw":{"k": 1},"colour":"red","hashes":["00ff", null],"times":["2026-11-01T10:00:00.000000Z"],"numbers":[1, null],"words":["a,\"b", null, ""],"flags":[true, false],"odd, \"name\"":7}
                    """#)
            for line in lines { _ = try JSONSerialization.jsonObject(with: Data(line.utf8)) }
            #expect(
                lines[2].contains(#""word":"","bytes":"""#) && lines[0].contains(#""word":null,"bytes":null"#)
            )
        }

        @Test("of a time without end are written as PostgreSQL does and not lost")
        func infinity() throws {
            let (_, connection) = try freshDatabase()
            try connection.execute(
                "CREATE TABLE peerscope.t (at timestamptz); INSERT INTO peerscope.t VALUES ('infinity'), ('-infinity')"
            )
            #expect(try exported("t", connection).writer.lines == ["at", "infinity", "-infinity"])
        }

        @Test("do not depend on the settings of the server or the role")
        func settings() throws {
            let (conninfo, first) = try freshDatabase()
            let name = try #require(try first.execute("SELECT current_database()").scalar)
            try first.execute(everything)
            let expected = try exported("everything", first).writer.text
            try first.execute(
                """
                ALTER DATABASE \(name) SET datestyle = 'German'; ALTER DATABASE \(name) SET timezone = 'Asia/Kabul';
                ALTER DATABASE \(name) SET intervalstyle = 'postgres_verbose'; ALTER DATABASE \(name) SET bytea_output = 'escape';
                ALTER DATABASE \(name) SET extra_float_digits = -3
                """)
            let second = try Connection(conninfo)
            try prepareForExport(second)
            #expect(try exported("everything", second).writer.text == expected)
        }
    }

    @Suite("An export's selection")
    struct ExportSelectionTests {
        @Test("is half-open: a row at --from is in, one at --to is not")
        func halfOpen() throws {
            let (_, connection) = try freshDatabase()
            try connection.execute(
                """
                CREATE TABLE peerscope.t (at timestamptz, n int);
                INSERT INTO peerscope.t VALUES ('2026-11-01 00:00+00', 1), ('2026-11-01 23:59:59.999999+00', 2),
                    ('2026-11-02 00:00+00', 3), (NULL, 4)
                """)
            let day = try exported("t", connection, from: "2026-11-01", to: "2026-11-02")
            #expect(
                day.writer.lines.dropFirst() == [
                    "2026-11-01T00:00:00.000000Z,1", "2026-11-01T23:59:59.999999Z,2",
                ])
            #expect(try exported("t", connection).rows == 4)
            #expect(try exported("t", connection, from: "2026-11-01 00:00:00.000001").rows == 2)
            #expect(try exported("t", connection, from: "1h").rows == 0)
        }

        @Test("takes a day by its beginning, and a time without zone as UTC")
        func days() throws {
            let (_, connection) = try freshDatabase()
            try connection.execute(
                """
                CREATE TABLE peerscope.t (day date); CREATE TABLE peerscope.u (at timestamp);
                INSERT INTO peerscope.t VALUES ('2026-11-01'), ('2026-11-02'), ('2026-11-03');
                INSERT INTO peerscope.u VALUES ('2026-11-01 12:00'), ('2026-11-01 13:00')
                """)
            #expect(
                try exported("t", connection, from: "2026-11-01 00:00:01", to: "2026-11-02 00:00:01").writer
                    .lines
                    == ["day", "2026-11-02"])
            #expect(
                try exported("t", connection, from: "2026-11-01", to: "2026-11-02").writer.lines
                    == ["day", "2026-11-01"])
            #expect(try exported("u", connection, from: "2026-11-01 14:30+02").rows == 1)
        }

        @Test("reads no partition of another day")
        func pruning() throws {
            let (_, connection) = try freshDatabase()
            try connection.execute("SELECT ensure_day('2026-11-01'), ensure_day('2026-11-02')")
            let selection = try Selection(
                Relation.named("peerscope.p2p_message", connection), from: "2026-11-02", to: nil,
                timeColumn: nil,
                nodes: [], connection)
            for format in ExportFormat.allCases {
                let plan = try connection.execute("EXPLAIN \(selection.query(format, connection))")
                let text = plan.rows.compactMap { $0[0] }.joined()
                #expect(text.contains("p2p_message_20261102") && !text.contains("p2p_message_20261101"))
            }
        }

        @Test("by nodes works by number and by name")
        func nodes() throws {
            let (_, connection) = try freshDatabase()
            try addNodes(connection)
            try connection.execute(
                """
                CREATE TABLE peerscope.t (node_id int, n int); CREATE TABLE peerscope.u (node text, n int);
                INSERT INTO peerscope.t VALUES (1, 10), (2, 20), (3, 30); INSERT INTO peerscope.u VALUES ('a', 1), ('b', 2)
                """)
            #expect(try exported("t", connection, nodes: ["b"]).writer.lines == ["node_id,n", "2,20"])
            #expect(try exported("t", connection, nodes: ["a", "b"]).rows == 2)
            #expect(try exported("u", connection, nodes: ["a"]).writer.lines == ["node,n", "a,1"])
            #expect(
                usageError { _ = try exported("t", connection, nodes: ["aa"]) }.contains("did you mean a?"))
            #expect(
                usageError { _ = try exported("retention", connection, nodes: ["a"]) }
                    .contains("belong to no single node"))
        }

        @Test(
            "takes the natural column of times",
            arguments: [
                ("p2p_message", "ts"), ("block_arrival_skew", "at"), ("addr_propagation", "episode_at"),
                ("addr_coverage_curve", "day"), ("message_minute", "minute"), ("event_gap", "gap_from"),
                ("peer_session", "opened_at"), ("capture_interval", "valid_from"), ("agent", "last_seen_at"),
                ("addr_announcement", "first_seen"), ("process_run", "started_at"),
            ])
        func naturalColumn(relation: String, column: String) throws {
            let (_, connection) = try freshDatabase()
            #expect(try Relation.named(relation, connection).naturalTimeColumn?.name == column)
        }

        @Test("asks which column when there are several, and obeys")
        func chooses() throws {
            let (_, connection) = try freshDatabase()
            let message = usageError { _ = try exported("block_arrival", connection, from: "1h") }
            #expect(message.contains("--time-column: s0_ts, s1_ts"))
            let chosen = try exported("block_arrival", connection, from: "1h", timeColumn: "s6_ts")
            #expect((chosen.manifest["window"] as? [String: Any])?["column"] as? String == "s6_ts")
            #expect(
                usageError { _ = try exported("block_arrival", connection, timeColumn: "height") }
                    .contains("no column 'height' of times; it has s0_ts"))
            #expect(
                usageError { _ = try exported("retention", connection, from: "1h") }
                    .contains("has no column of times"))
            #expect(try exported("block_arrival", connection).manifest["window"] is NSNull)
        }

        @Test("refuses an empty window and a time that is none")
        func windows() throws {
            let (_, connection) = try freshDatabase()
            #expect(
                usageError { _ = try exported("node", connection, from: "1h", to: "2h") }
                    .contains("the window is empty"))
            #expect(
                usageError { _ = try exported("node", connection, from: "soon") }
                    .contains("neither a duration (2h, 7d) nor a time"))
        }

        @Test("knows only relations of the schema, exactly by name, and suggests the nearest")
        func names() throws {
            let (_, connection) = try freshDatabase()
            for name in ["addr_propgation", "peerscope.addr_propagatio", "ADDR_PROPAGATION"] {
                #expect(
                    usageError { _ = try Relation.named(name, connection) }.contains(
                        "did you mean addr_propagation?"))
            }
            #expect(
                usageError { _ = try Relation.named("arrival_skew", connection) }.contains(
                    "block_arrival_skew?"))
            for name in [
                "pg_class", "pg_catalog.pg_class", "node; DROP TABLE peerscope.node", "node\" --", "",
            ] {
                #expect(throws: (any Error).self) { _ = try Relation.named(name, connection) }
            }
            #expect(try connection.execute("SELECT count(*) FROM node").scalar == "0")
            try connection.execute(
                #"CREATE TABLE peerscope."o'dd "" x" ("a""b" int); INSERT INTO peerscope."o'dd "" x" VALUES (5)"#
            )
            #expect(try exported(#"o'dd " x"#, connection).writer.lines == [#""a""b""#, "5"])
        }
    }

    @Suite("An export's manifest")
    struct ManifestTests {
        @Test("says what the file is: relation, columns with type, encoding and meaning, window, versions")
        func members() throws {
            let (_, connection) = try freshDatabase()
            try addNodes(connection)
            let export = try exported(
                "block_announcement", connection, from: "2026-11-01", to: "2026-11-02T06:00Z", nodes: ["b"])
            let manifest = export.manifest
            #expect(manifest["relation"] as? String == "peerscope.block_announcement")
            #expect(manifest["comment"] as? String == "Messages that name a block, one row per block named.")
            #expect(manifest["format"] as? String == "csv" && manifest["file"] as? String == "f")
            #expect(manifest["rows"] as? Int == 0 && manifest["bytes"] as? Int == export.writer.bytes.count)
            let window = manifest["window"] as? [String: Any]
            #expect(window?["column"] as? String == "ts")
            #expect(window?["from"] as? String == "2026-11-01T00:00:00Z")
            #expect(window?["to"] as? String == "2026-11-02T06:00:00Z")
            #expect(manifest["only_these_nodes"] as? Bool == true)
            #expect((manifest["nodes"] as? [[String: Any]])?.map { $0["name"] as? String } == ["b"])
            #expect((manifest["nodes"] as? [[String: Any]])?.first?["node_id"] as? Int == 2)
            #expect(manifest["peerscope_version"] as? String == Peerscope.version)
            #expect(manifest["schema_version"] as? Int == (try Migrator.version(of: connection)))
            let server = try connection.execute("SHOW server_version").scalar
            #expect(manifest["server_version"] as? String == server)
            let columns = try #require(manifest["columns"] as? [[String: Any]])
            #expect(columns.count == (try Relation.named("block_announcement", connection).columns.count))
            let hash = try #require(columns.first { $0["name"] as? String == "hash" })
            #expect(
                hash["type"] as? String == "bytea"
                    && hash["comment"] as? String == "Block hash in wire order.")
            #expect((hash["encoding"] as? String)?.contains("wire order") == true)
        }

        @Test("lists the gaps that overlap window and nodes, with reason and count, and no others")
        func gaps() throws {
            let (_, connection) = try freshDatabase()
            try addNodes(connection)
            try connection.execute(
                """
                INSERT INTO event_gap (node_id, stream_id, tracepoint, gap_from, gap_to, count, reason, declared_by, seq) VALUES
                    (1, 11, NULL, '2026-11-01 23:00+00', '2026-11-02 00:10+00', NULL, 'blind', 'agent', 1),
                    (1, 11, 'mempool:added', '2026-11-01 23:50+00', '2026-11-02 00:20+00', NULL, 'blind', 'agent', 2),
                    (1, 11, NULL, '2026-11-02 01:00+00', '2026-11-02 01:00:30+00', 7, 'ring_full', 'agent', 3),
                    (1, 11, NULL, '2026-11-01 10:00+00', '2026-11-01 23:59:59+00', 9, 'ring_full', 'agent', 4),
                    (1, 11, NULL, '2026-11-03 00:00+00', '2026-11-03 01:00+00', 8, 'ring_full', 'agent', 5),
                    (2, 22, NULL, '2026-11-02 01:00+00', '2026-11-02 02:00+00', 100, 'spool_bound', 'agent', 6);
                INSERT INTO event_gap (node_id, stream_id, first_seq, last_seq, count, reason, declared_by, seq) VALUES
                    (1, 11, 5, 6, 2, 'quarantined', 'aggregator', 5)
                """)
            let export = try exported(
                "p2p_message", connection, from: "2026-11-02", to: "2026-11-03", nodes: ["a"])
            let gaps = try #require(export.manifest["gaps"] as? [[String: Any]])
            #expect(gaps.map { $0["reason"] as? String } == ["blind", "blind", "ring_full", "quarantined"])
            #expect(gaps[0]["from"] as? String == "2026-11-01T23:00:00.000000Z")
            #expect(gaps[1]["tracepoint"] as? String == "mempool:added")
            #expect(gaps[2]["count"] as? Int == 7 && gaps[2]["node"] as? String == "a")
            #expect(gaps[3]["first_seq"] as? Int == 5 && gaps[3]["from"] is NSNull)
            let totals = try #require(export.manifest["gap_totals"] as? [[String: Any]])
            // Two blind tracepoints at the same time are one span of twenty minutes inside the window.
            #expect(totals.map { $0["seconds"] as? Double } == [1200, nil, 30])
            #expect(totals.map { $0["events"] as? Int } == [0, 2, 7])
            #expect(totals.map { $0["uncounted"] as? Int } == [2, 0, 0])
            #expect(
                export.warnings[0]
                    == "Gaps in this window: 2 blind (2 of them uncounted, 20 min), 1 quarantined (2 events), "
                    + "1 ring_full (7 events, 30.0 s).")
            #expect((try exported("node", connection).manifest["gaps"] as? [Any])?.count == 7)
        }

        @Test("shows what the audit cannot explain, and says so")
        func unexplained() throws {
            let (_, connection) = try freshDatabase()
            try addNodes(connection)
            let export = try exported("node", connection)
            let streams = try #require(export.manifest["streams"] as? [[String: Any]])
            #expect(streams.map { $0["unexplained"] as? Int } == [0, 1])
            #expect(export.warnings.contains { $0.hasPrefix("UNEXPLAINED 1") })
            #expect(
                export.warnings.first == "No gap is declared at any time."
                    && export.manifest["gaps"] as? [Int] == [])
        }

        @Test(
            "tells from when on a table is complete, and which days of a view the digest has still to compute"
        )
        func incomplete() throws {
            let (_, connection) = try freshDatabase()
            try addNodes(connection)
            try connection.execute(
                """
                INSERT INTO retention_horizon (table_name, complete_from, moved_at) VALUES ('p2p_message', '2026-11-02', now());
                INSERT INTO dirty_day (node_id, day) VALUES (1, '2026-11-01'), (2, '2026-11-02'), (2, '2026-11-05')
                """)
            let table = try exported("p2p_message", connection, from: "2026-11-01")
            #expect(table.manifest["complete_from"] as? String == "2026-11-02")
            #expect(
                table.warnings.contains(
                    "Retention has taken rows of before 2026-11-02: the table is complete from then on."))
            #expect((table.manifest["uncomputed_days"] as? [Any])?.isEmpty == true)
            #expect(try exported("p2p_message", connection, from: "2026-11-02").warnings.count == 2)
            let view = try exported(
                "block_arrival_skew", connection, from: "2026-11-01 12:00", to: "2026-11-05")
            #expect(view.manifest["uncomputed_days"] as? [String] == ["2026-11-01", "2026-11-02"])
            #expect(view.warnings.contains { $0.contains("to compute of 2026-11-01 to 2026-11-02: ") })
            #expect(view.manifest["complete_from"] is NSNull)
        }

        @Test("and the rows are of one moment, whatever is stored meanwhile")
        func oneSnapshot() throws {
            let (conninfo, connection) = try freshDatabase()
            try addNodes(connection)
            try connection.execute(
                "CREATE TABLE peerscope.t (n int); INSERT INTO peerscope.t SELECT generate_series(1, 100000)")
            let other = try Connection(conninfo)
            var isFirst = true
            let export = try exported("t", connection) {
                guard isFirst else { return }
                isFirst = false
                try other.execute(
                    """
                    INSERT INTO peerscope.t SELECT generate_series(1, 5000);
                    INSERT INTO peerscope.event_gap (node_id, stream_id, count, reason, declared_by, seq)
                    VALUES (1, 11, 1, 'ring_full', 'agent', 1)
                    """)
            }
            #expect(export.rows == 100_000 && export.writer.lines.count == 100_001)
            #expect(export.manifest["rows"] as? Int == 100_000)
            #expect((export.manifest["gaps"] as? [Any])?.isEmpty == true)
            #expect(try exported("t", connection).rows == 105_000)
            #expect((try exported("t", connection).manifest["gaps"] as? [Any])?.count == 1)
        }

        @Test("an export that fails leaves the connection outside of any transaction")
        func fails() throws {
            struct Full: Error {}
            let (_, connection) = try freshDatabase()
            #expect(throws: Full.self) { _ = try exported("node", connection) { throw Full() } }
            #expect(!connection.isInTransaction)
            #expect(throws: PostgreSQLError.self) {
                try connection.execute(
                    "CREATE VIEW peerscope.v AS SELECT 1 / (n - 500) AS n FROM generate_series(1, 1000) n")
                _ = try exported("v", connection)
            }
            #expect(!connection.isInTransaction)
        }
    }
}
