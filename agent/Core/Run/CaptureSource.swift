import ByteCodec
import CaptureFormat
import CollectorProtocol
import Crypto
import Glibc
import Logging
import Tracepoints

/// The second source: a capture file, fed into the same streams that eBPF would fill.
///
/// All nodes of a capture share one monotonic clock, so their times compare exactly: the clock samples say so.
/// Feeding is resumed where it was cut off, since a batch's ring position is the event's place in the file.
struct CaptureSource {
    struct Event {
        let monotonic: UInt64
        let tracepoint: Tracepoint
        let arguments: [JSONValue]
    }

    /// Each node's events in the order of time.
    let events: [String: [Event]]
    /// Each node's process.
    let processes: [String: UInt64]
    /// CLOCK_MONOTONIC of the first event of any node.
    let first: UInt64
    /// CLOCK_MONOTONIC of the last event of any node.
    let last: UInt64
    /// Names the capture: from the SHA-256 of its events.
    let identity: BootID
    let epoch: UInt64

    init(path: String) throws {
        var events: [String: [Event]] = [:]
        var processes: [String: UInt64] = [:]
        var hash = SHA256()
        try CaptureFile.forEachLine(of: path) { number, line throws(CaptureError) in
            hash.update(data: line)
            let parsed: (node: String, pid: UInt64, event: Event)
            do throws(CaptureError) { parsed = try Self.parse(line) } catch { throw error.at(line: number) }
            events[parsed.node, default: []].append(parsed.event)
            processes[parsed.node] = parsed.pid
        }
        for node in events.keys {
            // Stable, since equal times keep their order in the file.
            events[node] = events[node]?.enumerated()
                .sorted { ($0.element.monotonic, $0.offset) < ($1.element.monotonic, $1.offset) }.map(
                    \.element)
        }
        self.events = events
        self.processes = processes
        first = events.values.compactMap { $0.first?.monotonic }.min() ?? 0
        last = events.values.compactMap { $0.last?.monotonic }.max() ?? 0
        let digest = Array(hash.finalize())
        var reader = ByteReader(digest.span.raw)
        identity = try BootID(&reader)
        epoch = max(1, try reader.u64() & UInt64(Int64.max))
    }

    private static func parse(_ line: [UInt8]) throws(CaptureError) -> (String, UInt64, Event) {
        let object = try JSONLine.parse(line)
        guard case .string(let node)? = object["node"],
            case .integer(false, let monotonic)? = object["mono_ns"],
            case .string(let probe)? = object["probe"], case .array(let arguments)? = object["args"]
        else {
            throw CaptureError(
                "an event needs node, mono_ns, probe and args",
                advice: #"a line is {"node":…,"mono_ns":…,"probe":"provider:probe","args":[…]}"#)
        }
        let name = String(decoding: probe, as: UTF8.self)
        guard let tracepoint = Tracepoint(name: name) else {
            throw CaptureError("unknown tracepoint \"\(name)\"", advice: "see `peerscope-agent probes`")
        }
        var pid: UInt64 = 0
        if case .integer(false, let number)? = object["pid"] { pid = number }
        return (
            String(decoding: node, as: UTF8.self), pid,
            Event(monotonic: monotonic, tracepoint: tracepoint, arguments: arguments)
        )
    }

    /// Appends an event to `builder`, argument by argument as the catalogue says.
    static func write(_ event: Event, run: UInt64, into builder: inout BatchBuilder) throws(CaptureError) {
        let kinds = event.tracepoint.arguments
        let absent = kinds.count - event.arguments.count
        guard absent >= 0, absent <= event.tracepoint.optionalArguments else {
            throw CaptureError(
                "\(event.tracepoint.name) has \(event.arguments.count) arguments",
                advice: "it should have \(kinds.count): \(kinds.map(\.name).joined(separator: ", "))")
        }
        // Everything is converted before anything is written, so that a bad argument leaves no half record.
        var hashes: [[UInt8]] = []
        for (kind, value) in zip(kinds, event.arguments) {
            switch kind.kind {
            case .hash, .payload: hashes.append(try bytes(value, kind.name))
            case .string: if case .string = value { break } else { throw wrong(kind.name, value) }
            case .boolean: if case .boolean = value { break } else { throw wrong(kind.name, value) }
            case .signed, .unsigned: if case .integer = value { break } else { throw wrong(kind.name, value) }
            }
        }
        builder.begin(
            kind: event.tracepoint.rawValue, flags: absent > 0 ? [.optionalAbsent] : [], run: run, tid: 0,
            monotonic: event.monotonic)
        var next = hashes.makeIterator()
        for (kind, value) in zip(kinds, event.arguments) {
            switch (kind.kind, value) {
            case (.hash, _): if let hash = next.next() { builder.hash(hash.span.raw) }
            case (.payload, _): if let payload = next.next() { builder.payload(payload.span.raw) }
            case (.signed, .integer(let negative, let magnitude)):
                let value = Int64(truncatingIfNeeded: magnitude)
                builder.signed(negative ? 0 &- value : value)
            case (.unsigned, .integer(_, let magnitude)): builder.unsigned(magnitude)
            case (.boolean, .boolean(let flag)): builder.boolean(flag)
            case (.string, .string(let text)): builder.string(text.span.raw)
            default: break
            }
        }
        builder.end()
    }

    private static func wrong(_ name: String, _ value: JSONValue) -> CaptureError {
        CaptureError("\(name) is \(value.shown)", advice: "is the file a whole capture?")
    }

    private static func bytes(_ value: JSONValue, _ name: String) throws(CaptureError) -> [UInt8] {
        guard case .string(let digits) = value, digits.count.isMultiple(of: 2) else {
            throw wrong(name, value)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = hexDigit(digits[index]), let low = hexDigit(digits[index + 1]) else {
                throw wrong(name, value)
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}
