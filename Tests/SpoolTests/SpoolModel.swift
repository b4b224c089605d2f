import ByteCodec
import CollectorProtocol
import CollectorTesting
import Spool

/// A spool on a simulated disk, and beside it what a simple reading of its promises says must be there.
///
/// The model knows every batch by heart. Its aggregator takes what the spool gives, in order, and settles the books
/// as the real one does: events stored, and events that the cumulative counts behind a hole or in a gap show to
/// be lost. A broken promise is thrown as a sentence.
struct SpoolModel {
    struct Broken: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    enum Operation {
        case append(events: Int, size: Int)
        case sync
        /// The aggregator takes so many batches.
        case send(Int)
        /// What the aggregator has is told to the spool.
        case acknowledge
        case remove
        case drop
        /// The process ends and begins anew.
        case reopen
    }

    private struct Appended {
        let bytes: [UInt8]
        let last: UInt64
        let events: UInt64
        let epoch: UInt64
        var isSynced = false
        /// The power failed before it was synced: nobody knows whether it is there.
        var isDoubtful = false
    }

    static let folder = "/spool"
    static let segmentBytes = 1500
    static let streamID: UInt64 = 7

    let disk: SimulatedFileSystem
    private(set) var spool: Spool
    private var builder: BatchBuilder
    private var epoch: UInt64 = 1
    /// Numbers below are used up, also those of batches that never got to the disk.
    private var nextNumber: UInt64 = 1
    private var batches: [UInt64: Appended] = [:]
    /// The batch whose append was interrupted: it may be there or not.
    private var interrupted: UInt64?
    private var hasDropped = false

    private(set) var watermark: UInt64 = 0
    /// Events settled by epoch.
    private var settled: [UInt64: UInt64] = [:]

    init(disk: SimulatedFileSystem) throws {
        self.disk = disk
        spool = try Self.open(disk)
        builder = Self.freshBuilder()
    }

    private static func open(_ disk: SimulatedFileSystem) throws -> Spool {
        try Spool(folder: folder, streamID: streamID, segmentBytes: segmentBytes, fileSystem: disk)
    }

    private static func freshBuilder() -> BatchBuilder {
        var builder = BatchBuilder(node: "n1", streamID: streamID, bootID: .zero)
        builder.setClock(clk: 1, baseMonotonic: 1000, baseRealtime: 2000)
        return builder
    }

    mutating func perform(_ operation: Operation) throws {
        switch operation {
        case .append(let events, let size): try append(events, size)
        case .sync:
            try spool.sync()
            for (first, batch) in batches where !batch.isDoubtful { batches[first]?.isSynced = true }
        case .send(let count): for _ in 0..<count where try take() {}
        case .acknowledge: spool.acknowledge(through: watermark)
        case .remove: try spool.removeAcknowledged()
        case .drop:
            hasDropped = true
            _ = try spool.dropOldestSegment(reason: GapReason.spoolBound)
        case .reopen: try recover()
        }
    }

    private mutating func append(_ events: Int, _ size: Int) throws {
        if spool.nextBeginsSegment { builder.checkpointNext() }
        for _ in 0..<events {
            builder.begin(kind: 8, run: 42, tid: 1, monotonic: 1000)
            builder.hash([UInt8](repeating: UInt8(truncatingIfNeeded: nextNumber), count: 32).span.raw)
            for _ in 0..<5 { builder.unsigned(nextNumber) }
            builder.end()
        }
        ControlRecord.gap(
            .init(
                reason: String(repeating: "x", count: size), tracepoint: 0, fromMonotonic: 0, toMonotonic: 0,
                count: nil)
        ).encode(into: &builder, run: 42, monotonic: 1000)
        var bytes = ByteWriter()
        let header = builder.seal(
            firstSequence: nextNumber, ringEpoch: epoch, ringEnd: nextNumber, into: &bytes)
        nextNumber = header.lastSequence + 1
        batches[header.firstSequence] = Appended(
            bytes: bytes.bytes, last: header.lastSequence, events: UInt64(events), epoch: epoch)
        interrupted = header.firstSequence
        try write(header, bytes.bytes)
        interrupted = nil
    }

    /// As the agent does it: the same batch again until the disk takes it.
    private func write(_ header: BatchHeader, _ bytes: [UInt8]) throws {
        for _ in 0..<20 {
            do {
                try spool.append(header, bytes.span.raw)
                return
            } catch {
                if disk.isDown { throw error }
            }
        }
        throw Broken("the disk takes nothing")
    }

    /// One batch from the spool to the aggregator; whether there was one.
    private mutating func take() throws -> Bool {
        switch try spool.next(after: watermark) {
        case nil: return false
        case .hole(let before):
            guard before > watermark + 1 else { throw Broken("an empty hole before \(before)") }
            try expectMayBeMissing(watermark + 1...before - 1)
            watermark = before - 1
        case .batch(let batch):
            guard batch.header.firstSequence == watermark + 1 else {
                throw Broken("\(batch.header.firstSequence) follows \(watermark)")
            }
            let reader = try BatchReader(batch.bytes.span.raw)
            if batch.header.kind == .gap {
                guard hasDropped else { throw Broken("a gap that nobody asked for") }
                for tally in reader.tallies { settle(tally.cumulative, batch.header.ringEpoch) }
            } else {
                if batches[batch.header.firstSequence]?.bytes != batch.bytes { try expectKept(reader) }
                for tally in reader.tallies {
                    settle(tally.cumulative - tally.delta, batch.header.ringEpoch)
                    settled[batch.header.ringEpoch, default: 0] += tally.delta
                }
            }
            watermark = batch.header.lastSequence
        }
        return true
    }

    /// A batch that is none of ours is what a drop has kept of one: its last record, which is the agent's own.
    private func expectKept(_ reader: borrowing BatchReader) throws {
        let number = reader.header.firstSequence
        guard hasDropped, reader.header.lastSequence == number,
            let original = batches.first(where: { $0.value.last == number })?.value.bytes,
            let kept = try Self.lastRecord(reader)
        else { throw Broken("number \(number) was used for something else") }
        guard try kept == Self.lastRecord(BatchReader(original.span.raw)) else {
            throw Broken("record \(number) was changed")
        }
    }

    private static func lastRecord(_ reader: borrowing BatchReader) throws -> ControlRecord? {
        var last: ControlRecord?
        var records = reader.records()
        while let record = try records.next() { last = try ControlRecord(record, in: reader) }
        return last
    }

    private mutating func settle(_ count: UInt64, _ epoch: UInt64) {
        settled[epoch] = max(settled[epoch] ?? 0, count)
    }

    private func expectMayBeMissing(_ numbers: ClosedRange<UInt64>) throws {
        for (first, batch) in batches where numbers.contains(first) || numbers.contains(batch.last) {
            guard batch.isDoubtful, !batch.isSynced else {
                throw Broken("\(first)–\(batch.last) is lost, and nothing that may lose it has happened")
            }
        }
    }

    /// What an agent does that starts after a crash, or after a stop.
    mutating func recover(after crash: SimulatedFileSystem.Crash = .process) throws {
        if crash == .power {
            for first in batches.keys where batches[first]?.isSynced == false {
                batches[first]?.isDoubtful = true
            }
            // The ring went with the power; what follows is of another.
            epoch += 1
        }
        spool = try Self.open(disk)
        // Whatever is acknowledged and removed, the newest segment says where to go on.
        guard spool.recovered != nil || !batches.values.contains(where: \.isSynced) else {
            throw Broken("there is nothing to go on from")
        }
        builder = Self.freshBuilder()
        if crash == .process, spool.recovered?.header.ringEpoch ?? epoch == epoch {
            let counted = spool.recovered == nil ? 0 : spool.recoveredTallies.last?.cumulative ?? 0
            let appended = batches.filter { $0.value.epoch == epoch && $0.key != interrupted }
                .reduce(0) { $0 + $1.value.events }
            let torn = interrupted.flatMap { batches[$0]?.events } ?? 0
            guard counted == appended || counted == appended + torn else {
                throw Broken("\(counted) events are known, \(appended) were appended")
            }
            builder.setCumulative(run: 42, tracepoint: 8, value: counted)
            if counted == appended, let first = interrupted { batches[first] = nil }
        }
        interrupted = nil
    }

    /// Sends everything and appends and sends one batch more: what is gone by then is lost, and must be allowed to
    /// be and be counted.
    mutating func settleEverything() throws {
        var steps = 0
        while try take() {
            steps += 1
            guard steps < 10_000 else { throw Broken("there is no end") }
        }
        try append(2, 10)
        while try take() {}
        guard watermark == nextNumber - 1 else {
            throw Broken("\(watermark) is committed of \(nextNumber - 1)")
        }
        let events = batches.values.filter { $0.epoch == epoch }.reduce(0) { $0 + $1.events }
        guard settled[epoch] == events else {
            throw Broken("\(settled[epoch] ?? 0) events are explained of \(events)")
        }
        spool.acknowledge(through: watermark)
    }
}
