import ByteCodec
import CollectorProtocol
import Testing
import Tracepoints

@Suite struct BatchRoundTripTests {
    @Test func everyKindOfRecordComesBackAsItWasWritten() throws {
        let bytes = Sample.everything()
        let batch = try BatchReader(bytes.span.raw)
        #expect(batch.nodeName == "alpha")
        #expect(batch.header.firstSequence == 1001)
        #expect(batch.header.count == Tracepoint.allCases.count + Sample.controls.count)
        #expect(batch.header.byteCount == bytes.count)
        #expect(batch.header.bootID == Sample.boot)
        #expect(batch.gapReason == nil)
        #expect(batch.tallies.count == Tracepoint.allCases.count)
        #expect(batch.tallies.allSatisfy { $0.run == Sample.run && $0.delta == 1 && $0.cumulative == 1 })
        var cursor = batch.records()
        var sequence: UInt64 = 1001
        var monotonic = Sample.base
        for tracepoint in Tracepoint.allCases {
            monotonic += 1_000
            let next = try cursor.next()
            guard var record = next else {
                Issue.record("no record for \(tracepoint.name)")
                return
            }
            let facts = (record.kind, record.sequence, record.monotonic, record.run, record.tid)
            #expect(facts.0 == tracepoint.rawValue)
            #expect(facts.1 == sequence)
            #expect(facts.2 == monotonic)
            #expect(facts.3 == Sample.run)
            #expect(facts.4 == 4242)
            for (index, argument) in tracepoint.arguments.enumerated() {
                switch argument.kind {
                case .signed: #expect(try record.body.zigzag() == -Int64(index) - 1)
                case .unsigned: #expect(try record.body.varint() == UInt64(index) * 1000)
                case .boolean: #expect(try record.body.u8() == index % 2)
                case .hash:
                    #expect(try record.body.array(32) == [UInt8](repeating: UInt8(11 * index), count: 32))
                case .string:
                    let place = Int(try record.body.varint())
                    #expect(batch.string(place).text() == "\(argument.name)-text")
                case .payload:
                    let count = Int(try record.body.varint())
                    #expect(try record.body.array(count) == [1, 2, 3, 0xff])
                }
            }
            let isAtEnd = record.body.isAtEnd
            #expect(isAtEnd)
            sequence += 1
        }
        for control in Sample.controls {
            let next = try cursor.next()
            guard let record = next else {
                Issue.record("no record for \(control)")
                return
            }
            let decoded = try ControlRecord(record, in: batch)
            #expect(decoded == control)
        }
        let isOver = try cursor.next() == nil
        #expect(isOver)
    }

    @Test func aReusedBuilderMakesTheSameBatchAsANewOne() throws {
        var reused = Sample.builder()
        for round in 0..<3 {
            for tracepoint in Tracepoint.allCases {
                Sample.addEvent(tracepoint, at: Sample.base + 5, to: &reused)
            }
            var out = ByteWriter()
            let estimate = reused.byteCount
            let header = reused.seal(
                firstSequence: UInt64(22 * round + 1), ringEpoch: 1, ringEnd: 9, into: &out)
            #expect(header.byteCount == out.count && out.count <= estimate)
            #expect(reused.isEmpty)
            let batch = try BatchReader(out.span)
            #expect(batch.header == header)
            #expect(batch.tallies.allSatisfy { $0.delta == 1 && $0.cumulative == UInt64(round) + 1 })
            #expect(try readWhole(out.bytes) == 22)
        }
    }

    @Test func aBatchIsAppendedBehindWhatTheWriterHolds() throws {
        var out = ByteWriter()
        out.beginFrame(.batch, bodyByteCount: 0)
        var builder = Sample.builder()
        Sample.addEvent(.mempoolAdded, at: Sample.base, to: &builder)
        builder.seal(firstSequence: 1, ringEpoch: 0, ringEnd: 0, into: &out)
        #expect(try readWhole([UInt8](out.bytes[6...])) == 1)
    }

    @Test func manyStringsThreadsAndRunsKeepTheirIndexes() throws {
        var builder = Sample.builder()
        for index in 0..<5_000 {
            builder.begin(
                kind: 7, run: UInt64(index % 90) + 1, tid: UInt32(index % 700),
                monotonic: Sample.base + UInt64(index))
            builder.signed(Int64(index))
            builder.string("reason \(index % 1_500)")
            builder.end()
        }
        let estimate = builder.byteCount
        var out = ByteWriter()
        builder.seal(firstSequence: 1, ringEpoch: 0, ringEnd: 0, into: &out)
        #expect(out.count <= estimate)
        let batch = try BatchReader(out.span)
        #expect(batch.stringCount == 1_501 && batch.runs.count == 90 && batch.tallies.count == 90)
        var cursor = batch.records()
        var index = 0
        while var record = try cursor.next() {
            let (run, tid) = (record.run, record.tid)
            #expect(run == UInt64(index % 90) + 1 && tid == UInt32(index % 700))
            #expect(try record.body.zigzag() == Int64(index))
            let place = Int(try record.body.varint())
            #expect(batch.string(place).text() == "reason \(index % 1_500)")
            index += 1
        }
        #expect(index == 5_000)
    }

    @Test func anAbsentLastArgumentIsFlagged() throws {
        var builder = Sample.builder()
        builder.begin(kind: 19, flags: .optionalAbsent, run: 1, tid: 1, monotonic: Sample.base)
        for argument in Tracepoint.mempoolReplaced.arguments.dropLast() {
            switch argument.kind {
            case .hash: builder.hash([UInt8](repeating: 1, count: 32).span.raw)
            case .unsigned: builder.unsigned(5)
            default: builder.signed(5)
            }
        }
        builder.end()
        Sample.addEvent(.mempoolAdded, at: Sample.base - 5, to: &builder)
        var out = ByteWriter()
        builder.seal(firstSequence: 1, ringEpoch: 0, ringEnd: 0, into: &out)
        #expect(try readWhole(out.bytes) == 2)
    }

    @Test func anAbandonedRecordLeavesNoTrace() throws {
        var builder = Sample.builder()
        builder.begin(kind: 1, run: 5, tid: 1, monotonic: Sample.base + 99)
        builder.signed(1)
        builder.abandon()
        #expect(builder.isEmpty)
        Sample.addEvent(.mempoolAdded, at: Sample.base + 3, to: &builder)
        var out = ByteWriter()
        builder.seal(firstSequence: 1, ringEpoch: 0, ringEnd: 0, into: &out)
        let batch = try BatchReader(out.span)
        #expect(batch.tallies.count == 1 && batch.tallies[0].tracepoint == 17)
        #expect(try readWhole(out.bytes) == 1)
    }

    @Test func aGapBatchSaysWhatIsLostAndWhy() throws {
        let bytes = Sample.gap(first: 11, last: 40)
        let batch = try BatchReader(bytes.span.raw)
        #expect(batch.header.kind == .gap && batch.header.count == 0)
        #expect(batch.header.firstSequence == 11 && batch.header.lastSequence == 40)
        #expect(batch.gapReason == "spool_bound" && batch.nodeName == "alpha")
        #expect(batch.tallies == [Tally(run: Sample.run, tracepoint: 1, delta: 30, cumulative: 40)])
        #expect(try readWhole(bytes) == 0)
    }

    @Test func theWallClockIsTheBasePlusTheMonotonicDistance() throws {
        let header = try BatchHeader.read(Sample.batch(first: 1).span.raw)
        #expect(header.realtime(at: Sample.base + 5) == 1_700_000_000_000_000_005)
        #expect(header.realtime(at: Sample.base - 5) == 1_699_999_999_999_999_995)
        _ = header.realtime(at: .max)
    }
}
