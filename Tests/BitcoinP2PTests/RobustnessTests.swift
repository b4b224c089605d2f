import BitcoinP2P
import Foundation
import Testing

@Suite struct RobustnessTests {
    private func check(_ type: MessageType, _ payload: [UInt8], missing: Int = 0) {
        let promise = Promises.broken(type, payload.raw, missing: missing)
        #expect(promise == nil, "\(type) \(payload.hexDigits) \(missing)")
    }

    @Test(arguments: MessageType.allCases)
    func `random bytes never trap, and no decoder breaks its promises`(type: MessageType) {
        var generator = SeededGenerator(seed: 413_567)
        for _ in 0..<1500 {
            var payload = generator.bytes(Int.random(in: 0...200, using: &generator))
            // Small counts and lengths lead deeper than random ones.
            if Bool.random(using: &generator) {
                for index in payload.indices where UInt8.random(in: 0...2, using: &generator) > 0 {
                    payload[index] &= 3
                }
            }
            check(type, payload, missing: Int.random(in: 0...300, using: &generator))
            // A size that is less than what was handed over.
            let size = Int.random(in: 0...payload.count, using: &generator)
            #expect(type.status(of: payload, size: size) != .truncated)
        }
        #expect(type.status(of: [], size: -1) != .truncated)
        #expect(type.status(of: [1], size: .max) == .malformed)
        #expect(type.status(of: repeated(0xff, 200), size: .max) == .malformed)
    }

    @Test func `captured messages with a few bytes changed never trap`() {
        var generator = SeededGenerator(seed: 2)
        for message in Capture.regtest6.messages where message.payload.count < 3000 {
            guard let type = MessageType(name: message.name), !message.payload.isEmpty else { continue }
            var payload = message.payload
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<payload.count, using: &generator)
                payload[place] = [0, 1, 0x7f, 0xfc, 0xfd, 0xfe, 0xff].randomElement(using: &generator) ?? 0
            }
            check(type, payload, missing: Int.random(in: 0...300, using: &generator))
        }
    }

    /// The seeds of Tests/Fuzz, and what the fuzzer found to lead to further code.
    @Test func `the fuzzer's corpus breaks no promise`() throws {
        let file = fixture("../Fuzz/Corpus/p2p.txt")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        #expect(lines.count > 100)
        for line in lines {
            let input = bytes(String(line))
            try #require(input.count >= 2)
            let type = MessageType.allCases[Int(input[0]) % MessageType.allCases.count]
            // A seed says behind `#` what it is; one for another type would mean that the order has changed.
            if let comment = line.firstRange(of: "# ") {
                #expect(line[comment.upperBound...].hasPrefix(type.rawValue + ":"))
            }
            check(type, [UInt8](input.dropFirst(2)), missing: Int(input[1]))
        }
    }

    @Test func `random text is a peer's address or is not, and never traps`() {
        var generator = SeededGenerator(seed: 3)
        let alphabet = [UInt8]("0123456789abcdef:.[]%onioi2p".utf8)
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0...24, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator) ?? 0
            }
            let peer = PeerAddress(text.raw)
            if let address = peer.address { #expect(PeerAddress(address.description).address == address) }
        }
    }
}
