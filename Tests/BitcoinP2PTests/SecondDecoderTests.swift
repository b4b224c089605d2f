import BitcoinP2P
import Foundation
import Testing

/// A decoder in another language, written from the specifications, has to say the same of every message: how
/// its decode ends, and each field.
@Suite struct SecondDecoderTests {
    @Test(arguments: [Capture.regtest6, .addrman4])
    func `it agrees on every field of every captured message`(capture: Capture) {
        let ours = capture.messages.map { line($0.name, $0.payload, size: $0.payload.count) }
        expectAgreement(ours, with: capture.url.path)
    }

    @Test func `it agrees on every field of the mainnet block`() {
        let payload = MainnetBlock.payload
        let ours = line("block", payload, size: payload.count)
        #expect(ours.matches(of: /txid=/).count == 2 * 1557)
        expectAgreement([ours], with: fixture("captures/mainnet-block-413567.raw").path)
    }

    @Test(arguments: MessageType.allCases)
    func `it agrees on the messages in annotated hex`(type: MessageType) {
        let vectors = MessageVector.all.filter { $0.type == type }
        #expect(!vectors.isEmpty)
        expectAgreement(
            vectors.map { line(type.rawValue, $0.payload, size: $0.payload.count) },
            with: fixture("messages/\(type.rawValue).hex").path)
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `it agrees on messages with changed, missing and added bytes`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let samples = Samples.ofEveryType
        let texts = FileManager.default.temporaryDirectory.appendingPathComponent(
            "changed-messages-\(UUID().uuidString).txt")
        defer { try? FileManager.default.removeItem(at: texts) }
        var ours: [String] = []
        var input = ""
        for _ in 0..<6000 {
            guard let (type, original) = samples.randomElement(using: &generator) else { continue }
            let (payload, size) = changed(original, using: &generator)
            ours.append(line(type.rawValue, payload, size: size))
            input += "\(type.rawValue) \(size) \(payload.hexDigits)\n"
        }
        try input.write(to: texts, atomically: true, encoding: .utf8)
        expectAgreement(ours, with: texts.path)
        // Every way a decode can end has to be among them, or they prove little.
        for status in [DecodeStatus.ok, .trailing, .malformed, .truncated] {
            #expect(ours.count { $0.contains(" \(status.rawValue)") } > 100, "\(status)")
        }
    }

    private func line(_ name: String, _ payload: [UInt8], size: Int) -> String {
        guard let type = MessageType(name: name) else { return "\(name) unknown" }
        return MessageFields(type, payload.raw, size: size).line(name)
    }

    private func expectAgreement(_ ours: [String], with path: String) {
        let script = fixture("decode-messages.py").path
        let theirs = run("/usr/bin/env", "python3", script, path).split(separator: "\n")
        #expect(ours.count == theirs.count)
        let differing = zip(ours, theirs).filter { $0 != $1 }
        #expect(differing.isEmpty, "\(differing.count) differ, of which \(differing.prefix(2))")
    }

    /// A message with some bytes changed, or cut off, or added, and the size that it claims to have.
    private func changed(
        _ original: [UInt8], using generator: inout SeededGenerator
    ) -> (payload: [UInt8], size: Int) {
        var payload = original
        for _ in 0..<Int.random(in: 0...2, using: &generator) where !payload.isEmpty {
            // Counts and lengths stand in front more often than behind.
            let end = Bool.random(using: &generator) ? payload.count : min(payload.count, 100)
            let place = Int.random(in: 0..<end, using: &generator)
            payload[place] =
                Bool.random(using: &generator)
                ? [0, 1, 0x7f, 0x80, 0xfc, 0xfd, 0xfe, 0xff].randomElement(using: &generator) ?? 0
                : UInt8.random(in: .min ... .max, using: &generator)
        }
        var size = payload.count
        switch Int.random(in: 0...5, using: &generator) {
        case 0:
            payload.removeLast(Int.random(in: 0...payload.count, using: &generator))
        case 1:
            payload.removeLast(Int.random(in: 0...payload.count, using: &generator))
            size = payload.count
        case 2:
            payload += generator.bytes(Int.random(in: 0...40, using: &generator))
            size = payload.count
        case 3:
            size += Int.random(in: 0...100, using: &generator)
        default:
            break
        }
        return (payload, size)
    }
}

/// Well-formed messages of every type, a few captured ones and those in annotated hex.
enum Samples {
    static let ofEveryType: [(MessageType, [UInt8])] = {
        var samples = MessageVector.all.map { ($0.type, $0.payload) }
        var seen: [MessageType: Set<Int>] = [:]
        for message in Capture.regtest6.messages where message.payload.count < 2000 {
            guard let type = MessageType(name: message.name),
                seen[type, default: []].count < 6,
                // Messages of one size are mostly alike.
                seen[type, default: []].insert(message.payload.count).inserted,
                type.status(of: message.payload) == .ok
            else { continue }
            samples.append((type, message.payload))
        }
        return samples
    }()
}
