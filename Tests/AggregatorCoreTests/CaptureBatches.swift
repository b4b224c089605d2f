import ByteCodec
import CollectorProtocol
import Foundation
import Tracepoints

/// A recorded capture turned into the batches that an agent would send, one stream a node.
struct CaptureBatches {
    /// One line of the capture.
    struct Event {
        let node: String
        let monotonic: UInt64
        let tracepoint: Tracepoint
        let arguments: [Any]
    }

    let events: [Event]
    /// Nodes in order of name.
    let nodes: [String]

    init(events: [Event]) {
        self.events = events
        nodes = Set(events.map(\.node)).sorted()
    }

    init(path: String, limit: Int = .max) throws {
        var events: [Event] = []
        for line in try Self.lines(path) where events.count < limit {
            guard let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
                let node = object["node"] as? String, let mono = object["mono_ns"] as? NSNumber,
                let probe = object["probe"] as? String, let tracepoint = Tracepoint(name: probe),
                let arguments = object["args"] as? [Any]
            else { continue }
            events.append(
                Event(
                    node: node, monotonic: mono.uint64Value, tracepoint: tracepoint, arguments: arguments))
        }
        self.events = events
        nodes = Set(events.map(\.node)).sorted()
    }

    private static func lines(_ path: String) throws -> [Substring] {
        let unzip = Process()
        unzip.executableURL = URL(fileURLWithPath: "/bin/gzip")
        unzip.arguments = ["-dc", path]
        let pipe = Pipe()
        unzip.standardOutput = pipe
        try unzip.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        unzip.waitUntilExit()
        return text.split(separator: "\n")
    }

    /// Events of a node by tracepoint.
    func counts(of node: String) -> [Tracepoint: Int] {
        events.reduce(into: [:]) { if $1.node == node { $0[$1.tracepoint, default: 0] += 1 } }
    }

    static let boot = BootID(text: "01234567-89ab-cdef-0123-456789abcdef") ?? .zero

    /// The batches of `node`: `size` records each, the last event `now`, a clock pair every ten seconds.
    func batches(of node: String, size: Int = 500, now: Int64) -> [[UInt8]] {
        guard let last = events.map(\.monotonic).max(), let index = nodes.firstIndex(of: node) else {
            return []
        }
        let stream = streamID(of: node)
        let run = stream &* 3 + 1
        var builder = BatchBuilder(node: node, streamID: stream, bootID: Self.boot)
        var batches: [[UInt8]] = []
        var next: UInt64 = 1
        var clk: UInt32 = 0
        var base: UInt64 = 0
        var hits: [Tracepoint: UInt64] = [:]
        func seal() {
            guard !builder.isEmpty else { return }
            var out = ByteWriter()
            next = builder.seal(firstSequence: next, ringEpoch: 1, ringEnd: next, into: &out).lastSequence + 1
            batches.append(out.bytes)
        }
        for event in events.filter({ $0.node == node }).sorted(by: { $0.monotonic < $1.monotonic }) {
            if clk == 0 || event.monotonic > base + 10_000_000_000 {
                seal()
                clk += 1
                base = event.monotonic
                builder.setClock(
                    clk: clk, baseMonotonic: base, baseRealtime: now - Int64(last - base))
                if clk == 1 { begin(&builder, run: run, pid: UInt64(1000 + index), at: base) }
                sample(&builder, at: base, offset: now - Int64(last))
            }
            append(event, run: run, to: &builder)
            hits[event.tracepoint, default: 0] += 1
            if builder.recordCount >= size { seal() }
        }
        let entries = hits.sorted { $0.key.rawValue < $1.key.rawValue }.map {
            CounterEntry(
                tracepoint: $0.key.rawValue, hits: $0.value, counted: 0, lostRing: 0, lostUnreadable: 0,
                lostUser: 0)
        }
        ControlRecord.counters(Counters(entries: entries)).encode(into: &builder, run: run, monotonic: last)
        seal()
        return batches
    }

    func streamID(of node: String) -> UInt64 { UInt64(nodes.firstIndex(of: node) ?? 0) + 1000 }

    private func begin(_ builder: inout BatchBuilder, run: UInt64, pid: UInt64, at time: UInt64) {
        ControlRecord.processStart(
            ProcessStart(
                pid: pid, startTicks: 100, startedMonotonic: time, executable: "/usr/bin/bitcoind", device: 1,
                inode: 2)
        ).encode(into: &builder, run: run, monotonic: time)
        for tracepoint in Tracepoint.allCases {
            ControlRecord.coverage(
                Coverage(tracepoint: tracepoint.rawValue, fromMonotonic: time, toMonotonic: 0)
            ).encode(into: &builder, run: run, monotonic: time)
        }
    }

    private func sample(_ builder: inout BatchBuilder, at time: UInt64, offset: Int64) {
        ControlRecord.clockSample(
            ClockSample(
                lowNanoseconds: 0, highNanoseconds: 0, reference: Self.boot, referenceOffset: offset,
                aggregatorRealMinusMono: offset, aggregatorMaxError: .max, aggregatorSynchronised: false,
                nodeRealMinusMono: offset, nodeMaxError: .max, nodeSynchronised: false)
        ).encode(into: &builder, run: nil, monotonic: time)
    }

    private func append(_ event: Event, run: UInt64, to builder: inout BatchBuilder) {
        let absent = event.arguments.count < event.tracepoint.arguments.count
        builder.begin(
            kind: event.tracepoint.rawValue, flags: absent ? [.optionalAbsent] : [], run: run, tid: 7,
            monotonic: event.monotonic)
        for (argument, value) in zip(event.tracepoint.arguments, event.arguments) {
            switch argument.kind {
            case .signed: builder.signed((value as? NSNumber)?.int64Value ?? 0)
            case .unsigned: builder.unsigned((value as? NSNumber)?.uint64Value ?? 0)
            case .boolean: builder.boolean((value as? NSNumber)?.boolValue ?? false)
            case .string:
                // Bytes where the text is none.
                let text = value as? [UInt8] ?? Array(((value as? String) ?? "").utf8)
                builder.string(text.span.raw)
            case .hash: builder.hash(Self.bytes(value).span.raw)
            case .payload: builder.payload(Self.bytes(value).span.raw)
            }
        }
        builder.end()
    }

    private static func bytes(_ value: Any) -> [UInt8] {
        if let bytes = value as? [UInt8] { return bytes }
        let digits = Array(((value as? String) ?? "").utf8)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
        }
    }
}
