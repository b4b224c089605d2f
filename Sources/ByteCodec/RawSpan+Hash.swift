extension RawSpan {
    /// A hash of these bytes for tables in memory, different for every `seed`.
    ///
    /// Eight bytes at a time through a 64 × 64 → 128 bit multiplication. It is not for anything that is
    /// stored or sent.
    public func seededHash(_ seed: UInt64) -> UInt64 {
        var hash = seed ^ UInt64(truncatingIfNeeded: byteCount)
        var offset = 0
        while byteCount - offset >= 8 {
            // Proof: offset + 8 ≤ byteCount, and every bit pattern is an integer.
            let word = unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
            hash = Self.mix(hash ^ word)
            offset += 8
        }
        var tail: UInt64 = 0
        while offset < byteCount {
            let byte = unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
            tail = tail << 8 | UInt64(byte)
            offset += 1
        }
        return Self.mix(Self.mix(hash ^ tail) ^ seed)
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        let product = (value ^ 0xa076_1d64_78bd_642f).multipliedFullWidth(by: 0xe703_7ed1_a0b4_28db)
        return product.high ^ product.low
    }
}
