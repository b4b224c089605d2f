import ByteCodec
import CPlatform
import CollectorProtocol
import Foundation
import PostgreSQL
import Testing
import Tracepoints

@testable import AggregatorCore

/// What becomes of batches that do not fit, and of what can never be stored.
@Suite(.database, .serialized)
struct FenceTests {
    /// Batches of one stream with `records` mempool events each; `at` gives each event's time in nanoseconds.
    private static func batches(
        _ count: Int, records: Int = 3, stream: UInt64 = 77, at realtime: Int64 = ps_realtime_ns()
    ) -> [[UInt8]] {
        var builder = BatchBuilder(node: "alpha", streamID: stream, bootID: CaptureBatches.boot)
        builder.setClock(clk: 1, baseMonotonic: 1000, baseRealtime: realtime)
        var next: UInt64 = 1
        return (0..<count).map { _ in
            for index in 0..<records {
                builder.begin(
                    kind: Tracepoint.mempoolAdded.rawValue, run: 5, tid: 1, monotonic: 2000 + UInt64(index))
                builder.hash([UInt8](repeating: UInt8(next), count: 32).span.raw)
                builder.signed(100)
                builder.signed(1000)
                builder.end()
            }
            var out = ByteWriter()
            next = builder.seal(firstSequence: next, ringEpoch: 9, ringEnd: 0, into: &out).lastSequence + 1
            return out.bytes
        }
    }

    private static func count(_ sql: String, _ conninfo: String) throws -> Int {
        try Connection(conninfo).execute(sql).scalar.flatMap { Int($0) } ?? -1
    }

    @Test func anAgentThatMovesLosesAndDoublesNothing() throws {
        let conninfo = try WithDatabase.fresh()
        let one = try WithDatabase.aggregator(conninfo)
        let other = try WithDatabase.aggregator(conninfo)
        defer {
            one.stop()
            other.stop()
        }
        let batches = Self.batches(4)
        let first = try TestAgent(port: one.port)
        #expect(try first.greet([("alpha", 77)]).streams.map(\.durableSequence) == [0])
        try first.send(batch: batches[0])
        try first.awaitCommitted([77: 3])

        // The agent goes to the other aggregator, sends on, and comes back to the first.
        let second = try TestAgent(port: other.port)
        #expect(try second.greet([("alpha", 77)]).streams.map(\.durableSequence) == [3])
        try second.send(batch: batches[1])
        try second.awaitCommitted([77: 6])

        // What the first remembers is out of date: its fence fails, and it says where to go on.
        try first.send(batch: batches[1])
        let ack = try first.receive()
        #expect(ack.type == .ack)
        #expect(try Ack(body: ack.body.span.raw).streams.first?.durableSequence == 6)
        let answer = try first.receive()
        #expect(answer.type == .nack)
        #expect(try Nack(body: answer.body.span.raw).code == .resume)
        try first.send(batch: batches[2])
        try first.send(batch: batches[3])
        try first.awaitCommitted([77: 12])

        #expect(try Self.count("SELECT count(*) FROM peerscope.mempool_added", conninfo) == 12)
        #expect(try Self.count("SELECT count(DISTINCT seq) FROM peerscope.mempool_added", conninfo) == 12)
        #expect(try Self.count("SELECT stored FROM peerscope.stream_tracepoint", conninfo) == 12)
    }

    @Test func anAgentThatComesBackGoesOnBehindWhatAnotherAggregatorStored() throws {
        let conninfo = try WithDatabase.fresh()
        let one = try WithDatabase.aggregator(conninfo)
        let other = try WithDatabase.aggregator(conninfo)
        defer {
            one.stop()
            other.stop()
        }
        let batches = Self.batches(3)
        for (index, aggregator) in [one, other, one].enumerated() {
            let agent = try TestAgent(port: aggregator.port)
            #expect(try agent.greet([("alpha", 77)]).streams.map(\.durableSequence) == [UInt64(3 * index)])
            try agent.send(batch: batches[index])
            // No NACK asks for what the first one has missed: the agent does not have it any more.
            try agent.awaitCommitted([77: UInt64(3 * index + 3)])
        }
        #expect(try Self.count("SELECT count(DISTINCT seq) FROM peerscope.mempool_added", conninfo) == 9)
    }

    @Test func aBatchThatCannotBeReadIsSetAsideAndItsNeighboursAreStored() throws {
        let conninfo = try WithDatabase.fresh()
        let aggregator = try WithDatabase.aggregator(conninfo)
        defer { aggregator.stop() }
        var batches = Self.batches(3)
        batches[1] = Self.broken(batches[1])
        let agent = try TestAgent(port: aggregator.port)
        _ = try agent.greet([("alpha", 77)])
        for batch in batches { try agent.send(batch: batch) }
        var types: [FrameType] = []
        while true {
            let frame = try agent.receive()
            types.append(frame.type)
            if frame.type == .ack,
                try Ack(body: frame.body.span.raw).streams.first?.durableSequence == 9
            {
                break
            }
        }
        #expect(types.contains(.nack))
        #expect(try Self.count("SELECT count(*) FROM peerscope.mempool_added", conninfo) == 6)
        #expect(
            try Self.count(
                "SELECT gap_seqs FROM peerscope.stream WHERE records = 6 AND durable_seq = 9", conninfo) == 3)
        let row = try Connection(conninfo).execute(
            "SELECT first_seq, last_seq, reason, path FROM peerscope.quarantine"
        ).rows.first
        #expect(row?[0] == "4")
        #expect(row?[1] == "6")
        #expect(row?[2] == "bad_batch")
        let path = try #require(row?[3])
        #expect(FileManager.default.contents(atPath: path).map { [UInt8]($0) } == batches[1])
        #expect(
            try Self.count(
                """
                SELECT count(*) FROM peerscope.stream_tracepoint
                 WHERE hits = 9 AND stored = 6 AND lost_quarantine = 3
                """, conninfo) == 1)
        #expect(
            try Self.count(
                "SELECT count(*) FROM peerscope.event_gap WHERE declared_by = 'aggregator' AND first_seq = 4",
                conninfo) == 1)
    }

    /// The batch with a record of a kind that does not exist, under a right checksum.
    private static func broken(_ batch: [UInt8]) -> [UInt8] {
        var batch = batch
        let recordBytes = Int(batch[112]) | Int(batch[113]) << 8
        batch[batch.count - recordBytes] = 0xee
        let sum = CRC32C.checksum(batch.span.raw.extracting(8..<batch.count))
        for byte in 0..<4 { batch[4 + byte] = UInt8(truncatingIfNeeded: sum >> (8 * UInt32(byte))) }
        return batch
    }

    @Test func eventsOfAnImpossibleTimeAreQuarantinedOneByOne() throws {
        let conninfo = try WithDatabase.fresh()
        let aggregator = try WithDatabase.aggregator(conninfo)
        defer { aggregator.stop() }
        let agent = try TestAgent(port: aggregator.port)
        _ = try agent.greet([("alpha", 77)])
        // Forty years ago; the checksum is right and nothing else is wrong.
        try agent.send(batch: Self.batches(1, at: ps_realtime_ns() - 40 * 365 * 86_400 * 1_000_000_000)[0])
        try agent.awaitCommitted([77: 3])
        #expect(try Self.count("SELECT count(*) FROM peerscope.mempool_added", conninfo) == 0)
        #expect(
            try Self.count(
                "SELECT lost_quarantine FROM peerscope.stream_tracepoint WHERE hits = 3", conninfo) == 3)
        #expect(
            try Self.count(
                "SELECT count(*) FROM peerscope.quarantine WHERE first_seq = 1 AND last_seq = 3", conninfo)
                == 1)
        #expect(try Self.count("SELECT records FROM peerscope.stream", conninfo) == 3)
    }

    @Test func aGapBatchMovesTheWatermarkAndIsOnRecord() throws {
        let conninfo = try WithDatabase.fresh()
        let aggregator = try WithDatabase.aggregator(conninfo)
        defer { aggregator.stop() }
        let agent = try TestAgent(port: aggregator.port)
        _ = try agent.greet([("alpha", 77)])
        try agent.send(
            batch: BatchBuilder.gapBatch(
                node: "alpha", streamID: 77, bootID: CaptureBatches.boot, clk: 1, baseMonotonic: 1,
                baseRealtime: 1, first: 1, last: 10, reason: GapReason.spoolBound,
                tallies: [
                    Tally(run: 5, tracepoint: Tracepoint.mempoolAdded.rawValue, delta: 8, cumulative: 8)
                ], ringEpoch: 9))
        try agent.awaitCommitted([77: 10])
        #expect(
            try Self.count(
                "SELECT gap_seqs FROM peerscope.stream WHERE durable_seq = 10 AND records = 0", conninfo)
                == 10)
        #expect(
            try Self.count(
                "SELECT lost_spool FROM peerscope.stream_tracepoint WHERE hits = 8 AND stored = 0", conninfo)
                == 8)
        #expect(
            try Self.count(
                "SELECT count FROM peerscope.event_gap WHERE reason = 'spool_bound' AND last_seq = 10",
                conninfo)
                == 8)
    }

    @Test func whatAHoleTookIsCountedFromTheTalliesBehindIt() throws {
        let conninfo = try WithDatabase.fresh()
        let aggregator = try WithDatabase.aggregator(conninfo)
        defer { aggregator.stop() }
        let agent = try TestAgent(port: aggregator.port)
        _ = try agent.greet([("alpha", 77)])
        let batches = Self.batches(6)
        try agent.send(batch: batches[0])
        // The second cannot be read any more, and nobody knows what was in it.
        try agent.send(
            batch: BatchBuilder.gapBatch(
                node: "alpha", streamID: 77, bootID: CaptureBatches.boot, clk: 1, baseMonotonic: 1,
                baseRealtime: 1, first: 4, last: 6, reason: GapReason.spoolCorrupt, tallies: []))
        try agent.send(batch: batches[2])
        try agent.awaitCommitted([77: 9])
        // The next two were dropped with the third, which had been stored already.
        try agent.send(
            batch: BatchBuilder.gapBatch(
                node: "alpha", streamID: 77, bootID: CaptureBatches.boot, clk: 1, baseMonotonic: 1,
                baseRealtime: 1, first: 10, last: 15, reason: GapReason.spoolBound,
                tallies: [
                    Tally(run: 5, tracepoint: Tracepoint.mempoolAdded.rawValue, delta: 9, cumulative: 15)
                ], ringEpoch: 9))
        try agent.send(batch: batches[5])
        try agent.awaitCommitted([77: 18])
        #expect(
            try Self.count(
                "SELECT lost_spool FROM peerscope.stream_tracepoint WHERE hits = 18 AND stored = 9", conninfo)
                == 9)
    }

    @Test func aRepeatedCoverageMakesNoSecondInterval() throws {
        let conninfo = try WithDatabase.fresh()
        let aggregator = try WithDatabase.aggregator(conninfo)
        defer { aggregator.stop() }
        let agent = try TestAgent(port: aggregator.port)
        _ = try agent.greet([("alpha", 77)])
        var next: UInt64 = 1
        // Opened, told again under a clock pair that is 300 µs off, and closed under another.
        for (index, to) in [0, 0, 9_000_000_000 as UInt64].enumerated() {
            var builder = BatchBuilder(node: "alpha", streamID: 77, bootID: CaptureBatches.boot)
            builder.setClock(
                clk: 1 + UInt32(index), baseMonotonic: 1_000_000_000,
                baseRealtime: ps_realtime_ns() / 1_000_000_000 * 1_000_000_000 + Int64(index) * 300_000)
            ControlRecord.coverage(.init(tracepoint: 1, fromMonotonic: 2_000_000_000, toMonotonic: to))
                .encode(into: &builder, run: 5, monotonic: 3_000_000_000)
            var out = ByteWriter()
            next = builder.seal(firstSequence: next, ringEpoch: 9, ringEnd: 0, into: &out).lastSequence + 1
            try agent.send(batch: out.bytes)
        }
        try agent.awaitCommitted([77: 3])
        #expect(try Self.count("SELECT count(*) FROM peerscope.capture_interval", conninfo) == 1)
        #expect(
            try Self.count(
                "SELECT count(*) FROM peerscope.capture_interval WHERE valid_to > valid_from", conninfo) == 1)
    }

    @Test func aFrameThatIsNoFrameEndsTheConnectionOnly() throws {
        let conninfo = try WithDatabase.fresh()
        let aggregator = try WithDatabase.aggregator(conninfo)
        defer { aggregator.stop() }
        let clumsy = try TestAgent(port: aggregator.port)
        try clumsy.send([0, 0, 0, 1, 1])
        #expect(try clumsy.receive().type == .goodbye)
        let stranger = try TestAgent(port: aggregator.port)
        try stranger.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
        #expect(throws: LinkFailure.self) { try stranger.receive() }
        let agent = try TestAgent(port: aggregator.port)
        #expect(try agent.greet([("alpha", 77)]).streams.count == 1)
        try agent.send(Ping(id: 7, sent: 1))
        let answer = try agent.receive()
        let pong = try Pong(body: answer.body.span.raw)
        #expect(pong.id == 7)
        #expect(pong.received <= pong.sent)
        #expect(pong.sent <= ps_monotonic_ns())
    }
}
