import ArgumentParser
import ByteCodec
import CollectorProtocol
import Foundation
import Tracepoints

/// `peerscope-load spool`: the state folder of an agent whose spools are full.
struct SpoolCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spool", abstract: "Fill the spools of an agent.",
        discussion: """
            Writes FOLDER/nodes/load0 … as an agent that could not send would have left them, and FOLDER.jsonl, a \
            capture with one event of each node: `peerscope-agent run --capture FOLDER.jsonl` with that state sends \
            everything. The segments can also be given to `peerscope-aggregator replay`. Plain events are inbound \
            messages with a payload of 37 bytes that make a row of p2p_message and little else. With --capture they are \
            the capture's, again and again, each time as another process, with other transactions.
            """)

    @Option(help: "The state folder.") var state: String
    @Option(help: "Streams, each of a node of its own.") var streams = 8
    @Option(help: "Events in all.") var events = 1_000_000
    @Option(help: "Events a second of each node, which spreads them over time.") var rate = 2000
    @Option(help: "Capture to take the events from.") var capture: String?

    func run() throws {
        let captured = try capture.map { try CapturedEvents(path: $0) }
        let each = events / streams
        var lines = ""
        for stream in 0..<streams {
            let folder = "\(state)/nodes/load\(stream)"
            try FileManager.default.createDirectory(
                atPath: folder + "/spool", withIntermediateDirectories: true)
            var writer = SegmentWriter(
                stream: stream, events: each, nanosecondsPerEvent: UInt64(1_000_000_000 / rate),
                folder: folder + "/spool")
            if let captured {
                try writer.repeatEvents(captured, count: each)
            } else {
                try writer.plain(count: each)
            }
            try writer.finish()
            try write("\(folder)/stream", Array("\(writer.streamID)\n".utf8))
            try write("\(folder)/lease", Array("\(writer.next) clean\n".utf8))
            lines += """
                {"node":"load\(stream)","pid":1,"mono_ns":1000,"probe":"mempool:rejected","args":["\(String(repeating: "00", count: 32))","end"]}

                """
        }
        try write(state + ".jsonl", Array(lines.utf8))
    }
}

func write(_ path: String, _ bytes: [UInt8]) throws {
    guard FileManager.default.createFile(atPath: path, contents: Data(bytes)) else {
        throw ValidationError("cannot write \(path)")
    }
}

/// Writes the batches of one stream, the last event now.
struct SegmentWriter {
    let streamID: UInt64
    /// The sequence number behind the last.
    private(set) var next: UInt64 = 1
    private let folder: String
    private var out = ByteWriter(capacity: 1 << 20)
    /// First number of the segment at hand.
    private var first: UInt64 = 1
    private var builder: BatchBuilder
    private var clk: UInt32 = 0
    private var now: UInt64 = 1_000_000_000_000
    private let step: UInt64
    private let offset: Int64
    private var run: UInt64
    private var hits = [UInt64](repeating: 0, count: 32)

    init(stream: Int, events: Int, nanosecondsPerEvent: UInt64, folder: String) {
        self.folder = folder
        streamID = UInt64(9_000_000 + stream)
        let boot = BootID(text: "01234567-89ab-cdef-0123-456789abcdef") ?? .zero
        builder = BatchBuilder(node: "load\(stream)", streamID: streamID, bootID: boot)
        step = nanosecondsPerEvent
        run = UInt64(stream + 1) << 32
        let host = hostClock()
        let realtime = Int64(host.monotonic) + host.offset
        offset = realtime - Int64(now) - Int64(UInt64(events) * nanosecondsPerEvent)
    }

    /// Inbound messages of 37 bytes.
    mutating func plain(count: Int) throws {
        try start()
        for number in 0..<count {
            advance()
            hits[Int(Tracepoint.inboundMessage.rawValue)] += 1
            builder.plainMessage(number, run: run, now: now)
            try sealIfFull()
        }
    }

    /// The capture's events over and over.
    mutating func repeatEvents(_ captured: CapturedEvents, count: Int) throws {
        var written = 0
        var cycle: UInt32 = 0
        while written < count {
            // The counters of the process before belong to it.
            try seal()
            run += 1
            cycle += 1
            try start()
            for event in captured.events.prefix(count - written) {
                advance()
                begin(event.tracepoint, absent: event.arguments.count < event.tracepoint.arguments.count)
                append(event, cycle: cycle)
                builder.end()
                written += 1
                try sealIfFull()
            }
        }
    }

    mutating func finish() throws {
        try seal()
        try close()
    }

    /// Writes the segment at hand to its file.
    private mutating func close() throws {
        guard !out.bytes.isEmpty else { return }
        let digits = String(first)
        let name = String(repeating: "0", count: 20 - digits.count) + digits
        try write("\(folder)/\(name).batches", out.bytes)
        out.removeAll()
        first = next
    }

    private mutating func start() throws {
        try seal()
        for index in hits.indices { hits[index] = 0 }
        setClock()
        builder.openRun(run, now: now)
    }

    private mutating func begin(_ tracepoint: Tracepoint, absent: Bool = false) {
        hits[Int(tracepoint.rawValue)] += 1
        builder.begin(
            kind: tracepoint.rawValue, flags: absent ? [.optionalAbsent] : [], run: run, tid: 7,
            monotonic: now)
    }

    private mutating func append(_ event: CapturedEvents.Event, cycle: UInt32) {
        let isMessage = event.tracepoint == .inboundMessage || event.tracepoint == .outboundMessage
        let isPool = event.tracepoint.name.hasPrefix("mempool:")
        for (argument, value) in zip(event.tracepoint.arguments, event.arguments) {
            switch (argument.kind, value) {
            case (.signed, .number(let number)): builder.signed(number)
            case (_, .number(let number)): builder.unsigned(UInt64(bitPattern: number))
            case (_, .truth(let truth)): builder.boolean(truth)
            case (_, .text(let text)): builder.string(text.span.raw)
            case (.hash, .bytes(let bytes)):
                builder.hash((isPool ? Self.varied(bytes, at: 0, by: cycle) : bytes).span.raw)
            case (_, .bytes(let bytes)):
                let type = event.arguments[3]
                if isMessage, case .text(let name) = type,
                    name == Array("inv".utf8) || name == Array("getdata".utf8)
                {
                    builder.payload(Self.inventory(bytes, by: cycle).span.raw)
                } else {
                    builder.payload(bytes.span.raw)
                }
            }
        }
    }

    /// An inventory whose transactions are others in each cycle.
    private static func inventory(_ payload: [UInt8], by cycle: UInt32) -> [UInt8] {
        guard let first = payload.first, first < 0xfd, payload.count == 1 + Int(first) * 36 else {
            return payload
        }
        var changed = payload
        for entry in 0..<Int(first) where [1, 5].contains(payload[1 + entry * 36]) {
            changed = varied(changed, at: 5 + entry * 36, by: cycle)
        }
        return changed
    }

    private static func varied(_ bytes: [UInt8], at place: Int, by cycle: UInt32) -> [UInt8] {
        var changed = bytes
        for index in 0..<4 {
            changed[place + index] ^= UInt8(truncatingIfNeeded: cycle >> (8 * UInt32(index)))
        }
        return changed
    }

    private mutating func advance() {
        now += step
    }

    private mutating func setClock() {
        clk += 1
        builder.openClock(clk: clk, now: now, offset: offset)
    }

    /// Seals at a quarter of the largest batch, and begins a clock segment each minute.
    private mutating func sealIfFull() throws {
        guard builder.byteCount > BatchBuilder.sealThreshold / 4 else { return }
        try seal()
        setClock()
    }

    private mutating func seal() throws {
        guard !builder.isEmpty else { return }
        builder.countHits(hits, run: run, now: now)
        next = builder.seal(firstSequence: next, ringEpoch: run, ringEnd: next, into: &out).lastSequence + 1
        if out.bytes.count > 16 << 20 { try close() }
    }
}
