/// Appends integers and byte runs to a buffer that is kept and reused.
///
/// All integers are little-endian unless the name says otherwise.
public struct ByteWriter: Sendable {
    @usableFromInline var written: [UInt8]
    /// What has been written.
    @inlinable public var bytes: [UInt8] { written }

    /// An empty writer with room for `capacity` bytes.
    public init(capacity: Int = 0) {
        written = []
        written.reserveCapacity(capacity)
    }

    /// Bytes written so far.
    @inlinable public var count: Int { written.count }

    /// What has been written, borrowed until the next change.
    @inlinable public var span: RawSpan {
        @_lifetime(borrow self)
        get { written.span.raw }
    }

    /// Forgets what was written and keeps the memory.
    public mutating func removeAll() { written.removeAll(keepingCapacity: true) }

    /// Drops everything after the first `count` bytes.
    public mutating func truncate(to count: Int) { written.removeLast(written.count - count) }

    /// Appends what `body` writes, which is at most `count` bytes.
    ///
    /// Room is made and the memory's owner is asked for once, not at each byte. What `body` would write past the room
    /// is a programming error and traps.
    @inlinable
    public mutating func append(atMost count: Int, _ body: (inout OutputSpan<UInt8>) -> Void) {
        written.append(addingCapacity: count, initializingWith: body)
    }

    @inlinable
    mutating func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        unsafe withUnsafeBytes(of: value) { unsafe written.append(contentsOf: $0) }
    }

    /// Appends a byte.
    @inlinable public mutating func u8(_ value: UInt8) { written.append(value) }
    /// Appends a 16-bit unsigned integer.
    @inlinable public mutating func u16(_ value: UInt16) { store(value.littleEndian) }
    /// Appends a 16-bit unsigned integer in network order.
    @inlinable public mutating func u16BigEndian(_ value: UInt16) { store(value.bigEndian) }
    /// Appends a 32-bit unsigned integer.
    @inlinable public mutating func u32(_ value: UInt32) { store(value.littleEndian) }
    /// Appends a 32-bit unsigned integer in network order.
    @inlinable public mutating func u32BigEndian(_ value: UInt32) { store(value.bigEndian) }
    /// Appends a 64-bit unsigned integer.
    @inlinable public mutating func u64(_ value: UInt64) { store(value.littleEndian) }
    /// Appends a 64-bit unsigned integer in network order.
    @inlinable public mutating func u64BigEndian(_ value: UInt64) { store(value.bigEndian) }
    /// Appends a 32-bit signed integer.
    @inlinable public mutating func i32(_ value: Int32) { store(value.littleEndian) }
    /// Appends a 64-bit signed integer.
    @inlinable public mutating func i64(_ value: Int64) { store(value.littleEndian) }

    /// Appends an unsigned LEB128 integer.
    @inlinable public mutating func varint(_ value: UInt64) {
        append(atMost: OutputSpan<UInt8>.longestVarint) { $0.varint(value) }
    }

    /// Appends a signed integer, zigzag over ``varint(_:)``.
    @inlinable public mutating func zigzag(_ value: Int64) {
        varint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    /// Appends bytes as they are.
    @inlinable public mutating func append(_ run: [UInt8]) { written.append(contentsOf: run) }

    /// Appends borrowed bytes as they are.
    @inlinable public mutating func append(_ run: RawSpan) {
        append(atMost: run.byteCount) { $0.append(run) }
    }

    /// Appends the UTF-8 of `text`.
    @inlinable public mutating func append(utf8 text: String) { written.append(contentsOf: text.utf8) }

    /// Writes a 32-bit unsigned integer over the four bytes at `offset`, which must exist.
    @inlinable public mutating func overwrite(u32 value: UInt32, at offset: Int) {
        for byte in 0..<4 { written[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(byte))) }
    }
    /// Writes a 64-bit unsigned integer over the eight bytes at `offset`, which must exist.
    @inlinable public mutating func overwrite(u64 value: UInt64, at offset: Int) {
        for byte in 0..<8 { written[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte))) }
    }
}
