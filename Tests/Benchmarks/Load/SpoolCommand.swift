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
            capture with one event of each node, and prints how many bytes of payloads and of hashes the events hold: `peerscope-agent run --capture FOLDER.jsonl` with that state sends \
            everything. The segments can also be given to `peerscope-aggregator replay`. Plain events are inbound \
            messages with a payload of 37 bytes that make a row of p2p_message and little else. With --capture each stream \
            is one of the capture's nodes that lives on: what it said, again and again, each time with other peers, blocks \
            and transactions.
            """)

    @Option(help: "The state folder.") var state: String
    @Option(help: "Streams, each of a node of its own.") var streams = 8
    @Option(help: "Events in all.") var events = 1_000_000
    @Option(help: "Events a second of each node, which spreads them over time.") var rate = 2000
    @Option(help: "Capture to take the events from.") var capture: String?

    func run() throws {
        let repeated = try capture.map { try RepeatedCapture(path: $0) }
        let each = events / streams
        var lines = ""
        var captured = Captured()
        for stream in 0..<streams {
            let folder = "\(state)/nodes/load\(stream)"
            try FileManager.default.createDirectory(
                atPath: folder + "/spool", withIntermediateDirectories: true)
            var writer = SegmentWriter(
                stream: stream, events: each, nanosecondsPerEvent: UInt64(1_000_000_000 / rate),
                folder: folder + "/spool")
            if let repeated {
                try writer.repeatEvents(repeated, node: stream, count: each)
            } else {
                try writer.plain(count: each)
            }
            try writer.finish()
            captured += writer.captured
            try write("\(folder)/stream", Array("\(writer.streamID)\n".utf8))
            try write("\(folder)/lease", Array("\(writer.next) clean\n".utf8))
            lines += """
                {"node":"load\(stream)","pid":1,"mono_ns":1000,"probe":"mempool:rejected","args":["\(String(repeating: "00", count: 32))","end"]}

                """
        }
        try write(state + ".jsonl", Array(lines.utf8))
        print(String(decoding: try JSONEncoder().encode(captured), as: UTF8.self))
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
    private(set) var captured = Captured()
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
            captured.payloads += BatchBuilder.plainPayloadBytes
            try sealIfFull()
        }
    }

    /// What one node of the capture said, over and over.
    mutating func repeatEvents(_ capture: RepeatedCapture, node: Int, count: Int) throws {
        let events = capture.nodes[node % capture.nodes.count]
        try start()
        var written = 0
        var cycle: UInt32 = 0
        while written < count {
            cycle += 1
            let pass = capture.pass(cycle)
            for event in events.prefix(count - written) {
                advance()
                begin(event.tracepoint, absent: event.lacksOptional)
                pass.append(event, to: &builder)
                captured += event.captured
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
