import CaptureFormat
import CollectorProtocol
import Tracepoints

/// The events of a capture, ready to be written into batches again and again.
struct CapturedEvents {
    enum Argument {
        case number(Int64)
        case text([UInt8])
        case bytes([UInt8])
        case truth(Bool)
    }

    struct Event {
        let tracepoint: Tracepoint
        /// The node that said it.
        let node: String
        let monotonic: UInt64
        let arguments: [Argument]
    }

    /// In the order of time.
    let events: [Event]
    /// Nanoseconds from the first to the last.
    let duration: UInt64

    init(path: String) throws {
        var events: [Event] = []
        try CaptureFile.forEachLine(of: path) { _, line throws(CaptureError) in
            let value = try JSONLine.parse(line)
            guard case .string(let probe)? = value["probe"],
                let tracepoint = Tracepoint(name: String(decoding: probe, as: UTF8.self)),
                case .string(let node)? = value["node"], case .integer(_, let monotonic)? = value["mono_ns"],
                case .array(let values)? = value["args"]
            else { return }
            events.append(
                Event(
                    tracepoint: tracepoint, node: String(decoding: node, as: UTF8.self), monotonic: monotonic,
                    arguments: zip(tracepoint.arguments, values).map { Self.argument($0.kind, $1) }))
        }
        self.events = events.sorted { $0.monotonic < $1.monotonic }
        duration = (self.events.last?.monotonic ?? 0) - (self.events.first?.monotonic ?? 0)
    }

    private static func argument(_ kind: Tracepoint.ArgumentKind, _ value: JSONValue) -> Argument {
        switch (kind, value) {
        case (.boolean, .boolean(let truth)): .truth(truth)
        case (.hash, .string(let hex)), (.payload, .string(let hex)): .bytes(unhex(hex))
        case (_, .string(let text)): .text(text)
        case (_, .integer(let negative, let magnitude)):
            .number(negative ? 0 &- Int64(bitPattern: magnitude) : Int64(bitPattern: magnitude))
        default: .number(0)
        }
    }

    private static func unhex(_ hex: [UInt8]) -> [UInt8] {
        func digit(_ character: UInt8) -> UInt8 {
            character <= UInt8(ascii: "9")
                ? character - UInt8(ascii: "0") : character - UInt8(ascii: "a") + 10
        }
        return stride(from: 0, to: hex.count - 1, by: 2).map { digit(hex[$0]) << 4 | digit(hex[$0 + 1]) }
    }
}
