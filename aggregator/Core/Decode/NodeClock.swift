/// The node's own clock against the host's: offset ∈ [low, high] seconds, where node clock = ts + offset.
///
/// Known from the node's own outbound `version` messages: a version with time T (whole seconds, cut) sent at ts
/// says T − ts ≤ offset < T + 1 − ts. Not near 0 under mocktime, or when a capture is replayed later.
struct NodeClock: Equatable {
    var low: Double?
    var high: Double?

    /// Takes in a `version` message of ours; bounds that contradict the ones before replace them.
    mutating func observe(version seconds: Int64, atMicros micros: Int64) {
        let newLow = Double(seconds) - Double(micros) / 1e6
        let newHigh = newLow + 1
        let narrowedLow = max(low ?? newLow, newLow)
        let narrowedHigh = min(high ?? newHigh, newHigh)
        (low, high) = narrowedLow <= narrowedHigh ? (narrowedLow, narrowedHigh) : (newLow, newHigh)
    }

    /// The offset to use: 0 if the bounds allow it, else their middle.
    var offset: Double {
        guard let low, let high, !(low <= 0 && 0 <= high) else { return 0 }
        return (low + high) / 2
    }

    /// The node's own idea of the time, in seconds since 1970.
    func seconds(atMicros micros: Int64) -> Double { Double(micros) / 1e6 + offset }
}
