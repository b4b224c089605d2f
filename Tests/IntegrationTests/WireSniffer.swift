import Foundation

/// tshark on the loopback interface, for what can be read on the way.
final class WireSniffer {
    static let isAvailable = geteuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/tshark")

    private let program: Program
    private let file: String

    /// Begins to record what goes through a port.
    init(port: Int, folder: String) throws {
        file = folder + "/wire-\(UUID().uuidString.prefix(8)).pcapng"
        program = try Program(
            "/usr/bin/tshark", ["-i", "lo", "-f", "tcp port \(port)", "-w", file, "-q"],
            log: file + ".log")
        try program.awaitText("Capturing on")
        // What it says is true a moment later.
        usleep(500_000)
    }

    /// Ends recording and gives every TCP payload.
    func payloads() throws -> [[UInt8]] {
        usleep(500_000)
        program.end(SIGINT)
        return try fields("tcp.payload", filter: "tcp.len > 0").map(Self.bytes)
    }

    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.utf8.compactMap { digit -> UInt8? in
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
            default: nil
            }
        }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// A field of every packet that the filter lets through, as tshark understands port `port`.
    func fields(_ field: String, filter: String, port: Int? = nil) throws -> [String] {
        let decode = port.map { ["-d", "tcp.port==\($0),tls"] } ?? []
        let found = try Program.output(
            "/usr/bin/tshark", ["-r", file] + decode + ["-Y", filter, "-T", "fields", "-e", field])
        guard found.status == 0 else { throw FleetFailure("tshark: \(found.text)") }
        return found.text.split(separator: "\n").map(String.init).filter {
            !$0.hasPrefix("Running as user")
        }
    }

    /// Every run of at least `length` printable characters.
    static func readable(_ payloads: [[UInt8]], length: Int) -> [String] {
        var found: [String] = []
        for payload in payloads {
            for run in payload.split(whereSeparator: { !(0x20...0x7e).contains($0) })
            where run.count >= length {
                found.append(String(decoding: run, as: UTF8.self))
            }
        }
        return found
    }
}
