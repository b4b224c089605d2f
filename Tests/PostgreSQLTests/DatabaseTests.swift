import Foundation
import PostgreSQL
import Testing

/// Everything that needs a server shares one.
@Suite("With a server", .server)
struct DatabaseTests {}

extension DatabaseTests {
    @Suite("Connection")
    struct ConnectionTests {
        @Test("rows come with their columns, types and NULLs")
        func rows() throws {
            let result = try connect().query(
                "SELECT $1::int AS n, $2::text AS t, NULL::text AS nothing", ["7", "é\\'"])
            #expect(result.columns == ["n", "t", "nothing"])
            #expect(result.columnTypes == [23, 25, 25])
            #expect(result.rows == [["7", "é\\'", nil]])
            #expect(result.value("t") == "é\\'")
            #expect(result.value("missing") == nil)
            #expect(result.affectedRows == 1)
        }

        @Test("an error says what was being done, why, and with which SQLSTATE")
        func errors() throws {
            let connection = try connect()
            let fault = fault { try connection.execute("SELECT *\n  FROM   nowhere") }
            #expect(fault?.code == "42P01")
            #expect(fault?.operation == "SELECT * FROM nowhere")
            #expect(fault?.message == "relation \"nowhere\" does not exist")
            #expect(fault?.isConnectionLost == false)
            #expect(fault?.isRetriable == false)
            #expect(try connection.execute("SELECT 1").scalar == "1")
        }

        @Test("a transaction is committed when its body returns and rolled back when it throws")
        func transactions() throws {
            struct Stop: Error {}
            let connection = try connect()
            try connection.execute("CREATE TEMPORARY TABLE t (n int)")
            try connection.transaction { try connection.execute("INSERT INTO t VALUES (1)") }
            #expect(throws: Stop.self) {
                try connection.transaction {
                    try connection.execute("INSERT INTO t VALUES (2)")
                    throw Stop()
                }
            }
            #expect(try connection.execute("SELECT sum(n) FROM t").scalar == "1")
        }

        @Test("committing a failed transaction is an error and not a silent rollback")
        func failedCommit() throws {
            let connection = try connect()
            try connection.begin()
            #expect(throws: PostgreSQLError.self) { try connection.execute("SELECT 1/0") }
            #expect(connection.isInFailedTransaction)
            #expect(throws: PostgreSQLError.self) { try connection.commit() }
            #expect(!connection.isInTransaction)
        }

        @Test("a connection ended by the server is lost and worth a new one")
        func lost() throws {
            let victim = try connect()
            let pid = try victim.execute("SELECT pg_backend_pid()").scalar
            try connect().query("SELECT pg_terminate_backend($1::int)", [pid])
            Thread.sleep(forTimeInterval: 0.2)
            let fault = fault { try victim.execute("SELECT 1") }
            #expect(fault?.isConnectionLost == true)
            #expect(fault?.isRetriable == true)
        }

        @Test("no server is an error without the password and with what to look at")
        func unreachable() {
            let fault = fault {
                _ = try Connection("host=/nowhere password=S3CRET dbname=d connect_timeout=1")
            }
            #expect(fault?.isConnectionLost == true)
            #expect(fault?.hint != nil)
            #expect(fault?.description.contains("S3CRET") == false)
        }

        @Test("prepared statements, notices and quoting")
        func details() throws {
            let connection = try connect()
            try connection.prepare("twice", "SELECT $1::int * 2")
            #expect(try connection.execute(prepared: "twice", ["21"]).scalar == "42")
            var notices: [String] = []
            connection.onNotice = { notices.append($0) }
            try connection.execute("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
            #expect(notices == ["NOTICE:  hello"])
            let nasty = "a'b\\c\"d"
            let list = [nasty, nil, "", "NULL", "{,}"]
            let unnested = try connection.query("SELECT unnest($1::text[])", [Connection.array(list)])
            #expect(unnested.rows.map { $0[0] } == list)
            #expect(try connection.execute("SELECT \(Connection.literal(nasty))").scalar == nasty)
            #expect(
                try connection.execute("SELECT 1 AS \(Connection.identifier(nasty))").columns == [nasty])
        }
    }

    @Suite("Binary COPY")
    struct CopyTests {
        static let columns = """
            i2 smallint, i4 integer, i8 bigint, b boolean, d double precision, ts timestamptz, t text, raw bytea,
            id uuid, j jsonb
            """
        static let copy = "COPY t FROM STDIN (FORMAT binary)"

        @Test("every type arrives as psql would show it")
        func types() throws {
            let connection = try connect()
            try connection.execute("SET timezone = 'UTC'; CREATE TEMPORARY TABLE t (\(Self.columns))")
            var rows = CopyBuffer(capacity: 1)
            rows.beginRow(columns: 10)
            rows.int16(-2)
            rows.int32(.min)
            rows.int64(.max)
            rows.bool(true)
            rows.double(-0.1)
            rows.timestamp(unixMicroseconds: 1_700_000_000_123_456)
            rows.text("Grüße \\ \u{0}\n")
            rows.bytea([0, 255, 92])
            rows.uuid([UInt8](0..<16))
            rows.jsonb(#"{"a": [1, null]}"#)
            rows.beginRow(columns: 10)
            for _ in 0..<10 { rows.null() }
            rows.beginRow(columns: 10)
            rows.int16(nil)
            rows.int32(nil)
            rows.int64(bits: .max)
            rows.bool(false)
            rows.double(.infinity)
            rows.timestamp(unixMicroseconds: -1)
            rows.text("")
            rows.bytea([UInt8]())
            rows.uuid(nil as [UInt8]?)
            rows.jsonb(nil)
            #expect(rows.rowCount == 3)
            #expect(try connection.copyBuffer(Self.copy, rows) == 3)
            let stored = try connection.execute("SELECT * FROM t")
            #expect(
                stored.rows[0] == [
                    "-2", "-2147483648", "9223372036854775807", "t", "-0.1", "2023-11-14 22:13:20.123456+00",
                    #"Gr\xc3\xbc\xc3\x9fe \\ \x00\x0a"#, #"\x00ff5c"#,
                    "00010203-0405-0607-0809-0a0b0c0d0e0f", #"{"a": [1, null]}"#,
                ])
            #expect(stored.rows[1] == [String?](repeating: nil, count: 10))
            #expect(
                stored.rows[2] == [
                    nil, nil, "-1", "f", "Infinity", "1969-12-31 23:59:59.999999+00", "", #"\x"#, nil, nil,
                ])
        }

        @Test("timestamps before what PostgreSQL holds become -infinity, nanoseconds round down")
        func timestamps() throws {
            let connection = try connect()
            try connection.execute("SET timezone = 'UTC'; CREATE TEMPORARY TABLE t (ts timestamptz)")
            var rows = CopyBuffer()
            for value in [Int64.min, .max] {
                rows.beginRow(columns: 1)
                rows.timestamp(unixMicroseconds: value)
            }
            for value in [1_999, -1] as [Int64] {
                rows.beginRow(columns: 1)
                rows.timestamp(unixNanoseconds: value)
            }
            try connection.copyBuffer(Self.copy, rows)
            #expect(
                try connection.execute("SELECT ts FROM t").rows.map { $0[0] } == [
                    "-infinity", "294247-01-10 04:00:54.775807+00", "1970-01-01 00:00:00.000001+00",
                    "1969-12-31 23:59:59.999999+00",
                ])
        }

        @Test("own text goes in as it is, peer text escaped, from strings and from bytes alike")
        func text() throws {
            let connection = try connect()
            try connection.execute("CREATE TEMPORARY TABLE t (a text, b text, c text)")
            let peer: [UInt8] = [0x5c, 0x00, 0x80, 0x41]
            var rows = CopyBuffer()
            rows.beginRow(columns: 3)
            rows.verbatim("näme\\\u{0}cut")
            unsafe rows.text(peer.span.bytes)
            rows.verbatim(unsafe PeerText.escape(peer.span.bytes))
            try connection.copyBuffer(Self.copy, rows)
            #expect(
                try connection.execute("SELECT * FROM t").rows == [
                    ["näme\\", #"\\\x00\x80A"#, #"\\\x00\x80A"#]
                ])
        }

        @Test("a reused buffer gives the same rows, and a bad row is taken back")
        func reuse() throws {
            let connection = try connect()
            try connection.execute("CREATE TEMPORARY TABLE t (a int, b text)")
            var rows = CopyBuffer()
            for round in 0..<3 {
                rows.removeAll()
                for number in 0..<1000 {
                    rows.beginRow(columns: 2)
                    rows.int32(Int32(round * 1000 + number))
                    rows.text("row \(number)")
                }
                let mark = rows.mark
                rows.beginRow(columns: 2)
                rows.int32(-1)
                rows.truncate(to: mark)
                #expect(try connection.copyBuffer(Self.copy, rows) == 1000)
            }
            #expect(
                try connection.execute("SELECT count(*), min(a), max(a) FROM t").rows == [
                    ["3000", "0", "2999"]
                ])
        }

        @Test("a large buffer goes through libpq in pieces")
        func large() throws {
            let connection = try connect()
            try connection.execute("CREATE TEMPORARY TABLE t (raw bytea)")
            var rows = CopyBuffer()
            rows.beginRow(columns: 1)
            rows.bytea([UInt8](repeating: 7, count: 5_000_001))
            try connection.copyBuffer(Self.copy, rows)
            #expect(try connection.execute("SELECT length(raw) FROM t").scalar == "5000001")
        }

        @Test("a row that the server refuses stores nothing and leaves the connection usable")
        func refused() throws {
            let connection = try connect()
            try connection.execute("CREATE TEMPORARY TABLE t (a int CHECK (a > 0))")
            var rows = CopyBuffer()
            for value in [1, 0] as [Int32] {
                rows.beginRow(columns: 1)
                rows.int32(value)
            }
            let check = fault { try connection.copyBuffer(Self.copy, rows) }
            #expect(check?.code == "23514")
            #expect(check?.isDataFault == true)
            rows.removeAll()
            rows.beginRow(columns: 1)
            rows.int64(1)
            #expect(fault { try connection.copyBuffer(Self.copy, rows) }?.code == "22P03")
            #expect(try connection.execute("SELECT count(*) FROM t").scalar == "0")
        }

        @Test("a refused large COPY gives the server's reason, not a broken stream")
        func refusedEarly() throws {
            let connection = try connect()
            try connection.execute("CREATE TEMPORARY TABLE t (a int CHECK (a > 0))")
            var rows = CopyBuffer()
            for _ in 0..<1_000_000 {
                rows.beginRow(columns: 1)
                rows.int32(0)
            }
            #expect(fault { try connection.copyBuffer(Self.copy, rows) }?.code == "23514")
            #expect(try connection.execute("SELECT 1").scalar == "1")
        }

        @Test("a writer streams rows, and stores none when its body throws")
        func writer() throws {
            struct Stop: Error {}
            let connection = try connect()
            try connection.execute("CREATE TEMPORARY TABLE t (a int, b text)")
            let long = String(repeating: "x", count: 1000)
            let stored = try connection.copyIn(Self.copy) { writer in
                for number in 0..<5000 as Range<Int32> {
                    try writer.row(columns: 2) {
                        $0.int32(number)
                        $0.text(long)
                    }
                }
            }
            #expect(stored == 5000)
            #expect(throws: Stop.self) {
                try connection.copyIn(Self.copy) { writer in
                    for number in 0..<5000 as Range<Int32> {
                        try writer.row(columns: 2) {
                            $0.int32(number)
                            $0.text(long)
                        }
                    }
                    throw Stop()
                }
            }
            #expect(try connection.execute("SELECT count(*) FROM t").scalar == "5000")
        }

        @Test(
            "statements that are no binary COPY are refused",
            arguments: [
                "SELECT 1", "COPY t FROM STDIN", "COPY t TO STDOUT", "COPY t TO STDOUT (FORMAT binary)",
            ])
        func notCopy(statement: String) throws {
            let connection = try connect()
            try connection.execute("CREATE TEMPORARY TABLE t (a int); INSERT INTO t VALUES (1)")
            #expect(fault { try connection.copyBuffer(statement, CopyBuffer()) }?.operation == statement)
            #expect(throws: PostgreSQLError.self) { try connection.execute("COPY t FROM STDIN") }
            #expect(try connection.execute("SELECT count(*) FROM t").scalar == "1")
        }
    }
}
