import ByteCodec
import CollectorProtocol
import CollectorTesting
import Foundation
import Spool
import Testing

/// Makes batches of one stream and a folder for its spool.
struct Workbench {
    let folder: String
    var builder = BatchBuilder(node: "n1", streamID: 7, bootID: .zero)
    var next: UInt64 = 1

    init() {
        folder = TemporaryFolder.path("spool")
    }

    func spool(segmentBytes: Int = 1 << 20) throws -> Spool {
        try Spool(folder: folder, segmentBytes: segmentBytes)
    }

    /// A sealed batch of `records` events of `size` bytes.
    mutating func batch(records: Int = 3, size: Int = 100) throws -> (BatchHeader, [UInt8]) {
        builder.setClock(clk: 1, baseMonotonic: 1000, baseRealtime: 2000)
        for index in 0..<records {
            ControlRecord.processStart(
                ProcessStart(
                    pid: UInt64(index), startTicks: 0, startedMonotonic: 0,
                    executable: String(repeating: "x", count: size), device: 0, inode: 0)
            ).encode(into: &builder, run: 42, monotonic: 1000 + UInt64(index))
        }
        var bytes = ByteWriter()
        let header = builder.seal(firstSequence: next, ringEpoch: 5, ringEnd: next * 10, into: &bytes)
        next = header.lastSequence + 1
        return (header, bytes.bytes)
    }

    /// Begins and ends one event of run 42.
    mutating func event() {
        builder.begin(kind: 17, run: 42, tid: 1, monotonic: 1000)
        builder.hash([UInt8](repeating: 7, count: 32).span.raw)
        builder.signed(1)
        builder.signed(1)
        builder.end()
    }

    mutating func append(to spool: Spool, batches: Int, size: Int = 100) throws {
        for _ in 0..<batches {
            let (header, bytes) = try batch(size: size)
            try spool.append(header, bytes.span.raw)
        }
    }

    func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }
}

@Suite("A spool")
struct SpoolTests {
    /// Everything that follows `sequence`, as ranges of sequence numbers.
    func contents(_ spool: Spool, after sequence: UInt64 = 0) throws -> [ClosedRange<UInt64>] {
        var found: [ClosedRange<UInt64>] = []
        var last = sequence
        while case .batch(let batch)? = try spool.next(after: last) {
            found.append(batch.header.firstSequence...batch.header.lastSequence)
            last = batch.header.lastSequence
        }
        return found
    }

    @Test("gives batches back in order, the same bytes, also after it was opened anew")
    func order() throws {
        var bench = Workbench()
        var spool = try bench.spool()
        let first = try bench.batch()
        try spool.append(first.0, first.1.span.raw)
        try bench.append(to: spool, batches: 9)
        let expected = stride(from: UInt64(1), to: 31, by: 3).map { $0...$0 + 2 }
        #expect(try contents(spool) == expected)
        spool = try bench.spool()
        guard case .batch(let again)? = try spool.next(after: 0) else {
            Issue.record("the first batch is gone")
            return
        }
        #expect(again.bytes == first.1)
        #expect(try contents(spool, after: 15).first == 16...18)
        #expect(spool.recovered?.header.ringEnd == 280)
        #expect(spool.bytesCutOff == 0)
    }

    @Test("removes segments that are acknowledged and keeps the newest")
    func acknowledgement() throws {
        var bench = Workbench()
        let spool = try bench.spool(segmentBytes: 1000)
        try bench.append(to: spool, batches: 12, size: 500)
        #expect(try bench.files().count > 3)
        spool.acknowledge(through: 36)
        try spool.removeAcknowledged()
        #expect(try bench.files().count == 1)
        #expect(try contents(spool, after: 36).isEmpty)
        #expect(try bench.spool().recovered?.header.lastSequence == 36)
    }

    @Test("cuts a torn batch off its end, wherever the tear is", arguments: [1, 60, 119, 120, 200])
    func tornTail(_ kept: Int) throws {
        var bench = Workbench()
        let spool = try bench.spool()
        try bench.append(to: spool, batches: 2)
        let whole = spool.byteCount
        let (_, torn) = try bench.batch()
        let path = bench.folder + "/" + (try bench.files()[0])
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(torn.prefix(kept)))
        try file.close()
        let reopened = try bench.spool()
        #expect(reopened.bytesCutOff == kept)
        #expect(reopened.byteCount == whole)
        #expect(reopened.recovered?.header.lastSequence == 6)
    }

    @Test("cuts a batch with a flipped bit off the newest segment")
    func flippedBit() throws {
        var bench = Workbench()
        let spool = try bench.spool()
        try bench.append(to: spool, batches: 3)
        let path = bench.folder + "/" + (try bench.files()[0])
        var bytes = try #require(FileManager.default.contents(atPath: path))
        bytes[bytes.count - 5] ^= 4
        try bytes.write(to: URL(filePath: path))
        #expect(try bench.spool().recovered?.header.lastSequence == 6)
    }

    @Test("shows a damaged batch in an older segment as a hole when its turn comes")
    func hole() throws {
        var bench = Workbench()
        var spool = try bench.spool(segmentBytes: 1000)
        try bench.append(to: spool, batches: 12, size: 500)
        let path = bench.folder + "/" + (try bench.files()[0])
        var bytes = try #require(FileManager.default.contents(atPath: path))
        bytes[200] ^= 1
        try bytes.write(to: URL(filePath: path))
        spool = try bench.spool(segmentBytes: 1000)
        guard case .hole(let before)? = try spool.next(after: 0) else {
            Issue.record("the damage went unnoticed")
            return
        }
        #expect(before == 4)
        #expect(try contents(spool, after: 3).first == 4...6)
    }

    @Test("replaces its oldest segments by one gap batch that counts what they held")
    func bound() throws {
        var bench = Workbench()
        let spool = try bench.spool(segmentBytes: 1000)
        try bench.append(to: spool, batches: 12, size: 500)
        let before = spool.byteCount
        #expect(try spool.dropOldestSegment(reason: "spool_bound") > 0)
        #expect(try spool.dropOldestSegment(reason: "spool_bound") > 0)
        #expect(spool.byteCount < before)
        guard case .batch(let gap)? = try spool.next(after: 0) else {
            Issue.record("no gap was declared")
            return
        }
        let reader = try BatchReader(gap.bytes.span.raw)
        #expect(reader.header.kind == .gap)
        #expect(reader.gapReason == "spool_bound")
        #expect(reader.header.firstSequence == 1)
        // The sequence goes on without a hole, also for a spool opened anew.
        #expect(try contents(spool).last?.upperBound == 36)
        #expect(try contents(try bench.spool()).last?.upperBound == 36)
    }

    @Test("goes on behind the last whole batch when a newer segment was begun and got none")
    func emptyNewestSegment() throws {
        var bench = Workbench()
        let spool = try bench.spool(segmentBytes: 1000)
        try bench.append(to: spool, batches: 4, size: 500)
        let begun = bench.folder + "/00000000000000000013.batches"
        for content in [Data(), Data([0x50, 0x53, 0x42])] {
            try content.write(to: URL(filePath: begun))
            let reopened = try bench.spool(segmentBytes: 1000)
            #expect(reopened.recovered?.header.ringEnd == 100)
            #expect(reopened.newestSequence == 12)
            #expect(!FileManager.default.fileExists(atPath: begun))
        }
    }

    @Test("declares the rest of a gap into which the watermark reaches")
    func watermarkInsideGap() throws {
        let bench = Workbench()
        let spool = try bench.spool()
        let gap = BatchBuilder.gapBatch(
            node: "n1", streamID: 7, bootID: .zero, clk: 1, baseMonotonic: 1, baseRealtime: 1, first: 1,
            last: 100, reason: GapReason.sequenceSkip, tallies: [], ringEpoch: 5, ringEnd: 6)
        try spool.append(try BatchHeader.read(gap.span.raw), gap.span.raw)
        guard case .batch(let rest)? = try spool.next(after: 40) else {
            Issue.record("the stream is stuck")
            return
        }
        let reader = try BatchReader(rest.bytes.span.raw)
        #expect(reader.header == rest.header)
        #expect(reader.header.firstSequence == 41)
        #expect(reader.header.lastSequence == 100)
        #expect(reader.gapReason == GapReason.sequenceSkip)
        #expect(try spool.next(after: 100) == nil)
    }

    @Test("counts what it drops by ring epoch, without what is acknowledged, and goes on without a hole")
    func boundAfterAcknowledgement() throws {
        var bench = Workbench()
        let spool = try bench.spool(segmentBytes: 4000)
        for epoch: UInt64 in [5, 5, 5, 5, 6, 6, 6, 6, 6] {
            bench.builder.setClock(clk: 1, baseMonotonic: 1000, baseRealtime: 2000)
            for _ in 0..<10 { bench.event() }
            var bytes = ByteWriter()
            let header = bench.builder.seal(
                firstSequence: bench.next, ringEpoch: epoch, ringEnd: 0, into: &bytes)
            bench.next = header.lastSequence + 1
            try spool.append(header, bytes.bytes.span.raw)
            if bench.next == 11 { spool.acknowledge(through: 10) }
        }
        while try spool.dropOldestSegment(reason: GapReason.spoolBound) > 0 {}
        var lost: [UInt64: UInt64] = [:]
        var cumulative: [UInt64: UInt64] = [:]
        var last: UInt64 = 10
        var dropped: UInt64 = 10
        for opened in [spool, try bench.spool(segmentBytes: 4000)] {
            (lost, cumulative, last) = ([:], [:], 10)
            while case .batch(let batch)? = try opened.next(after: last) {
                #expect(batch.header.firstSequence == last + 1)
                last = batch.header.lastSequence
                guard batch.header.kind == .gap else { continue }
                dropped = last
                for tally in try BatchReader(batch.bytes.span.raw).tallies {
                    lost[batch.header.ringEpoch, default: 0] += tally.delta
                    cumulative[batch.header.ringEpoch] = tally.cumulative
                }
            }
            #expect(last == 90)
            #expect(lost.values.reduce(0, +) == dropped - 10)
            #expect(lost[5] == 30)
            #expect(cumulative[5] == 40)
            #expect(lost[6] == cumulative[6])
        }
    }

    @Test("says what to do when its folder cannot be written")
    func unwritable() {
        #expect(throws: SpoolError.self) { try Spool(folder: "/proc/nowhere/spool") }
    }

    @Test(
        "keeps what nobody says again when it drops events: ends of processes, their last counters, losses, coverage"
    )
    func lastWords() throws {
        var bench = Workbench()
        let spool = try bench.spool(segmentBytes: 4000)
        func seal(_ bench: inout Workbench) throws {
            var bytes = ByteWriter()
            let header = bench.builder.seal(firstSequence: bench.next, ringEpoch: 5, ringEnd: 0, into: &bytes)
            bench.next = header.lastSequence + 1
            try spool.append(header, bytes.bytes.span.raw)
        }
        func hits(_ count: UInt64) -> ControlRecord {
            .counters(
                .init(entries: [
                    .init(
                        tracepoint: 17, hits: count, counted: 0, lostRing: 0, lostUnreadable: 0, lostUser: 0)
                ]))
        }
        bench.builder.setClock(clk: 1, baseMonotonic: 1000, baseRealtime: 2000)
        let lost = ControlRecord.gap(
            .init(reason: "ring_full", tracepoint: 17, fromMonotonic: 1, toMonotonic: 2, count: 3))
        let closed = ControlRecord.coverage(.init(tracepoint: 17, fromMonotonic: 1, toMonotonic: 9))
        let exit = ControlRecord.processExit(.init(exitedMonotonic: 9))
        for index in 0..<12 {
            for _ in 0..<40 { bench.event() }
            hits(UInt64(40 * index + 40)).encode(into: &bench.builder, run: 42, monotonic: 1000)
            ControlRecord.agentStatus(
                .init(spoolBytes: 0, residentBytes: 0, ringUsedBytes: 0, uptimeMilliseconds: 0)
            ).encode(into: &bench.builder, run: nil, monotonic: 1000)
            if index == 0 {
                ControlRecord.coverage(.init(tracepoint: 17, fromMonotonic: 1, toMonotonic: 0)).encode(
                    into: &bench.builder, run: 42, monotonic: 1000)
            }
            if index == 3 {
                for record in [lost, closed, exit] {
                    record.encode(into: &bench.builder, run: 42, monotonic: 1000)
                }
            }
            try seal(&bench)
        }
        while try spool.dropOldestSegment(reason: GapReason.spoolBound) > 0 {}
        var kept: [ControlRecord] = []
        var events: UInt64 = 0
        var last: UInt64 = 0
        let newest = spool.newestSegmentFirst
        while case .batch(let batch)? = try spool.next(after: last), batch.header.firstSequence < newest {
            #expect(batch.header.firstSequence == last + 1)
            last = batch.header.lastSequence
            let reader = try BatchReader(batch.bytes.span.raw)
            for tally in reader.tallies { events += tally.delta }
            var records = reader.records()
            while let record = try records.next() {
                if let control = try ControlRecord(record, in: reader) { kept.append(control) }
            }
        }
        #expect(last == newest - 1)
        // Of the counters the last, of the coverage its end.
        let counters = kept.filter { if case .counters = $0 { true } else { false } }
        #expect(counters == [hits(events)])
        #expect(kept.filter { !counters.contains($0) } == [lost, closed, exit])
    }
}
