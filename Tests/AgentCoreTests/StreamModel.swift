import ByteCodec
import CollectorProtocol
import CollectorTesting
import Spool

@testable import AgentCore

/// A node's stream between a ring and an aggregator, both simple, on a simulated disk.
///
/// The agent does what the streamer does in each turn: it takes what it has not taken before, seals, spools, syncs if
/// the policy says so, and only then gives the ring free. The aggregator takes what follows its watermark, keeps
/// every event by name, and settles the books from the tallies as the real one does. A broken promise is thrown as
/// a sentence.
struct StreamModel {
    struct Broken: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    enum Operation {
        /// The node fires so many events.
        case fire(Int)
        /// The streamer does a turn, and the uplink sends so many batches while it is at it.
        case turn(sending: Int)
        case send(Int)
        case sync
        case remove
        case drop
        /// A graceful stop, and a start.
        case stop
        /// The process is killed, and started again.
        case kill
        /// The process is killed between spooling and giving the ring free: the position is published too late.
        case killBeforePublishing
    }

    private struct Event: Hashable {
        let epoch: UInt64
        let number: UInt64
    }

    static let state = "/state"
    static let run: UInt64 = 42
    static let tracepoint: UInt8 = 17

    let disk: SimulatedFileSystem
    /// Whether each turn waits for the disk.
    let syncsAlways: Bool

    // The host's, which outlives the process.
    private var epoch: UInt64 = 1
    private var fired: UInt64 = 0
    private var published: UInt64 = 0

    // The agent's.
    private var stream: NodeStream
    private var consumed: UInt64 = 0
    private var position: UInt64 = 0
    private var known: UInt64?
    private(set) var numbersTaken: [ClosedRange<UInt64>] = []

    // The aggregator's, which is never lost.
    private var streamID: UInt64 = 0
    private var watermark: UInt64 = 0
    private var stored: Set<Event> = []
    private var newest: Event?
    private var settled: [UInt64: UInt64] = [:]

    init(disk: SimulatedFileSystem, syncsAlways: Bool) throws {
        self.disk = disk
        self.syncsAlways = syncsAlways
        stream = try Self.open(disk)
        begin()
    }

    private static func open(_ disk: SimulatedFileSystem) throws -> NodeStream {
        try NodeStream(
            name: "n1", state: state, bootID: .zero, segmentBytes: 2000, holdsBack: true, fileSystem: disk)
    }

    mutating func perform(_ operation: Operation) throws {
        switch operation {
        case .fire(let count): fired += UInt64(count)
        case .turn(let sending): try turn(sending: sending)
        case .send(let count): try send(count)
        case .sync: try stream.folder.spool.sync()
        case .remove: try stream.folder.spool.removeAcknowledged()
        case .drop: _ = try stream.folder.spool.dropOldestSegment(reason: GapReason.spoolBound)
        case .stop:
            try turn(sending: 0)
            try stream.folder.close()
            try start()
        case .kill: try start()
        case .killBeforePublishing:
            try turn(sending: 2, publishing: false)
            try start()
        }
    }

    // MARK: - The agent

    mutating func start(after crash: SimulatedFileSystem.Crash = .process) throws {
        if crash == .power {
            // With the host went the ring, and what it held.
            epoch += 1
            (fired, published) = (0, 0)
        }
        while true {
            do {
                stream = try Self.open(disk)
                break
            } catch {
                // Whoever has started it starts it again.
                if disk.isDown { throw error }
            }
        }
        begin()
    }

    private mutating func begin() {
        if stream.folder.streamID != streamID {
            // Id and spool are gone: to the aggregator this is another stream, which has the whole ring to explain.
            streamID = stream.folder.streamID
            (watermark, settled, numbersTaken) = (0, [:], [])
        }
        consumed = 0
        if stream.ringEpoch == epoch {
            for tally in stream.folder.spool.recoveredTallies { consumed = tally.cumulative }
            stream.builder.setCumulative(run: Self.run, tracepoint: Self.tracepoint, value: consumed)
        }
        stream.begin(epoch: epoch)
        position = published
        known = nil
    }

    private mutating func turn(sending: Int, publishing: Bool = true) throws {
        try stream.writeUnwritten()
        try stream.advanceClock(monotonic: 1_000, offset: 0)
        while position < fired {
            let next = position + 1
            if !stream.has(position: next, epoch: epoch) {
                if stream.builder.byteCount > 600 { try seal() }
                take(next)
            }
            position = next
        }
        // What the kernel has counted and neither ring nor stream have, an earlier process has taken and lost.
        if fired > consumed {
            stream.builder.countLost(run: Self.run, tracepoint: Self.tracepoint, count: fired - consumed)
            consumed = fired
        }
        stream.write(
            .agentStatus(.init(spoolBytes: 0, residentBytes: 0, ringUsedBytes: 0, uptimeMilliseconds: 0)),
            run: nil, monotonic: 1_000)
        try seal()
        if let known { try stream.jump(past: known) }
        // The uplink does not wait for anything: it sends what it is shown.
        try send(sending)
        if syncsAlways { try stream.sync() }
        guard publishing else { return }
        published = position
        stream.folder.spool.release()
        try send(sending)
    }

    private mutating func take(_ number: UInt64) {
        stream.builder.begin(kind: Self.tracepoint, run: Self.run, tid: 1, monotonic: 1_000)
        var name = ByteWriter()
        for word in [epoch, number, 0, 0] { name.u64(word) }
        stream.builder.hash(name.bytes.span.raw)
        stream.builder.signed(1)
        stream.builder.signed(1)
        stream.builder.end()
        stream.took(position: number, epoch: epoch)
        consumed += 1
    }

    private mutating func seal() throws {
        let before = stream.folder.nextSequence
        defer {
            let next = stream.folder.nextSequence
            if next > before { numbersTaken.append(before...next - 1) }
        }
        try stream.seal()
    }

    // MARK: - The aggregator

    private mutating func send(_ count: Int) throws {
        guard count > 0 else { return }
        for _ in 0..<count where try take() {}
        known = watermark
        stream.folder.spool.acknowledge(through: watermark)
    }

    private mutating func take() throws -> Bool {
        switch try stream.folder.spool.next(after: watermark) {
        case nil: return false
        case .hole(let before):
            guard before > watermark + 1 else { throw Broken("an empty hole before \(before)") }
            watermark = before - 1
        case .batch(let batch):
            guard batch.header.firstSequence == watermark + 1 else {
                throw Broken("\(batch.header.firstSequence) follows \(watermark)")
            }
            try store(batch)
            watermark = batch.header.lastSequence
        }
        return true
    }

    private mutating func store(_ batch: Spool.Batch) throws {
        let reader = try BatchReader(batch.bytes.span.raw)
        let epoch = reader.header.ringEpoch
        for tally in reader.tallies {
            let before = tally.cumulative - (reader.header.kind == .gap ? 0 : tally.delta)
            settled[epoch] = max(settled[epoch] ?? 0, before)
        }
        guard reader.header.kind == .events else { return }
        var records = reader.records()
        while let record = try records.next() {
            guard record.kind == Self.tracepoint else { continue }
            var body = record.body
            let event = Event(epoch: try body.u64(), number: try body.u64())
            guard stored.insert(event).inserted else { throw Broken("\(event) is stored twice") }
            if let newest, (newest.epoch, newest.number) > (event.epoch, event.number) {
                throw Broken("\(event) follows \(newest)")
            }
            newest = event
            settled[epoch, default: 0] += 1
        }
    }

    /// What holds at all times: no number is given out twice.
    func checkNumbers() throws {
        var last: UInt64 = 0
        for numbers in numbersTaken {
            guard numbers.lowerBound > last else { throw Broken("\(numbers) was given out after \(last)") }
            last = numbers.upperBound
        }
    }

    /// Sends everything; then every event of this ring is stored or counted as lost.
    ///
    /// - Parameter complete: whether nothing may be lost at all.
    mutating func settleEverything(complete: Bool) throws {
        // The connection tells where the aggregator stands before the numbers go on.
        known = watermark
        for _ in 0..<2 {
            try turn(sending: 0)
            for step in 0... where try !take() {
                if step > 10_000 { throw Broken("there is no end") }
                break
            }
            known = watermark
        }
        guard watermark == stream.folder.spool.newestSequence else {
            throw Broken("\(watermark) is committed of \(stream.folder.spool.newestSequence)")
        }
        guard settled[epoch] ?? 0 == fired else {
            throw Broken("\(settled[epoch] ?? 0) events are explained of \(fired)")
        }
        let here = stored.count { $0.epoch == epoch }
        if complete, UInt64(here) != fired { throw Broken("\(here) events are stored of \(fired)") }
    }
}
