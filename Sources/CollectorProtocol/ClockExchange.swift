/// What four timestamps say about two monotonic clocks.
///
/// Θ is the aggregator's clock minus the node's. A ping that left at T1 arrived at T2, so Θ ≤ T2 − T1; the
/// answer that left at T3 arrived at T4, so Θ ≥ T3 − T4. Both hold for any asymmetry of the way.
public struct ClockExchange: Sendable, Equatable {
    /// Θ is at least this many nanoseconds.
    public let low: Int64
    /// Θ is at most this many nanoseconds.
    public let high: Int64

    /// The bounds, or nil when the timestamps contradict each other or are not below 2⁶³.
    public init?(t1: UInt64, t2: UInt64, t3: UInt64, t4: UInt64) {
        guard let t1 = Int64(exactly: t1), let t2 = Int64(exactly: t2), let t3 = Int64(exactly: t3),
            let t4 = Int64(exactly: t4), t1 <= t4, t2 <= t3, t3 - t2 <= t4 - t1
        else { return nil }
        low = t3 - t4
        high = t2 - t1
    }
}

/// One exchange of timestamps with the aggregator, ready for a ``ClockSample`` record.
public struct ClockMeasurement: Sendable, Equatable {
    /// T4: the node's CLOCK_MONOTONIC at which the answer came, and the record's time.
    public let monotonic: UInt64
    /// Bounds of Θ.
    public let bounds: ClockExchange
    /// The boot of the aggregator's host.
    public let reference: BootID
    /// Realtime − monotonic of that host in nanoseconds, fixed for its boot.
    public let referenceOffset: Int64
    /// Its realtime − monotonic now.
    public let realMinusMono: Int64
    /// Its kernel's maxerror in nanoseconds; `UInt64.max` when unknown.
    public let maxError: UInt64
    /// Whether its kernel's clock is synchronised.
    public let isSynchronised: Bool

    /// The record, with what the node's own kernel says about its wall clock.
    public func sample(nodeRealMinusMono: Int64, nodeMaxError: UInt64, nodeSynchronised: Bool) -> ClockSample
    {
        ClockSample(
            lowNanoseconds: bounds.low, highNanoseconds: bounds.high, reference: reference,
            referenceOffset: referenceOffset, aggregatorRealMinusMono: realMinusMono,
            aggregatorMaxError: maxError, aggregatorSynchronised: isSynchronised,
            nodeRealMinusMono: nodeRealMinusMono, nodeMaxError: nodeMaxError,
            nodeSynchronised: nodeSynchronised)
    }
}
