import ByteCodec
import CollectorProtocol
import Testing
import Tracepoints

@Suite struct TallyTests {
    private func seal(_ builder: inout BatchBuilder, epoch: UInt64) throws -> [Tally] {
        var out = ByteWriter()
        builder.seal(firstSequence: 1, ringEpoch: epoch, ringEnd: 0, into: &out)
        return try BatchReader(out.span).tallies
    }

    @Test func aCheckpointCarriesEveryTallyEverCounted() throws {
        var builder = Sample.builder()
        builder.setCumulative(run: 9, tracepoint: 4, value: 40)
        Sample.addEvent(.mempoolAdded, at: Sample.base, to: &builder)
        #expect(try seal(&builder, epoch: 1).count == 1)
        Sample.addEvent(.mempoolRejected, at: Sample.base, to: &builder)
        builder.checkpointNext()
        let tallies = try seal(&builder, epoch: 1)
        #expect(tallies.contains(Tally(run: 9, tracepoint: 4, delta: 0, cumulative: 40)))
        #expect(tallies.contains(Tally(run: Sample.run, tracepoint: 17, delta: 0, cumulative: 1)))
        #expect(tallies.contains(Tally(run: Sample.run, tracepoint: 20, delta: 1, cumulative: 1)))
        #expect(tallies.count == 3)
        Sample.addEvent(.mempoolRejected, at: Sample.base, to: &builder)
        #expect(
            try seal(&builder, epoch: 1) == [Tally(run: Sample.run, tracepoint: 20, delta: 1, cumulative: 2)])
    }

    @Test func aBatchClaimsNoMoreEventsThanItHasRecords() throws {
        var builder = Sample.builder()
        Sample.addEvent(.mempoolAdded, at: Sample.base, to: &builder)
        Sample.addEvent(.mempoolAdded, at: Sample.base, to: &builder)
        var out = ByteWriter()
        builder.seal(firstSequence: 1, ringEpoch: 1, ringEnd: 0, into: &out)
        #expect(try BatchReader(out.span).tallies.map(\.delta) == [2])
        // run 0, mempool:added (17), delta 2, cumulative 2
        let at = try #require(out.bytes.indices.last { out.bytes[$0...].starts(with: [0, 17, 2, 2]) })
        var forged = out.bytes
        forged[at + 2] = 3
        forged = withValidChecksum(forged)
        #expect(throws: BatchError.badTable(table: "tallies", index: 0, rule: "no more events than records"))
        {
            _ = try BatchReader(forged.span.raw).tallies
        }
    }

    @Test func countsGoOnBehindWhatWasRestored() throws {
        var builder = Sample.builder()
        builder.setCumulative(run: Sample.run, tracepoint: 17, value: 100)
        Sample.addEvent(.mempoolAdded, at: Sample.base, to: &builder)
        #expect(
            try seal(&builder, epoch: 5) == [
                Tally(run: Sample.run, tracepoint: 17, delta: 1, cumulative: 101)
            ])
    }

    @Test func aNewRingEpochCountsFromZero() throws {
        var builder = Sample.builder()
        Sample.addEvent(.mempoolAdded, at: Sample.base, to: &builder)
        _ = try seal(&builder, epoch: 5)
        Sample.addEvent(.mempoolAdded, at: Sample.base, to: &builder)
        #expect(try seal(&builder, epoch: 6)[0].cumulative == 1)
    }

    @Test func anEndedRunIsForgottenAndTheOthersAreKept() throws {
        var builder = Sample.builder()
        builder.setCumulative(run: 9, tracepoint: 4, value: 40)
        builder.setCumulative(run: 10, tracepoint: 5, value: 50)
        Sample.addEvent(.mempoolAdded, at: Sample.base, to: &builder)
        builder.forget(run: Sample.run)  // Not yet: it has an event that is not sealed.
        builder.forget(run: 9)
        builder.checkpointNext()
        #expect(
            Set(try seal(&builder, epoch: 1).map(\.run)) == [10, Sample.run])
        builder.forget(run: Sample.run)
        Sample.addEvent(.mempoolRejected, at: Sample.base, to: &builder)
        builder.checkpointNext()
        let tallies = try seal(&builder, epoch: 1)
        #expect(tallies.contains(Tally(run: 10, tracepoint: 5, delta: 0, cumulative: 50)))
        #expect(tallies.contains(Tally(run: Sample.run, tracepoint: 20, delta: 1, cumulative: 1)))
        #expect(tallies.count == 2)
    }

    @Test func controlRecordsAreNotCounted() throws {
        var builder = Sample.builder()
        for control in Sample.controls { control.encode(into: &builder, run: nil, monotonic: Sample.base) }
        #expect(try seal(&builder, epoch: 1).isEmpty)
    }
}
