extension OutputSpan where Element == UInt8 {
    /// The most bytes that ``varint(_:)`` and ``zigzag(_:)`` append.
    @inlinable public static var longestVarint: Int { 10 }

    /// Appends an unsigned LEB128 integer, for which there must be room.
    @inlinable @inline(__always) @_lifetime(self: copy self)
    public mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    /// Appends a signed integer, zigzag over ``varint(_:)``.
    @inlinable @inline(__always) @_lifetime(self: copy self)
    public mutating func zigzag(_ value: Int64) {
        varint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    /// Appends borrowed bytes as they are, for which there must be room.
    @inlinable @_lifetime(self: copy self)
    public mutating func append(_ run: RawSpan) {
        precondition(run.byteCount <= freeCapacity, "more bytes than there is room for")
        // Proof: the room behind `filled` was checked above, it is nobody's but ours, and bytes need no alignment.
        unsafe withUnsafeMutableBufferPointer { room, filled in
            guard let start = room.baseAddress else { return }
            unsafe run.withUnsafeBytes { run in
                guard let from = run.baseAddress else { return }
                unsafe UnsafeMutableRawPointer(start + filled).copyMemory(from: from, byteCount: run.count)
            }
            filled += run.byteCount
        }
    }
}
