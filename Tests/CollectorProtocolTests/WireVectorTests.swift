import ByteCodec
import CollectorProtocol
import Foundation
import Testing

/// The vectors under `Tests/Fixtures/wire`, read by the Swift decoders and by `decode_wire.py`, which knows
/// nothing but `schema/wire-protocol.md`.
@Suite struct WireVectorTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
        .appendingPathComponent("Fixtures/wire")

    static let accepted = [
        "hello", "welcome", "exchange", "batch-events", "batch-gap", "ack", "nack-quarantined", "nack-resume",
        "goodbye", "every-record",
    ]
    static let refused = ["refused-checksum", "refused-length", "refused-type", "refused-string-index"]

    static func bytes(of vector: String) throws -> [UInt8] {
        let text = try String(contentsOf: folder.appendingPathComponent("\(vector).hex"), encoding: .utf8)
        return try text.split(whereSeparator: \.isNewline).flatMap { line in
            try (line.split(separator: "#", omittingEmptySubsequences: false).first ?? "")
                .split(separator: " ").map { try #require(UInt8($0, radix: 16)) }
        }
    }

    /// What the Python decoder prints, and how it ended.
    static func python(_ stream: [UInt8]) throws -> (lines: [String], status: Int32) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", folder.appendingPathComponent("decode_wire.py").path]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        // The decoder reads all of its input before it prints, so that writing first cannot block for ever.
        try input.fileHandleForWriting.write(contentsOf: Data(stream))
        try input.fileHandleForWriting.close()
        let printed = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        let text = String(decoding: printed, as: UTF8.self)
        return (text.split(separator: "\n").map(String.init), process.terminationStatus)
    }

    @Test(arguments: accepted) func bothDecodersReadTheSame(vector: String) throws {
        let bytes = try Self.bytes(of: vector)
        let expected = try WireJSON.lines(of: bytes)
        let (lines, status) = try Self.python(bytes)
        #expect(status == 0 && lines == expected && !lines.isEmpty)
    }

    @Test(arguments: refused) func bothDecodersRefuse(vector: String) throws {
        let bytes = try Self.bytes(of: vector)
        #expect(throws: (any Error).self) { try WireJSON.lines(of: bytes) }
        let (lines, status) = try Self.python(bytes)
        #expect(status == 1 && lines.last?.contains("\"error\"") == true)
    }

    @Test func theVectorsAreWhatTheEncodersWrite() throws {
        for (vector, bytes) in WireVectors.all { #expect(try Self.bytes(of: vector) == bytes, "\(vector)") }
    }

    @Test func aWholeStreamFromTheEncodersIsReadByPython() throws {
        var stream = ByteWriter()
        Sample.hello().encode(into: &stream)
        Ping(id: 1, sent: 5).encode(into: &stream)
        for first in stride(from: UInt64(1), to: 400, by: 10) {
            stream.append(WireVectors.frame(Sample.batch(first: first, payload: Int(first))))
        }
        stream.append(WireVectors.frame(Sample.gap(first: 401, last: UInt64(Int64.max) - 1)))
        Goodbye(code: .done, reason: "größer \"als\" \\").encode(into: &stream)
        let (lines, status) = try Self.python(stream.bytes)
        #expect(status == 0)
        #expect(try lines == WireJSON.lines(of: stream.bytes))
    }

    @Test func bothDecodersAgreeOnDamagedBatches() throws {
        var generator = SeededGenerator(state: 6)
        let whole = Sample.everything()
        for _ in 0..<40 {
            var bytes = whole
            bytes[Int.random(in: 12..<bytes.count, using: &generator)] ^=
                1 << UInt8.random(in: 0...7, using: &generator)
            let stream = WireVectors.frame(withValidChecksum(bytes))
            let (lines, status) = try Self.python(stream)
            switch Result(catching: { try WireJSON.lines(of: stream) }) {
            case .success(let expected): #expect(status == 0 && lines == expected)
            case .failure(let error): #expect(status == 1, "only Swift refuses: \(error)")
            }
        }
    }
}
