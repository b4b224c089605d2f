import ByteCodec
import CRecord
import CollectorProtocol
import CollectorTesting
import Foundation
import Spool
import Testing

@testable import AgentCore

@Suite("A node's stream")
struct NodeStreamTests {
    let state = TemporaryFolder.path("state")

    func stream() throws -> NodeStream {
        let stream = try NodeStream(name: "n1", state: state, bootID: .zero)
        stream.begin(epoch: 5)
        return stream
    }

    func status(_ stream: NodeStream, at monotonic: UInt64) {
        stream.write(
            .agentStatus(
                .init(spoolBytes: 1, residentBytes: 2, ringUsedBytes: 3, uptimeMilliseconds: monotonic)),
            run: nil, monotonic: monotonic)
    }

    @Test("keeps a batch that the disk refuses, and its numbers, until the disk takes it")
    func refusal() throws {
        let stream = try stream()
        try stream.advanceClock(monotonic: 1000, offset: 2000)
        let folder = state + "/nodes/n1/spool"
        try FileManager.default.removeItem(atPath: folder)
        status(stream, at: 1001)
        #expect(throws: DiskRefusal.self) { try stream.seal() }
        #expect(throws: DiskRefusal.self) { try stream.seal() }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        status(stream, at: 1002)
        try stream.seal()
        var found: [ClosedRange<UInt64>] = []
        while case .batch(let batch)? = try stream.folder.spool.next(after: found.last?.upperBound ?? 0) {
            found.append(batch.header.firstSequence...batch.header.lastSequence)
        }
        #expect(found == [1...1, 2...2])
    }

    @Test("begins each segment with its state, and puts a skip behind what it has")
    func checkpoints() throws {
        let first = try stream()
        var told = 0
        first.checkpoint = { told += 1 }
        try first.advanceClock(monotonic: 1000, offset: 2000)
        for index in 0..<3 {
            status(first, at: 1001 + UInt64(index))
            try first.seal()
        }
        #expect(told == 1)
        // The stop was not clean.
        let second = try stream()
        try second.advanceClock(monotonic: 3000, offset: 2000)
        guard case .batch(let gap)? = try second.folder.spool.next(after: 3) else {
            Issue.record("no skip was declared")
            return
        }
        #expect(gap.header.kind == .gap)
        #expect(gap.header.lastSequence == StreamFolder.leaseLength)
    }

    @Test("declares what it spooled under numbers that the aggregator takes for its own")
    func jump() throws {
        let stream = try stream()
        try stream.advanceClock(monotonic: 1000, offset: 2000)
        status(stream, at: 1001)
        status(stream, at: 1002)
        try stream.seal()
        try stream.jump(past: 50)
        try stream.seal()
        guard case .batch(let batch)? = try stream.folder.spool.next(after: 50) else {
            Issue.record("nothing follows the watermark")
            return
        }
        let reader = try BatchReader(batch.bytes.span.raw)
        var records = reader.records()
        guard let record = try records.next(), case .gap(let notice)? = try ControlRecord(record, in: reader)
        else {
            Issue.record("nothing was declared")
            return
        }
        #expect(notice.reason == GapReason.sequenceSkip)
        #expect(notice.count == 2)
    }

    @Test("tells a process what was reported of it, also that its coverage has ended")
    func restore() throws {
        let first = try stream()
        let clock = AgentClock()
        try first.advanceClock(monotonic: 1000, offset: 2000)
        let entry = CounterEntry(
            tracepoint: 1, hits: 10, counted: 4, lostRing: 3, lostUnreadable: 2, lostUser: 1)
        first.write(.counters(.init(entries: [entry])), run: 7, monotonic: 5000)
        first.cover(1, 7, from: 2000, to: 0, clock)
        first.cover(2, 7, from: 2000, to: 0, clock)
        first.cover(2, 7, from: 2000, to: 6000, clock)
        try first.seal()
        let process = ObservedProcess(
            slot: 0, node: 0, run: 7, pid: 1, startTicks: 0,
            binary: BinaryIdentity(device: 1, inode: 1), exe: "", observedFrom: 0)
        #expect(try first.restore(process, clock))
        #expect(process.countedInRecords[1] == 4)
        #expect(process.reported[1].lost_ring == 3)
        #expect(process.lostUser[1] == 1)
        #expect(process.reportedAt == 5000)
        #expect(process.coveredSince[1] == 2000)
        #expect(process.coveredSince[2] == 0)
        #expect(process.toldUntil[2] == 6000)
        // Counters of another ring say nothing of this one.
        let other = ObservedProcess(
            slot: 0, node: 0, run: 7, pid: 1, startTicks: 0,
            binary: BinaryIdentity(device: 1, inode: 1), exe: "", observedFrom: 0)
        first.begin(epoch: 6)
        #expect(try !first.restore(other, clock))
        #expect(other.reported[1].lost_ring == 0)
    }

    @Test("tells its state once at a segment's front, however often the disk refuses the lease for it")
    func refusedLease() throws {
        let disk = SimulatedFileSystem(seed: 1)
        let stream = try NodeStream(name: "n1", state: "/state", bootID: .zero, fileSystem: disk)
        stream.begin(epoch: 5)
        var told = 0
        stream.checkpoint = {
            told += 1
            status(stream, at: 1002)
        }
        try stream.advanceClock(monotonic: 1000, offset: 2000)
        status(stream, at: 1001)
        disk.errors.isReadOnly = true
        for _ in 0..<3 { #expect(throws: DiskRefusal.self) { try stream.seal() } }
        disk.errors.isReadOnly = false
        try stream.seal()
        #expect(told == 1)
        #expect(stream.folder.spool.newestSequence == 2)
    }

    @Test("does not say of a skip that the ring was taken over as far as what is not on disk yet")
    func skipBeforeRefusedBatch() throws {
        let disk = SimulatedFileSystem(seed: 1)
        func open() throws -> NodeStream {
            let stream = try NodeStream(name: "n1", state: "/state", bootID: .zero, fileSystem: disk)
            stream.begin(epoch: 5)
            return stream
        }
        let first = try open()
        try first.advanceClock(monotonic: 1000, offset: 2000)
        status(first, at: 1001)
        first.took(position: 10, epoch: 5)
        try first.seal()
        // Killed; the next one begins with a disk that takes the skip only when records wait already.
        let second = try open()
        disk.errors.isReadOnly = true
        #expect(throws: DiskRefusal.self) { try second.advanceClock(monotonic: 3000, offset: 2000) }
        status(second, at: 3001)
        second.took(position: 20, epoch: 5)
        disk.errors.isReadOnly = false
        try second.declareBefore()
        let third = try open()
        #expect(third.has(position: 10, epoch: 5))
        #expect(!third.has(position: 20, epoch: 5))
    }

    @Test("ends, in its own clock, what an earlier ring was about and has not ended")
    func earlierRing() throws {
        let first = try stream()
        let second: UInt64 = 1_000_000_000
        try first.advanceClock(monotonic: 1000, offset: 2000)
        for (run, exits) in [(7 as UInt64, false), (8, true), (9, false)] {
            first.write(
                .processStart(
                    .init(
                        pid: run, startTicks: 5, startedMonotonic: 1, executable: "", device: 0, inode: 0)),
                run: run, monotonic: 1500)
            first.write(
                .coverage(.init(tracepoint: 1, fromMonotonic: 1200, toMonotonic: 0)), run: run,
                monotonic: 1500)
            // The attacher was silent from then on.
            for (since, end) in [(1200, 0), (1200, 3 * second), (4 * second, 0), (4 * second, 4 * second)] {
                guard run == 9 else { continue }
                first.write(
                    .coverage(.init(tracepoint: 2, fromMonotonic: since, toMonotonic: end)), run: run,
                    monotonic: 5 * second)
            }
            first.write(.counters(.init(entries: [])), run: run, monotonic: 7 * second)
            if exits {
                first.write(.processExit(.init(exitedMonotonic: 7 * second)), run: run, monotonic: 7 * second)
            }
        }
        try first.seal()
        let end = first.folder.spool.newestSequence
        let next = try NodeStream(name: "n1", state: state, bootID: .zero)
        #expect(try next.lastWords(before: 5, realtime: 0, isAlive: { _ in false }) == nil)
        next.lastWords = try next.lastWords(
            before: 6, realtime: 3000 + 20 * Int64(second), isAlive: { $0.pid == 9 })
        next.begin(epoch: 6)
        try next.advanceClock(monotonic: 30 * second, offset: 2000)
        // Behind the numbers that the unclean stop skips.
        guard
            case .batch(let batch)? = try next.folder.spool.next(
                after: end + StreamFolder.leaseLength - end)
        else {
            Issue.record("nothing was said")
            return
        }
        let reader = try BatchReader(batch.bytes.span.raw)
        #expect(reader.header.ringEpoch == 5)
        #expect(reader.header.baseMonotonic == 1000)
        var said: [String] = []
        var records = reader.records()
        while let record = try records.next() {
            switch try ControlRecord(record, in: reader) {
            case .coverage(let coverage):
                said.append("\(record.run ?? 0) covered \(coverage.fromMonotonic)–\(coverage.toMonotonic)")
            case .gap(let gap):
                said.append(
                    "\(record.run ?? 0) \(gap.tracepoint) \(gap.reason) \(gap.fromMonotonic)–\(gap.toMonotonic), "
                        + "\(gap.count == nil)")
            case .processExit: said.append("\(record.run ?? 0) exited")
            default: said.append("?")
            }
        }
        #expect(
            said == [
                "7 covered 1200–4500000000", "7 0 ring_lost 4500000000–20000001000, true", "7 exited",
                "9 covered 1200–4500000000", "9 2 ring_lost 4000000000–4500000000, true",
                "9 0 ring_lost 4500000000–20000001000, true",
            ])
        // What has ended is said once; what goes on has gaps that may have grown.
        let third = try NodeStream(name: "n1", state: state, bootID: .zero)
        let again = try third.lastWords(before: 6, realtime: 0, isAlive: { $0.pid == 9 })
        #expect(again?.count == 2)
    }

    @Test(
        "numbers what is said of an earlier ring before what comes after it, also when the disk refuses it at first"
    )
    func refusedLastWords() throws {
        let disk = SimulatedFileSystem(seed: 1)
        func open() throws -> NodeStream {
            try NodeStream(name: "n1", state: "/state", bootID: .zero, fileSystem: disk)
        }
        let first = try open()
        first.begin(epoch: 5)
        try first.advanceClock(monotonic: 1000, offset: 2000)
        first.write(.counters(.init(entries: [])), run: 7, monotonic: 1500)
        try first.seal()
        let second = try open()
        second.lastWords = try second.lastWords(before: 6, realtime: 0, isAlive: { _ in false })
        second.begin(epoch: 6)
        disk.errors.isReadOnly = true
        #expect(throws: DiskRefusal.self) { try second.advanceClock(monotonic: 3000, offset: 2000) }
        status(second, at: 3001)
        #expect(throws: DiskRefusal.self) { try second.seal() }
        disk.errors.isReadOnly = false
        try second.seal()
        var epochs: [UInt64] = []
        var last: UInt64 = 0
        while case .batch(let batch)? = try second.folder.spool.next(after: last) {
            last = batch.header.lastSequence
            if batch.header.kind == .events { epochs.append(batch.header.ringEpoch) }
        }
        #expect(epochs == [5, 5, 6])
        #expect(last == second.folder.nextSequence - 1)
    }
}
