import ByteCodec
import CollectorProtocol
import Testing

@testable import AggregatorCore

struct ClockTrackTests {
    /// The header of a batch of segment `clk`, which begins `at` seconds.
    private static func header(clk: UInt32, at seconds: UInt64) throws -> BatchHeader {
        var builder = BatchBuilder(node: "alpha", streamID: 1, bootID: CaptureBatches.boot)
        builder.setClock(
            clk: clk, baseMonotonic: seconds * 1_000_000_000,
            baseRealtime: 1_700_000_000_000_000_000 + Int64(seconds) * 1_000_000_000)
        builder.begin(
            kind: ControlKind.clockStep.rawValue, run: nil, tid: 0, monotonic: seconds * 1_000_000_000)
        builder.signed(0)
        builder.end()
        var out = ByteWriter()
        return builder.seal(firstSequence: 1, ringEpoch: 1, ringEnd: 1, into: &out)
    }

    private static func sample(at seconds: Int64, clk: Int32) -> TrackedSample {
        let jitter = seconds * 7919 % 1000 * 1000
        return TrackedSample(
            bound: ClockBound(
                monotonic: seconds * 1_000_000_000, low: 5_000_000_000 - jitter,
                high: 5_000_000_000 + 1_000_000 - jitter / 2),
            bootID: CaptureBatches.boot, clk: clk, reference: CaptureBatches.boot,
            referenceOffset: 1_699_999_995_000_000_000, aggregatorMaxError: nil)
    }

    /// Final outcomes of four minutes in four segments, flushed after every `step` samples.
    private static func outcomes(flushedEvery step: Int) throws -> [Int32: ClockSegment.Outcome] {
        var track = ClockTrack()
        var final: [Int32: ClockSegment.Outcome] = [:]
        for second in 0..<240 {
            let clk = Int32(second / 60 + 1)
            let mono = Int64(second) * 1_000_000_000
            track.begin(try header(clk: UInt32(clk), at: UInt64(clk - 1) * 60), first: mono, last: mono)
            track.observe(sample(at: Int64(second), clk: clk))
            if second % step == 0 { track.flush { if $0.isFinal { final[$0.clk] = $0.outcome } } }
        }
        track.flush { if $0.isFinal { final[$0.clk] = $0.outcome } }
        return final
    }

    @Test func finalSegmentsDoNotDependOnTransactions() throws {
        let one = try Self.outcomes(flushedEvery: 1)
        #expect(one.keys.sorted() == [1, 2, 3])
        #expect(try Self.outcomes(flushedEvery: 7) == one)
        #expect(try Self.outcomes(flushedEvery: 1000) == one)
        for outcome in one.values {
            #expect(outcome.quality == .exchange)
            #expect(outcome.error ?? .max < 1_000_000)
            // Θ is 5 s and the offset of the reference 5 s less than the node's own time: nothing to correct.
            #expect(abs(outcome.correction ?? .max) < 1_000_000)
        }
    }

    @Test func aSegmentIsProvisionalUntilASampleAfterItsEnd() throws {
        var track = ClockTrack()
        track.begin(try Self.header(clk: 1, at: 0), first: 0, last: 30_000_000_000)
        track.observe(Self.sample(at: 10, clk: 1))
        var seen: [(Int32, Bool, Bool)] = []
        track.flush { seen.append(($0.clk, $0.isClosed, $0.isFinal)) }
        #expect(seen.count == 1 && seen[0] == (1, false, false))
        track.begin(try Self.header(clk: 2, at: 60), first: 60_000_000_000, last: 60_000_000_000)
        track.observe(Self.sample(at: 61, clk: 2))
        seen = []
        track.flush { seen.append(($0.clk, $0.isClosed, $0.isFinal)) }
        #expect(seen.count == 2 && seen[0] == (1, true, true) && seen[1] == (2, false, false))
    }
}
