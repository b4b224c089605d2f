import ArgumentParser
import Foundation
import Testing

@testable import peerscope

@Suite("Parts of an export")
struct ExportPartsTests {
    @Test("the format is the one asked for, else the file's ending, else CSV")
    func format() throws {
        func format(_ arguments: String...) throws -> ExportFormat? {
            (try Peerscope.parseAsRoot(["export", "node"] + arguments) as? Export)?.chosenFormat
        }
        #expect(try format() == .csv)
        #expect(try format("--output", "/x.y/rows.PARQUET") == .parquet)
        #expect(try format("--output", "rows.jsonl") == .jsonl)
        #expect(try format("--output", "rows.gz") == .csv)
        #expect(try format("--output", "rows.parquet", "--format", "csv") == .csv)
    }

    @Test("nodes are named with commas between")
    func nodes() throws {
        let export = try #require(
            try Peerscope.parseAsRoot(["export", "node", "--nodes", "a, b ,c"]) as? Export)
        #expect(export.nodeNames == ["a", "b", "c"])
    }

    @Test(
        "wrong usage is told before any database is asked",
        arguments: [
            ["export"], ["export", "node", "--format", "xml"], ["export", "node", "--nodes", ""],
            ["export", "node", "--nodes", ","], ["export", "node", "--output", ""],
            ["export", "node", "--output", "f", "--manifest", "f"], ["export", "node", "--manifest", "-"],
            ["export", "node", "--from", ""], ["txs", "--tx", "xyz"], ["txs", "--limit", "0"],
            ["txs", "--min-nodes", "0"], ["peers", "--about", "alice"], ["peers", "--limit", "0"],
            ["peers", "--about", "spies", "--node", "a"],
        ])
    func usage(arguments: [String]) {
        #expect(throws: (any Error).self) { try Peerscope.parseAsRoot(arguments) }
    }

    @Test("a name that is not there gets the nearest suggested, if any is near")
    func similarNames() {
        let names = ["node", "nodes_b", "block_arrival", "block_arrival_skew"]
        #expect(SimilarName.nearest("nod", in: names) == "node")
        #expect(SimilarName.nearest("Node", in: names) == "node")
        #expect(SimilarName.nearest("blok_arival", in: names) == "block_arrival")
        #expect(SimilarName.nearest("skew", in: names) == "block_arrival_skew")
        #expect(SimilarName.nearest("xyz", in: names) == nil)
        #expect(SimilarName.nearest("a", in: []) == nil)
        #expect(SimilarName.distance("kitten", "sitting") == 3)
    }

    // MARK: - Files

    @Test("a file has its name only when it is whole")
    func publishing() throws {
        try withFolder { folder in
            let path = folder + "/rows.csv"
            let file = try OutputFile(path, replaces: false)
            try file.write([UInt8]("abc".utf8))
            #expect(!FileManager.default.fileExists(atPath: path))
            try file.synchronize()
            try file.publish()
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "abc")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["rows.csv"])
        }
    }

    @Test("a file that is given up leaves nothing")
    func discarding() throws {
        try withFolder { folder in
            do {
                let file = try OutputFile(folder + "/rows.csv", replaces: false)
                try file.write([1, 2, 3])
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["rows.csv.partial"])
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
        }
    }

    @Test(
        "a file that is there is replaced only when that was asked for, and not before the new one is whole")
    func replacing() throws {
        try withFolder { folder in
            let path = folder + "/rows.csv"
            try Data("old".utf8).write(to: URL(filePath: path))
            let refused = usageError { _ = try OutputFile(path, replaces: false) }
            #expect(refused.contains("exists already") && refused.contains("--force"))
            let file = try OutputFile(path, replaces: true)
            try file.write([UInt8]("new".utf8))
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
            try file.publish()
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "new")
        }
    }

    @Test("what a killed export left is taken over, what a running one writes is not")
    func takingOver() throws {
        try withFolder { folder in
            let path = folder + "/rows.csv"
            try Data("rest of a killed one".utf8).write(to: URL(filePath: path + ".partial"))
            let file = try OutputFile(path, replaces: false)
            try file.write([UInt8]("new".utf8))
            #expect(
                usageError { _ = try OutputFile(path, replaces: false) }.contains("another export writes"))
            try file.publish()
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "new")
        }
    }

    @Test("devices, folders and missing folders are refused with what to do")
    func refusing() throws {
        try withFolder { folder in
            #expect(
                usageError { _ = try OutputFile("/dev/null", replaces: true) }.contains("no regular file"))
            #expect(usageError { _ = try OutputFile(folder, replaces: true) }.contains("no regular file"))
            #expect(
                usageError { _ = try OutputFile(folder + "/none/rows.csv", replaces: false) }
                    .contains("make the folder first"))
            // A link at the partial name would let somebody else choose which file is written.
            try FileManager.default.createSymbolicLink(
                atPath: folder + "/rows.csv.partial", withDestinationPath: folder + "/target")
            #expect(throws: ExportError.self) { _ = try OutputFile(folder + "/rows.csv", replaces: false) }
            #expect(!FileManager.default.fileExists(atPath: folder + "/target"))
        }
    }

    @Test("a plain file's bytes and SHA-256 are those of what was written")
    func hashing() throws {
        try withFolder { folder in
            let file = try OutputFile(folder + "/rows.csv", replaces: false)
            let writer = PlainWriter(.file(file))
            try writer.write([UInt8]("a".utf8))
            try writer.write([UInt8]("bc".utf8))
            let written = writer.finish()
            // The example of FIPS 180-2.
            #expect(
                written
                    == Written(
                        bytes: 3,
                        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))
        }
    }

    // MARK: - Progress

    /// A clock that a test moves.
    final class Clock {
        var now = 100.0
    }

    @Test("on a terminal progress is one line that is overwritten, and removed in the end")
    func terminal() {
        let clock = Clock()
        var printed: [String] = []
        var progress = Progress("t", expected: nil, width: 80, clock: { clock.now }) {
            printed.append($0)
        }
        progress.tick()
        #expect(printed.isEmpty)
        clock.now += 2.5
        progress.tick()
        #expect(printed == ["\rt: waiting for the first row, 2 s\u{1b}[K"])
        progress.expects(4000)
        clock.now += 2.5
        progress.add(rows: 1000, bytes: 5 << 20)
        #expect(
            printed.last == "\rt: 1000 of about 4000 rows (25 %), 5.00 MiB, 1.00 MiB/s, 15 s left\u{1b}[K")
        progress.add(rows: 1, bytes: 1)
        #expect(printed.count == 2)
        clock.now += 1
        progress.add(rows: 4000, bytes: 1)
        #expect(printed.last?.contains("t: 5001 rows, 5.00 MiB") == true)
        progress.clear()
        #expect(printed.last == "\r\u{1b}[K")
    }

    @Test("in a log progress is a plain line every ten seconds")
    func log() {
        let clock = Clock()
        var printed: [String] = []
        var progress = Progress("t", expected: 10, width: nil, clock: { clock.now }) {
            printed.append($0)
        }
        for _ in 0..<25 {
            clock.now += 1
            progress.add(rows: 100, bytes: 1000)
        }
        progress.clear()
        #expect(
            printed == [
                "peerscope: export t: 1000 rows, 9.77 KiB, 0.977 KiB/s\n",
                "peerscope: export t: 2000 rows, 19.5 KiB, 0.977 KiB/s\n",
            ])
    }

    // MARK: - Types

    @Test(
        "every type has its counterpart in Parquet",
        arguments: [
            (16, false, -1, "bool"), (21, false, -1, "int16"), (23, false, -1, "int32"),
            (20, false, -1, "int64"),
            (700, false, -1, "float"), (701, false, -1, "double"), (25, false, -1, "string"),
            (17, false, -1, "binary"), (1184, false, -1, "timestamp[us, UTC]"),
            (1114, false, -1, "timestamp[us]"),
            (1082, false, -1, "date"), (3802, false, -1, "string"), (1700, false, -1, "string"),
            // numeric(12, 3), numeric(40, 0), and numeric(2, -3), for which there is no type.
            (1700, false, (12 << 16 | 3) + 4, "decimal(12,3)"),
            (1700, false, (40 << 16) + 4, "decimal(40,0)"),
            (1700, false, (2 << 16 | 0x7fd) + 4, "string"), (17, true, -1, "list<binary>"),
        ])
    func arrow(oid: UInt32, isArray: Bool, modifier: Int, arrow: String) {
        #expect(ColumnType(name: "", oid: oid, isArray: isArray, modifier: modifier).arrow == arrow)
    }

    @Test("a document is JSON in the order of its members, on one line or for people")
    func documents() throws {
        let document = JSONValue.object([
            ("b", .array([.int(1), .text(nil), .string("é\"\n")])), ("a", .bool(true)),
            ("n", .number("1.50")),
            ("e", .array([])),
        ])
        #expect(document.text() == #"{"b": [1, null, "é\"\n"], "a": true, "n": 1.50, "e": []}"#)
        #expect(
            document.lines() == #"""
                {
                  "b": [
                    1,
                    null,
                    "é\"\n"
                  ],
                  "a": true,
                  "n": 1.50,
                  "e": []
                }
                """#)
    }
}
