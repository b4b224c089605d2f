import ByteCodec
import CRecord
import CollectorProtocol
import Foundation
import Spool
import Testing

@testable import AgentCore

@Suite("A node's stream")
struct NodeStreamTests {
    let state = FileManager.default.temporaryDirectory.appending(path: "state-\(UUID())").path()

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
}
