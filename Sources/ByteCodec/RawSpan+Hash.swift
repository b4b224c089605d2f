extension RawSpan {
    /// A hash of these bytes for tables in memory, different for every `seed`.
    ///
    /// Sixteen bytes at a time through a 64 × 64 → 128 bit multiplication, the last sixteen overlapping those before.
    /// Both factors are masked with what only the process knows, so that nobody can choose bytes that make one of them
    /// 0 and the other not matter. It is not for anything that is stored or sent.
    @inlinable
    public func seededHash(_ seed: UInt64) -> UInt64 {
        let count = byteCount
        let other = Self.folded(seed ^ 0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db)
        var hash = other ^ UInt64(truncatingIfNeeded: count)
        guard count >= 8 else { return Self.last(Self.folded(fewBytes ^ seed, hash), other) }
        var offset = 0
        while offset < count - 16 {
            hash = Self.folded(
                integer(at: offset, as: UInt64.self) ^ seed,
                integer(at: offset + 8, as: UInt64.self) ^ hash)
            offset += 16
        }
        return Self.last(
            Self.folded(
                integer(at: Swift.max(0, count - 16), as: UInt64.self) ^ seed,
                integer(at: count - 8, as: UInt64.self) ^ hash), other)
    }

    @inlinable
    static func folded(_ one: UInt64, _ other: UInt64) -> UInt64 {
        let product = one.multipliedFullWidth(by: other)
        return product.high ^ product.low
    }

    @inlinable
    static func last(_ hash: UInt64, _ other: UInt64) -> UInt64 {
        folded(hash ^ 0x8ebc_6af0_9c88_c6e3, other | 1)
    }
}
