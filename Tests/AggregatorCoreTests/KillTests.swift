import ByteCodec
import CPlatform
import CollectorProtocol
import Foundation
import PostgreSQL
import Testing

@testable import AggregatorCore

/// The program itself, killed in the middle.
@Suite(.database, .serialized)
struct KillTests {
    /// `peerscope-aggregator run` on the suite's server, and the port it chose.
    private static func launch(_ conninfo: String) throws -> (process: Process, port: Int) {
        let process = Process()
        let checkout = #filePath.components(separatedBy: "/Tests/")[0]
        let tests = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        let candidates = [tests.path, checkout + "/.build/debug", checkout + "/.build/release"]
        let program = candidates.map { $0 + "/peerscope-aggregator" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
        process.executableURL = URL(fileURLWithPath: try #require(program))
        process.arguments = [
            "run", "--database", conninfo, "--listen", "127.0.0.1:0", "--payloads", "all", "--data-dir",
            WithDatabase.folder + "/data", "--log-level", "error", "--digest-interval", "0",
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        var line: [UInt8] = []
        while line.last != UInt8(ascii: "\n") {
            let piece = pipe.fileHandleForReading.availableData
            guard !piece.isEmpty else { break }
            line += piece
        }
        let text = String(decoding: line, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        let port = try #require(text.split(separator: ":").last.flatMap { Int($0) })
        return (process, port)
    }

    @Test func killingTheAggregatorChangesNoRow() throws {
        let capture = try CaptureBatches(path: IngestTests.capture)
        let now = ps_realtime_ns()
        let batches = Dictionary(
            uniqueKeysWithValues: capture.nodes.map { ($0, capture.batches(of: $0, size: 200, now: now)) })
        let whole = try WithDatabase.fresh()
        let once = try WithDatabase.aggregator(whole)
        try IngestTests.send(batches, of: capture, to: once)
        once.stop()

        // Round robin over the nodes, so that every kill hits all streams in their middle.
        let longest = batches.values.map(\.count).max() ?? 0
        let mixed = (0..<longest).flatMap { index in
            capture.nodes.compactMap { node in
                batches[node].flatMap { $0.indices.contains(index) ? $0[index] : nil }
            }
        }
        let killed = try WithDatabase.fresh()
        var positions: Set<UInt64> = []
        for allowance in [15, 25, 10, 30, Int.max] {
            let (process, port) = try Self.launch(killed)
            let agent = try TestAgent(port: port)
            let welcome = try agent.greet(capture.nodes.map { ($0, capture.streamID(of: $0)) })
            positions.insert(welcome.streams.map(\.durableSequence).reduce(0, +))
            var wanted: [UInt64: UInt64] = [:]
            for batch in mixed.filter({ Self.isNew($0, welcome) }).prefix(allowance) {
                try agent.send(batch: batch)
                let header = try BatchHeader.read(batch.span.raw)
                wanted[header.streamID] = header.lastSequence
                // A trickle, so that it takes many transactions, and the kill comes in the middle of one.
                Thread.sleep(forTimeInterval: 0.025)
            }
            if allowance == .max {
                try agent.awaitCommitted(wanted)
                process.terminate()
            } else {
                kill(process.processIdentifier, SIGKILL)
            }
            process.waitUntilExit()
        }
        #expect(positions.count >= 3)
        let expected = try IngestTests.contents(whole)
        let found = try IngestTests.contents(killed)
        for table in expected.keys.sorted() {
            #expect(found[table] == expected[table], "rows of \(table)")
        }
    }

    private static func isNew(_ batch: [UInt8], _ welcome: Welcome) -> Bool {
        guard let header = try? BatchHeader.read(batch.span.raw) else { return false }
        let known = welcome.streams.first { $0.streamID == header.streamID }?.durableSequence ?? 0
        return header.lastSequence > known
    }
}
