import ArgumentParser
import Testing

@testable import PostgreSQL
@testable import peerscope

@Suite("Output")
struct OutputTests {
    static let rows = QueryResult(
        columns: ["name", "stream_id", "n", "share", "ok", "at"], columnTypes: [25, 20, 20, 701, 16, 1184],
        rows: [
            ["a,\"b\"", "9007199254740993", "5", "0.25", "t", "2026-11-23 20:00:00.5+00"],
            ["", nil, "-17", "NaN", "f", "2026-11-23 20:00:00+00"],
        ],
        affectedRows: 2)

    @Test("JSON keeps types, and identifiers and times as strings")
    func json() {
        #expect(
            JSON.array(Self.rows) == #"""
                [{"name": "a,\"b\"", "stream_id": "9007199254740993", "n": 5, "share": 0.25, "ok": true, "at": "2026-11-23T20:00:00.5Z"},
                 {"name": "", "stream_id": null, "n": -17, "share": null, "ok": false, "at": "2026-11-23T20:00:00Z"}]
                """#)
        #expect(JSON.array(nil) == "[]")
        #expect(JSON.string("a\u{1b}\\\n") == #""a\u001b\\\n""#)
    }

    @Test("CSV quotes what needs it and tells NULL from empty text")
    func csv() {
        #expect(
            CSV.text(Self.rows)
                == "name,stream_id,n,share,ok,at\r\n\"a,\"\"b\"\"\",9007199254740993,5,0.25,t,2026-11-23 20:00:00.5+00\r\n"
                + "\"\",,-17,NaN,f,2026-11-23 20:00:00+00\r\n")
    }

    @Test("tables align, numbers from the right, and nothing in them moves a terminal's cursor")
    func table() {
        let rows = QueryResult(
            columns: ["t", "n"], columnTypes: [25, 20], rows: [["a\u{1b}[2J", "5"], ["é", "-1234"]],
            affectedRows: 2)
        let text = Table.text(rows, [.left("TEXT") { $0["t"] ?? "" }, .right("N") { $0["n"] ?? "" }])
        #expect(
            text == #"""
                TEXT          N
                a\x1b[2J      5
                é         -1234

                """#)
    }

    @Test("a table too wide cuts the columns that may shrink")
    func shrinks() {
        let rows = QueryResult(
            columns: ["t", "u"], columnTypes: [25, 25],
            rows: [[String(repeating: "x", count: 200), String(repeating: "y", count: 30)]], affectedRows: 1)
        let text = Table.text(
            rows, [.left("T", shrinks: true) { $0["t"] ?? "" }, .left("U") { $0["u"] ?? "" }])
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 120 })
        #expect(text.contains("x…  yyy") && text.contains(String(repeating: "y", count: 30)))
    }

    @Test(
        "numbers have the decimals asked for",
        arguments: [
            (0.0, 3, "0.000"), (-0.0004, 3, "0.000"), (-1.2345, 3, "-1.235"), (0.05, 1, "0.1"),
            (12.0, 0, "12"),
            (-0.05, 2, "-0.05"), (1e20, 2, "1e+20"),
        ])
    func numbers(value: Double, decimals: Int, text: String) {
        #expect(Cell.number(value, decimals: decimals) == text)
    }

    @Test("durations and sizes carry the unit that suits them, times are cut to their digits")
    func units() {
        #expect(Cell.duration(0.0123) == "12 ms" && Cell.duration(59.94) == "59.9 s")
        #expect(Cell.duration(3600) == "60 min" && Cell.duration(864_000) == "10 d")
        #expect(
            Cell.bytes(999) == "999 B" && Cell.bytes(1_073_741_824) == "1.00 GiB" && Cell.bytes(nil) == "-")
        #expect(Cell.time("2026-11-23 20:00:00.5+00", fraction: 3) == "2026-11-23 20:00:00.500")
        #expect(Cell.time("2026-11-23 20:00:00.123456+00", fraction: 3) == "2026-11-23 20:00:00.123")
        #expect(Cell.time("2026-11-23 20:00:00+00", fraction: 0) == "2026-11-23 20:00:00")
        #expect(Cell.time("infinity", fraction: 3) == "infinity")
    }
}

@Suite("Command line")
struct CommandLineTests {
    @Test("global options may stand before the command")
    func globals() {
        #expect(
            Peerscope.globalsLast(["--database", "embedded:d", "--format=csv", "nodes", "--x"])
                == ["nodes", "--database", "embedded:d", "--format=csv", "--x"])
        #expect(Peerscope.globalsLast(["--help"]) == ["--help"])
        #expect(Peerscope.globalsLast(["--database"]) == ["--database"])
        #expect(Peerscope.globalsLast(["sql", "-c", "SELECT 1"]) == ["sql", "-c", "SELECT 1"])
    }

    @Test("psql's arguments go through untouched, after ours")
    func passthrough() throws {
        let sql = try #require(
            try Peerscope.parseAsRoot(["sql", "--database", "embedded:d", "-c", "SELECT 1", "--csv"]) as? SQL)
        #expect(sql.database.database == "embedded:d")
        #expect(sql.arguments == ["-c", "SELECT 1", "--csv"])
        for words in [["--database", "embedded:d"], ["--database=embedded:d"]] {
            for place in 0...2 {
                var arguments = ["-X", "-q"]
                arguments.insert(contentsOf: words, at: place)
                #expect(SQL.takeDatabase(from: &arguments) == "embedded:d")
                #expect(arguments == ["-X", "-q"])
            }
        }
        var incomplete = ["-X", "--database"]
        #expect(SQL.takeDatabase(from: &incomplete) == nil)
    }

    @Test("addresses may carry a port")
    func addresses() {
        #expect(Addrs.split("1.2.3.4:8333") == ("1.2.3.4", "8333"))
        #expect(Addrs.split("1.2.3.4") == ("1.2.3.4", nil))
        #expect(Addrs.split("2001:db8::1") == ("2001:db8::1", nil))
        #expect(Addrs.split("[2001:db8::1]:8333") == ("2001:db8::1", "8333"))
        #expect(Addrs.split("abc.onion:8333") == ("abc.onion", "8333"))
        #expect(Addrs.split(nil) == (nil, nil))
    }

    @Test(
        "wrong usage is told before any database is asked",
        arguments: [
            ["blocks", "--stage", "s8"], ["blocks", "--hash", "xyz"], ["addrs", "--limit", "0"],
            ["nodes", "--format", "xml"],
        ])
    func usage(arguments: [String]) {
        #expect(throws: (any Error).self) { try Peerscope.parseAsRoot(arguments) }
    }
}
