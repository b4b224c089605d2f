import BitcoinP2P
import ByteCodec
import Foundation

/// Bytes written in hex; whatever stands behind `//` or `#` on a line explains it.
func bytes(_ annotated: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var high: UInt8?
    for line in annotated.utf8.split(separator: UInt8(ascii: "\n")) {
        for character in line {
            if character == UInt8(ascii: "/") || character == UInt8(ascii: "#") { break }
            guard character != UInt8(ascii: " ") else { continue }
            guard let digit = Character(UnicodeScalar(character)).hexDigitValue else {
                preconditionFailure("not hex: \(annotated)")
            }
            if let first = high {
                bytes.append(first << 4 | UInt8(digit))
                high = nil
            } else {
                high = UInt8(digit)
            }
        }
    }
    precondition(high == nil, "half a byte at the end")
    return bytes
}

/// The bytes that a capture holds in hex, without any annotation.
private func captured(_ hex: String) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(hex.utf8.count / 2)
    var high: UInt8?
    for digit in hex.utf8 {
        let value = digit <= UInt8(ascii: "9") ? digit & 15 : digit & 15 + 9
        if let first = high {
            bytes.append(first << 4 | value)
            high = nil
        } else {
            high = value
        }
    }
    return bytes
}

/// The same byte many times over.
func repeated(_ byte: UInt8, _ count: Int) -> [UInt8] { [UInt8](repeating: byte, count: count) }

/// A number in the variable length of Bitcoin's protocol, up to 32 bits.
func compactSize(_ value: Int) -> [UInt8] {
    value < 0xfd
        ? [UInt8(value)]
        : value <= 0xffff
            ? [0xfd, UInt8(value & 0xff), UInt8(value >> 8)]
            : [0xfe] + (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}

extension [UInt8] {
    /// These bytes, borrowed.
    var raw: RawSpan { span.rawBytes }

    /// These bytes in lower-case hex.
    var hexDigits: String { BitcoinP2PTests.hexDigits(raw) }
}

extension MessageType {
    /// How the decode of a whole message of these bytes ends, or of one of `size` that was cut to them.
    func status(of message: [UInt8], size: Int? = nil) -> DecodeStatus {
        status(of: message.raw, size: size ?? message.count)
    }

    /// The type of that name.
    init?(name: String) {
        self.init([UInt8](name.utf8).raw)
    }
}

/// SplitMix64: the same numbers for the same seed, so that a found case can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &self) }
    }
}

/// A message of a captured node.
struct CapturedMessage: Sendable {
    let name: String
    let peer: String
    let payload: [UInt8]
}

/// A message in annotated hex, of a type that the captures may not hold.
struct MessageVector: Sendable, CustomStringConvertible {
    let type: MessageType
    let title: String
    let payload: [UInt8]

    var description: String { "\(type.rawValue): \(title)" }

    /// The messages of Tests/Fixtures/messages: a file a type, with an empty line between two messages.
    static let all = MessageType.allCases.flatMap { type in
        let text = try? String(contentsOf: fixture("messages/\(type.rawValue).hex"), encoding: .utf8)
        return (text ?? "").split(separator: "\n\n").map { paragraph in
            let title = paragraph.split(separator: "\n").first.map { $0.drop { "# ".contains($0) } }
            return MessageVector(type: type, title: String(title ?? ""), payload: bytes(String(paragraph)))
        }
    }
}

/// What a capture holds, as far as the decoder is concerned.
struct Capture: Sendable, CustomStringConvertible {
    static let regtest6 = Capture("regtest6")
    static let addrman4 = Capture("addrman4")

    let description: String
    let url: URL
    let messages: [CapturedMessage]
    /// Hashes of `validation:block_connected`, in wire order.
    let connected: [Hash256: Int]

    private init(_ name: String) {
        description = name
        url = fixture("captures/\(name).jsonl.gz")
        var messages: [CapturedMessage] = []
        var connected: [Hash256: Int] = [:]
        for line in run("/usr/bin/env", "gzip", "-dc", url.path).split(separator: "\n") {
            guard let event = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
                let probe = event["probe"] as? String, let arguments = event["args"] as? [Any]
            else { continue }
            if probe == "net:inbound_message" || probe == "net:outbound_message",
                let peer = arguments[1] as? String, let name = arguments[3] as? String,
                let hex = arguments[5] as? String
            {
                messages.append(CapturedMessage(name: name, peer: peer, payload: captured(hex)))
            } else if probe == "validation:block_connected", let hex = arguments[0] as? String,
                let height = arguments[1] as? Int,
                let hash = Hash256(captured(hex).raw)
            {
                connected[hash] = height
            }
        }
        self.messages = messages
        self.connected = connected
    }
}

/// A file under Tests/Fixtures.
func fixture(_ path: String) -> URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/\(path)")
}

/// What a program prints.
func run(_ program: String, _ arguments: String...) -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    do {
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    } catch {
        return ""
    }
}
