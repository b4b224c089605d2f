/// One exchange of CLOCK_MONOTONIC stamps: bounds of Θ = mono_agg − mono_node at the node's time `monotonic`.
///
/// All values are nanoseconds.
public struct ClockBound: Sendable, Equatable {
    /// CLOCK_MONOTONIC of the node's host.
    public var monotonic: Int64
    /// Lower bound of Θ.
    public var low: Int64
    /// Upper bound of Θ; equal to ``low`` where both clocks are the same one, as in a capture.
    public var high: Int64
    /// What NTP says about Θ, when both sides are synchronised: (R_n − R_a) ± (maxerr_n + maxerr_a).
    public var ntp: ClosedRange<Int64>?

    /// A bound.
    public init(monotonic: Int64, low: Int64, high: Int64, ntp: ClosedRange<Int64>? = nil) {
        self.monotonic = monotonic
        self.low = low
        self.high = high
        self.ntp = ntp
    }
}

/// How good a correction is; the text of `clock_segment.quality`.
public enum ClockQuality: String, Sendable {
    /// Both sides read the same clock.
    case exact
    /// Narrowed by NTP on both sides.
    case ntp
    /// From the exchanges of timestamps alone.
    case exchange
    /// No exchange yet.
    case provisional
    /// The exchanges contradict each other: a clock jumped, or drifts more than ρ. No error can be given.
    case clockFault = "clock_fault"
    /// NTP contradicts the exchanges, which are kept.
    case ntpFault = "ntp_fault"
}

/// Estimates Θ = mono_agg − mono_node over a span of the node's time from bounds before, in and after it.
///
/// Each sample i holds at any time m when it is widened by the largest drift: Θ(m) ∈ [lo_i − ρ|m − m_i|,
/// hi_i + ρ|m − m_i|]. I(m) is the intersection over all samples within 120 s of the span, and the estimate is
/// the hull of I(m) over the span. The upper envelope is a minimum of V shapes, so its maxima lie at the span's
/// ends, at samples, or between neighbours, where it is (H_i + H_{i+1} + ρΔ) / 2; the lower one likewise.
public enum ClockEstimator {
    /// Nanoseconds by which samples before and after a span may be away from it.
    public static let reach: Int64 = 120_000_000_000
    /// ρ = 100 ppm, as a divisor.
    static let driftDivisor: Int64 = 10_000
    /// Larger values are nobody's clock; they are refused so that sums cannot overflow.
    static let largest: Int64 = 1 << 61

    /// What the samples say about a span.
    public struct Estimate: Sendable, Equatable {
        /// The hull of I(m), nil without samples or when they contradict each other.
        public var hull: ClosedRange<Int64>?
        /// How it came about.
        public var quality: ClockQuality

        /// Its middle.
        public var middle: Int64? { hull.map { $0.lowerBound + ($0.upperBound - $0.lowerBound) / 2 } }
        /// Half its width, rounded up.
        public var error: Int64? { hull.map { ($0.upperBound - $0.lowerBound + 1) / 2 } }
    }

    /// The estimate for the node's times `from … to`.
    ///
    /// - Parameter samples: bounds against one reference and from one boot of the node, in any order.
    public static func estimate(_ samples: [ClockBound], from: Int64, to: Int64) -> Estimate {
        let span = from...max(from, to)
        let near = samples.filter {
            $0.monotonic >= span.lowerBound - reach && $0.monotonic <= span.upperBound + reach && isSane($0)
        }.sorted { $0.monotonic < $1.monotonic }
        guard let first = near.first else { return Estimate(hull: nil, quality: .provisional) }
        if near.allSatisfy({ $0.low == $0.high }) {
            // One and the same clock cannot drift against itself.
            let hull = near.reduce(first.low...first.low) {
                min($0.lowerBound, $1.low)...max($0.upperBound, $1.low)
            }
            return Estimate(hull: hull, quality: .exact)
        }
        guard let exchange = hull(near, over: span) else { return Estimate(hull: nil, quality: .clockFault) }
        guard near.contains(where: { $0.ntp != nil }) else {
            return Estimate(hull: exchange, quality: .exchange)
        }
        let narrowed = near.map { sample -> ClockBound in
            guard let ntp = sample.ntp else { return sample }
            return ClockBound(
                monotonic: sample.monotonic, low: max(sample.low, ntp.lowerBound),
                high: min(sample.high, ntp.upperBound))
        }
        guard let both = hull(narrowed, over: span) else {
            return Estimate(hull: exchange, quality: .ntpFault)
        }
        return Estimate(hull: both, quality: .ntp)
    }

    private static func isSane(_ sample: ClockBound) -> Bool {
        [sample.low, sample.high, sample.ntp?.lowerBound ?? 0, sample.ntp?.upperBound ?? 0]
            .allSatisfy { $0.magnitude <= UInt64(largest) } && sample.low <= sample.high
    }

    /// The hull of I(m) over `span`, or nil when I(m) is empty somewhere in it. `samples` are in order of time.
    private static func hull(
        _ samples: [ClockBound], over span: ClosedRange<Int64>
    ) -> ClosedRange<Int64>? {
        let times = samples.map(\.monotonic)
        let upper = envelope(times, samples.map(\.high))
        // The lower envelope is the upper one of the negated bounds.
        let lower = envelope(times, samples.map { -$0.low })
        var checked = [span.lowerBound, span.upperBound]
        checked += times.filter { span.contains($0) }
        for time in checked where -value(times, lower, at: time) > value(times, upper, at: time) {
            return nil
        }
        return -maximum(times, lower, over: span)...maximum(times, upper, over: span)
    }

    /// H_i = min over j of (high_j + ρ|m_i − m_j|).
    static func envelope(_ times: [Int64], _ highs: [Int64]) -> [Int64] {
        var envelope = highs
        for index in envelope.indices.dropFirst() {
            envelope[index] = min(
                envelope[index], envelope[index - 1] + drift(times[index] - times[index - 1]))
        }
        for index in envelope.indices.dropLast().reversed() {
            envelope[index] = min(
                envelope[index], envelope[index + 1] + drift(times[index + 1] - times[index]))
        }
        return envelope
    }

    /// The envelope at any time.
    private static func value(_ times: [Int64], _ envelope: [Int64], at time: Int64) -> Int64 {
        // Binary search for the first sample at or after `time`.
        var low = 0
        var high = times.count
        while low < high {
            let middle = (low + high) / 2
            if times[middle] < time { low = middle + 1 } else { high = middle }
        }
        let after = low < times.count ? envelope[low] + drift(times[low] - time) : .max
        let before = low > 0 ? envelope[low - 1] + drift(time - times[low - 1]) : .max
        return min(after, before)
    }

    /// The envelope's maximum over `span`.
    private static func maximum(
        _ times: [Int64], _ envelope: [Int64], over span: ClosedRange<Int64>
    ) -> Int64 {
        var maximum = max(
            value(times, envelope, at: span.lowerBound), value(times, envelope, at: span.upperBound))
        for index in times.indices where span.contains(times[index]) {
            maximum = max(maximum, envelope[index])
        }
        for index in times.indices.dropLast() {
            let gap = times[index + 1] - times[index]
            // Where the two slopes meet; inside the gap, since the envelope is nowhere steeper than ρ.
            let peakTime =
                times[index] + gap / 2 + (envelope[index + 1] - envelope[index]) * (driftDivisor / 2)
            guard span.contains(peakTime) else { continue }
            maximum = max(maximum, (envelope[index] + envelope[index + 1] + drift(gap) + 1) / 2)
        }
        return maximum
    }

    /// ρ·Δ, rounded up.
    private static func drift(_ gap: Int64) -> Int64 { (gap + driftDivisor - 1) / driftDivisor }
}
