internal import CollectorProtocol
internal import PostgreSQL

/// A span of a node's time with one clock pair: the row of `clock_segment`.
struct ClockSegment {
    let clk: Int32
    let bootID: BootID
    /// The node's realtime minus monotonic in this segment.
    let realMinusMono: Int64
    /// CLOCK_MONOTONIC where it begins, and the latest seen or where it ended.
    var from: Int64
    var to: Int64
    /// Whether a newer segment has begun.
    var isClosed = false
    /// Whether later samples change it no more.
    var isFinal = false
    var isDirty = true
    var outcome = Outcome()

    /// What its samples gave.
    struct Outcome: Equatable {
        var correction: Int64?
        var error: Int64?
        var reference: BootID?
        var referenceMaxError: Int64?
        var quality = ClockQuality.provisional
    }
}

/// A clock sample with what its row needs to be estimated with again.
struct TrackedSample {
    let bound: ClockBound
    let bootID: BootID
    let clk: Int32
    let reference: BootID
    let referenceOffset: Int64
    let aggregatorMaxError: Int64?
}

/// The clock segments of one node that are not final yet, and the samples they need.
///
/// A segment becomes final at the first sample after its end, or at the third of a newer one: at a record, not
/// at a transaction's end, so that the result does not depend on how records fell into transactions.
struct ClockTrack {
    private(set) var segments: [ClockSegment] = []
    private(set) var samples: [TrackedSample] = []

    init() {}

    /// Takes in what the database holds.
    init(segments: [ClockSegment], samples: [TrackedSample]) {
        self.segments = segments
        self.samples = samples
    }

    /// A batch with clock pair `header` and records between `first` and `last` begins.
    mutating func begin(_ header: BatchHeader, first: Int64, last: Int64) {
        let clk = Int32(clamping: header.clk)
        let base = Int64(clamping: header.baseMonotonic)
        if let index = segments.lastIndex(where: { $0.clk == clk && $0.bootID == header.bootID }) {
            guard !segments[index].isFinal else { return }
            if first < segments[index].from || last > segments[index].to { segments[index].isDirty = true }
            segments[index].from = min(segments[index].from, first)
            segments[index].to = max(segments[index].to, last)
            return
        }
        for index in segments.indices where !segments[index].isClosed && segments[index].clk < clk {
            segments[index].isClosed = true
            segments[index].isDirty = true
            if segments[index].bootID == header.bootID { segments[index].to = max(segments[index].to, base) }
        }
        segments.append(
            ClockSegment(
                clk: clk, bootID: header.bootID, realMinusMono: header.baseRealtime &- base,
                from: min(base, first), to: max(base, last)))
    }

    /// Takes in a sample and makes final what it completes.
    mutating func observe(_ sample: TrackedSample) {
        samples.append(sample)
        for index in segments.indices where !segments[index].isFinal {
            segments[index].isDirty = true
            guard segments[index].isClosed else { continue }
            let segment = segments[index]
            let isAfter = sample.bootID == segment.bootID && sample.bound.monotonic > segment.to
            let newer = samples.count { $0.clk > segment.clk }
            guard isAfter || newer >= 3 else { continue }
            segments[index].outcome = outcome(of: segment)
            segments[index].isFinal = true
        }
    }

    /// Computes what samples changed, hands every changed segment to `body`, and forgets what is final.
    mutating func flush(_ body: (ClockSegment) -> Void) {
        for index in segments.indices where segments[index].isDirty {
            if !segments[index].isFinal { segments[index].outcome = outcome(of: segments[index]) }
            body(segments[index])
            segments[index].isDirty = false
        }
        let newest = segments.map(\.clk).max()
        segments.removeAll { $0.isFinal && $0.clk != newest }
        let open = segments
        samples.removeAll { sample in
            !open.contains { segment in
                sample.clk >= segment.clk
                    || sample.bootID == segment.bootID
                        && sample.bound.monotonic >= segment.from - ClockEstimator.reach
            }
        }
    }

    private func outcome(of segment: ClockSegment) -> ClockSegment.Outcome {
        let near = samples.filter {
            $0.bootID == segment.bootID
                && $0.bound.monotonic >= segment.from - ClockEstimator.reach
                && $0.bound.monotonic <= segment.to + ClockEstimator.reach
        }
        guard let latest = near.last else { return ClockSegment.Outcome() }
        let estimate = ClockEstimator.estimate(
            near.filter { $0.reference == latest.reference }.map(\.bound), from: segment.from, to: segment.to)
        return ClockSegment.Outcome(
            correction: estimate.middle.map { $0 &+ latest.referenceOffset &- segment.realMinusMono },
            error: estimate.error, reference: latest.reference,
            referenceMaxError: latest.aggregatorMaxError, quality: estimate.quality)
    }
}

extension ClockSegment {
    static let columns = [
        "node_id", "clk", "boot_id", "valid_from", "valid_to", "corr_ns", "eps_ns", "reference",
        "ref_maxerror_ns", "quality", "provisional", "from_mono_ns", "to_mono_ns", "real_minus_mono_ns",
    ]

    func write(node: Int32, into rows: inout CopyBuffer) {
        rows.beginRow(columns: Int16(Self.columns.count))
        rows.int32(node)
        rows.int32(clk)
        rows.uuid(bootID.bytes)
        rows.timestamp(unixNanoseconds: from &+ realMinusMono)
        rows.timestamp(unixNanoseconds: isClosed ? to &+ realMinusMono : nil)
        rows.int64(outcome.correction)
        rows.int64(outcome.error)
        rows.uuid(outcome.reference?.bytes)
        rows.int64(outcome.referenceMaxError)
        rows.verbatim(outcome.quality.rawValue)
        rows.bool(!isFinal)
        rows.int64(from)
        rows.int64(to)
        rows.int64(realMinusMono)
    }
}
