extension RawSpan {
    /// The first and the last eight bytes as integers, overlapping where there are fewer than sixteen.
    ///
    /// No other run of the same length up to sixteen bytes gives the same.
    @inlinable @inline(__always)
    public var ends: (first: UInt64, last: UInt64) {
        let count = byteCount
        guard count >= 8 else { return (fewBytes, 0) }
        return (integer(at: 0, as: UInt64.self), integer(at: count - 8, as: UInt64.self))
    }

    /// A hash of these bytes for tables in memory, different for every `seed`.
    ///
    /// A 64 × 64 → 128 bit multiplication for each sixteen bytes. Both factors are masked with what only the process
    /// knows, so that nobody can choose bytes that make one of them 0 and the other not matter. It is not for anything
    /// that is stored or sent.
    @inlinable @inline(__always)
    public func seededHash(_ seed: UInt64) -> UInt64 {
        let count = byteCount
        var hash = (seed &* 0xe703_7ed1_a0b4_28db) ^ UInt64(truncatingIfNeeded: count)
        // What lies between the ends, as far as they do not reach it.
        var offset = 8
        while offset < count - 8 {
            hash = Self.folded(integer(at: offset, as: UInt64.self) ^ seed, hash)
            offset += 8
        }
        let ends = ends
        return Self.folded(ends.first ^ seed, ends.last ^ hash)
    }

    @inlinable
    static func folded(_ one: UInt64, _ other: UInt64) -> UInt64 {
        let product = one.multipliedFullWidth(by: other)
        return product.high ^ product.low
    }
}
