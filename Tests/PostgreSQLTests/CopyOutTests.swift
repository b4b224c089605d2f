import Foundation
import PostgreSQL
import Testing

extension DatabaseTests {
    @Suite("COPY out")
    struct CopyOutTests {
        struct Stop: Error {}

        @Test("rows come as the server formats them, in pieces of whole rows, and are counted")
        func rows() throws {
            let connection = try connect()
            var text = ""
            var counts: [Int] = []
            let rows = try connection.copyOut(
                "COPY (SELECT g, CASE g WHEN 2 THEN E'a\\nb' WHEN 3 THEN '' END FROM generate_series(1, 4) g) "
                    + "TO STDOUT (FORMAT csv)", gathering: 8
            ) { bytes, rows in
                text += String(decoding: bytes, as: UTF8.self)
                counts.append(rows)
                #expect(bytes.last == UInt8(ascii: "\n"))
            }
            #expect(rows == 4)
            #expect(text == "1,\n2,\"a\nb\"\n3,\"\"\n4,\n")
            #expect(counts.reduce(0, +) == 4 && counts.count > 1)
            #expect(try connection.execute("SELECT 1").scalar == "1")
        }

        @Test("pieces stay near their size however many rows there are")
        func bounded() throws {
            var largest = 0
            let rows = try connect().copyOut(
                "COPY (SELECT g, repeat('x', 100) FROM generate_series(1, 200000) g) TO STDOUT",
                gathering: 64 * 1024
            ) { bytes, _ in largest = max(largest, bytes.count) }
            #expect(rows == 200_000)
            #expect(largest < 65 * 1024)
        }

        @Test("no row at all is a COPY of nothing")
        func empty() throws {
            let rows = try connect().copyOut("COPY (SELECT 1 WHERE false) TO STDOUT") { _, _ in
                Issue.record("there is nothing to hand over")
            }
            #expect(rows == 0)
        }

        @Test("the server's error comes out, before the first row and after many, and the connection goes on")
        func errors() throws {
            let connection = try connect()
            let early = fault { try connection.copyOut("COPY (SELECT * FROM nowhere) TO STDOUT") { _, _ in } }
            #expect(early?.code == "42P01")
            var seen = 0
            let late = fault {
                try connection.copyOut(
                    "COPY (SELECT 1 / (100000 - g) FROM generate_series(1, 100000) g) TO STDOUT"
                ) {
                    _, rows in seen += rows
                }
            }
            #expect(late?.code == "22012")
            #expect(seen > 0)
            #expect(try connection.execute("SELECT 1").scalar == "1")
        }

        @Test("when the receiver throws, the server stops at once and the connection goes on")
        func stopped() throws {
            let connection = try connect()
            let begin = Date()
            #expect(throws: Stop.self) {
                try connection.copyOut("COPY (SELECT generate_series(1, 1000000000)) TO STDOUT") {
                    _, _ in
                    throw Stop()
                }
            }
            #expect(Date().timeIntervalSince(begin) < 10)
            #expect(try connection.execute("SELECT 1").scalar == "1")
        }

        @Test("while the server computes, the caller is asked every fifth of a second and may give up")
        func waiting() throws {
            let connection = try connect()
            var waits = 0
            let begin = Date()
            #expect(throws: Stop.self) {
                try connection.copyOut(
                    "COPY (SELECT pg_sleep(60)) TO STDOUT",
                    whileWaiting: {
                        waits += 1
                        if waits == 3 { throw Stop() }
                    }, { _, _ in })
            }
            #expect(Date().timeIntervalSince(begin) < 10)
            #expect(try connection.execute("SELECT 1").scalar == "1")
        }

        @Test("rows that came before a pause are handed over and not held back")
        func pauses() throws {
            var pieces = 0
            // The server sends what it has when its buffer of 8 KiB is full: of two rows the first and most of the second.
            let rows = try connect().copyOut(
                "COPY (SELECT repeat('x', 9000) FROM generate_series(1, 3) g, pg_sleep(CASE g WHEN 3 THEN 1 ELSE 0 END)) "
                    + "TO STDOUT"
            ) { _, _ in pieces += 1 }
            #expect(rows == 3)
            #expect(pieces == 2)
        }

        @Test(
            "another statement is refused and leaves the connection usable",
            arguments: ["SELECT 1", "COPY t FROM STDIN", ""])
        func refused(statement: String) throws {
            let connection = try connect()
            try connection.execute("CREATE TEMPORARY TABLE t (n int)")
            let fault = fault { try connection.copyOut(statement) { _, _ in } }
            #expect(fault?.message == "not a COPY … TO STDOUT")
            #expect(try connection.execute("SELECT 1").scalar == "1")
        }

        @Test("a server that ends the connection is a lost connection")
        func lost() throws {
            let connection = try connect()
            let pid = try connection.execute("SELECT pg_backend_pid()").scalar
            let fault = fault {
                try connection.copyOut("COPY (SELECT generate_series(1, 100000000)) TO STDOUT") {
                    _, _ in
                    try connect().query("SELECT pg_terminate_backend($1::int)", [pid])
                }
            }
            #expect(fault?.isConnectionLost == true)
        }
    }
}
