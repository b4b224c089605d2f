extension RawSpan {
    /// The byte at `offset`, which must be inside.
    @inlinable
    public func byte(at offset: Int) -> UInt8 {
        precondition(offset >= 0 && offset < byteCount, "byte offset out of bounds")
        return unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// Whether these bytes begin with `prefix`.
    @inlinable
    public func starts<let count: Int>(with prefix: InlineArray<count, UInt8>) -> Bool {
        guard byteCount >= count else { return false }
        for index in 0..<count where byte(at: index) != prefix[index] { return false }
        return true
    }

    /// A copy of these bytes.
    @inlinable
    public func copied() -> [UInt8] {
        unsafe withUnsafeBytes { unsafe [UInt8]($0) }
    }

    /// These bytes as text; whatever is not UTF-8 becomes U+FFFD.
    @inlinable
    public func text() -> String {
        unsafe withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    }

    /// The little-endian integer at `offset`, all of which must be inside.
    @inlinable
    public func integer<T: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as _: T.Type) -> T {
        precondition(
            offset >= 0 && offset <= byteCount - MemoryLayout<T>.size, "integer out of bounds"
        )
        // Proof: offset + size ≤ byteCount was checked above, and every bit pattern is an integer.
        return T(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// Whether both hold the same bytes.
    ///
    /// Eight at a time, the last eight overlapping those before: most runs that are compared are short, and a call to
    /// `memcmp` would cost more than they do.
    @inlinable @inline(__always)
    public func hasSameBytes(as other: RawSpan) -> Bool {
        let count = byteCount
        guard count == other.byteCount else { return false }
        guard count >= 8 else { return fewBytes == other.fewBytes }
        var offset = 0
        while offset < count - 8 {
            if integer(at: offset, as: UInt64.self) != other.integer(at: offset, as: UInt64.self) {
                return false
            }
            offset += 8
        }
        return integer(at: count - 8, as: UInt64.self) == other.integer(at: count - 8, as: UInt64.self)
    }

    /// Fewer than eight bytes as one integer, of which no other run of the same length gives the same.
    @inlinable @inline(__always)
    var fewBytes: UInt64 {
        let count = byteCount
        if count >= 4 {
            return UInt64(integer(at: 0, as: UInt32.self))
                | UInt64(integer(at: count - 4, as: UInt32.self)) << 32
        }
        guard count > 0 else { return 0 }
        return UInt64(byte(at: 0)) | UInt64(byte(at: count / 2)) << 8 | UInt64(byte(at: count - 1)) << 16
    }
}
