/// Appends integers and byte runs to a buffer that is kept and reused.
///
/// All integers are little-endian unless the name says otherwise.
public struct ByteWriter: Sendable {
    /// What has been written.
    public private(set) var bytes: [UInt8]

    /// An empty writer with room for `capacity` bytes.
    public init(capacity: Int = 0) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Bytes written so far.
    @inlinable public var count: Int { bytes.count }

    /// What has been written, borrowed until the next change.
    public var span: RawSpan {
        @_lifetime(borrow self)
        get { bytes.span.raw }
    }

    /// Forgets what was written and keeps the memory.
    public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Drops everything after the first `count` bytes.
    public mutating func truncate(to count: Int) { bytes.removeLast(bytes.count - count) }

    @usableFromInline
    mutating func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        unsafe withUnsafeBytes(of: value) { unsafe bytes.append(contentsOf: $0) }
    }

    /// Appends a byte.
    public mutating func u8(_ value: UInt8) { bytes.append(value) }
    /// Appends a 16-bit unsigned integer.
    public mutating func u16(_ value: UInt16) { store(value.littleEndian) }
    /// Appends a 16-bit unsigned integer in network order.
    public mutating func u16BigEndian(_ value: UInt16) { store(value.bigEndian) }
    /// Appends a 32-bit unsigned integer.
    public mutating func u32(_ value: UInt32) { store(value.littleEndian) }
    /// Appends a 32-bit unsigned integer in network order.
    public mutating func u32BigEndian(_ value: UInt32) { store(value.bigEndian) }
    /// Appends a 64-bit unsigned integer.
    public mutating func u64(_ value: UInt64) { store(value.littleEndian) }
    /// Appends a 64-bit unsigned integer in network order.
    public mutating func u64BigEndian(_ value: UInt64) { store(value.bigEndian) }
    /// Appends a 32-bit signed integer.
    public mutating func i32(_ value: Int32) { store(value.littleEndian) }
    /// Appends a 64-bit signed integer.
    public mutating func i64(_ value: Int64) { store(value.littleEndian) }

    /// Appends an unsigned LEB128 integer.
    public mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Appends a signed integer, zigzag over ``varint(_:)``.
    public mutating func zigzag(_ value: Int64) {
        varint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    /// Appends bytes as they are.
    public mutating func append(_ run: [UInt8]) { bytes.append(contentsOf: run) }

    /// Appends borrowed bytes as they are.
    public mutating func append(_ run: RawSpan) {
        unsafe run.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }

    /// Appends the UTF-8 of `text`.
    public mutating func append(utf8 text: String) { bytes.append(contentsOf: text.utf8) }

    /// Writes a 32-bit unsigned integer over the four bytes at `offset`, which must exist.
    public mutating func overwrite(u32 value: UInt32, at offset: Int) {
        for byte in 0..<4 { bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(byte))) }
    }
    /// Writes a 64-bit unsigned integer over the eight bytes at `offset`, which must exist.
    public mutating func overwrite(u64 value: UInt64, at offset: Int) {
        for byte in 0..<8 { bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte))) }
    }
}
