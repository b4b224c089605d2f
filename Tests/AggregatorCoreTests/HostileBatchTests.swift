import ByteCodec
import CollectorProtocol
import Testing
import Tracepoints

@testable import AggregatorCore

/// Batches that no agent of ours writes, found by fuzzing: they are stored or refused, and never end the aggregator.
@Suite struct HostileBatchTests {
    private let state = StreamState(key: StreamKey(node: 1, stream: 77), nodeName: "alpha", durable: 0)
    private let decoder = BatchDecoder(DecodeSettings())

    private func apply(_ bytes: [UInt8]) throws {
        let batch = try BatchReader(bytes.span.raw)
        let everything = Int64.min...Int64.max
        let survey = try BatchSurvey(batch, accepted: everything)
        try decoder.apply(batch, survey: survey, accepted: everything, to: state)
    }

    private func gap(_ numbers: ClosedRange<UInt64>, _ tallies: [Tally]) -> [UInt8] {
        BatchBuilder.gapBatch(
            node: "alpha", streamID: 77, bootID: .zero, clk: 1, baseMonotonic: 1000,
            baseRealtime: 1_700_000_000_000_000_000, first: numbers.lowerBound, last: numbers.upperBound,
            reason: GapReason.spoolBound, tallies: tallies)
    }

    /// A batch of one event of the process that the gaps are about.
    private func event(_ sequence: UInt64) -> [UInt8] {
        var builder = BatchBuilder(node: "alpha", streamID: 77, bootID: .zero)
        builder.setClock(clk: 1, baseMonotonic: 1000, baseRealtime: 1_700_000_000_000_000_000)
        builder.begin(kind: Tracepoint.mempoolAdded.rawValue, run: 42, tid: 1, monotonic: 1000)
        builder.hash([UInt8](repeating: 7, count: 32).span.raw)
        builder.signed(141)
        builder.signed(1410)
        builder.end()
        var out = ByteWriter()
        builder.seal(firstSequence: sequence, ringEpoch: 0, ringEnd: 0, into: &out)
        return out.bytes
    }

    private func tally(_ tracepoint: Tracepoint, delta: UInt64, cumulative: UInt64 = 0) -> Tally {
        Tally(run: 42, tracepoint: tracepoint.rawValue, delta: delta, cumulative: cumulative)
    }

    @Test func `losses that add up to more than a number holds are the largest number`() throws {
        let most = UInt64.max
        try apply(gap(1...9, [tally(.mempoolAdded, delta: most), tally(.mempoolRemoved, delta: most)]))
        #expect(state.durable == 9)
        #expect(decoder.rollups.statements.count == 1)
        #expect(decoder.rollups.statements.first?.parameters.contains("\(Int64.max)") == true)
        try apply(gap(10...19, [tally(.mempoolAdded, delta: most)]))
        #expect(state.durable == 19)
    }

    @Test func `events behind such a loss are stored`() throws {
        try apply(gap(1...9, [tally(.mempoolAdded, delta: .max)]))
        try apply(event(10))
        try apply(event(11))
        #expect(state.durable == 11)
        let key = CountsKey(run: 42, epoch: 0, tracepoint: .mempoolAdded)
        #expect(state.counts[key]?.stored == 2)
        #expect(state.counts[key]?.lostSpool == .max)
        #expect(state.counts[key]?.settled == .max)
    }
}
