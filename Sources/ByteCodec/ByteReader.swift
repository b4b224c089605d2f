/// What a reader found wrong with the bytes it was given.
public enum ByteCodecError: Error, Equatable, Sendable {
    /// `needed` bytes were asked for at `offset`, and only `available` remain.
    case truncated(offset: Int, needed: Int, available: Int)
    /// A variable-length integer at `offset` does not fit 64 bits.
    case overlongInteger(offset: Int)
    /// A CompactSize at `offset` is larger than `limit`.
    case limitExceeded(offset: Int, value: UInt64, limit: UInt64)
    /// A CompactSize at `offset` uses more bytes than its value needs.
    case notMinimal(offset: Int)
}

/// Reads integers and byte runs from borrowed bytes, in order, and never past their end.
///
/// All integers are little-endian unless the name says otherwise. A failed read leaves the position
/// where it was.
public struct ByteReader: ~Escapable {
    @usableFromInline let bytes: RawSpan
    @usableFromInline var position = 0
    /// Bytes consumed so far.
    @inlinable public var offset: Int { position }

    /// A reader at the first of `bytes`.
    @inlinable
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) {
        self.bytes = bytes
    }

    /// Bytes not yet read.
    @inlinable public var remaining: Int { bytes.byteCount - offset }
    /// Whether every byte has been read.
    @inlinable public var isAtEnd: Bool { remaining == 0 }

    @inlinable
    @_lifetime(self: copy self)
    mutating func load<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) throws(ByteCodecError) -> T {
        let size = MemoryLayout<T>.size
        guard remaining >= size else {
            throw .truncated(offset: offset, needed: size, available: remaining)
        }
        // Proof: offset + size ≤ byteCount was checked above, and every bit pattern is an integer.
        let value = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: T.self)
        advance(by: size)
        return value
    }

    @inlinable
    @_lifetime(self: copy self)
    mutating func advance(by count: Int) { position += count }

    /// The next byte.
    @inlinable @_lifetime(self: copy self)
    public mutating func u8() throws(ByteCodecError) -> UInt8 { try load(UInt8.self) }
    /// The next 16-bit unsigned integer.
    @inlinable @_lifetime(self: copy self)
    public mutating func u16() throws(ByteCodecError) -> UInt16 {
        UInt16(littleEndian: try load(UInt16.self))
    }
    /// The next 16-bit unsigned integer in network order.
    @inlinable @_lifetime(self: copy self)
    public mutating func u16BigEndian() throws(ByteCodecError) -> UInt16 {
        UInt16(bigEndian: try load(UInt16.self))
    }
    /// The next 32-bit unsigned integer.
    @inlinable @_lifetime(self: copy self)
    public mutating func u32() throws(ByteCodecError) -> UInt32 {
        UInt32(littleEndian: try load(UInt32.self))
    }
    /// The next 32-bit unsigned integer in network order.
    @inlinable @_lifetime(self: copy self)
    public mutating func u32BigEndian() throws(ByteCodecError) -> UInt32 {
        UInt32(bigEndian: try load(UInt32.self))
    }
    /// The next 64-bit unsigned integer.
    @inlinable @_lifetime(self: copy self)
    public mutating func u64() throws(ByteCodecError) -> UInt64 {
        UInt64(littleEndian: try load(UInt64.self))
    }
    /// The next 32-bit signed integer.
    @inlinable @_lifetime(self: copy self)
    public mutating func i32() throws(ByteCodecError) -> Int32 { Int32(littleEndian: try load(Int32.self)) }
    /// The next 64-bit signed integer.
    @inlinable @_lifetime(self: copy self)
    public mutating func i64() throws(ByteCodecError) -> Int64 { Int64(littleEndian: try load(Int64.self)) }

    /// The next unsigned LEB128 integer: seven bits a byte, lowest first, at most ten bytes.
    @inlinable @_lifetime(self: copy self)
    public mutating func varint() throws(ByteCodecError) -> UInt64 {
        let start = offset
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte: UInt8
            do { byte = try u8() } catch {
                rewind(to: start)
                throw error
            }
            guard shift < 63 || byte <= 1 else {
                rewind(to: start)
                throw .overlongInteger(offset: start)
            }
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
        }
    }

    @inlinable
    @_lifetime(self: copy self)
    mutating func rewind(to start: Int) { position = start }

    /// The next signed integer, zigzag over ``varint()``.
    @inlinable @_lifetime(self: copy self)
    public mutating func zigzag() throws(ByteCodecError) -> Int64 {
        let raw = try varint()
        return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
    }

    /// The next CompactSize of Bitcoin's P2P protocol, refused above `limit`.
    ///
    /// Non-minimal encodings are accepted, since a decoder of other people's bytes must report what was sent.
    @inlinable @_lifetime(self: copy self)
    public mutating func compactSize(limit: UInt64 = .max) throws(ByteCodecError) -> UInt64 {
        let start = offset
        let value: UInt64
        do {
            switch try u8() {
            case 0xfd: value = UInt64(try u16())
            case 0xfe: value = UInt64(try u32())
            case 0xff: value = try u64()
            case let small: value = UInt64(small)
            }
        } catch {
            rewind(to: start)
            throw error
        }
        guard value <= limit else {
            rewind(to: start)
            throw .limitExceeded(offset: start, value: value, limit: limit)
        }
        return value
    }

    /// The next CompactSize, refused above `limit` and when a shorter encoding exists, as Bitcoin Core
    /// refuses it (`ReadCompactSize` in serialize.h).
    @inlinable @_lifetime(self: copy self)
    public mutating func minimalCompactSize(limit: UInt64 = .max) throws(ByteCodecError) -> UInt64 {
        let start = offset
        let value = try compactSize(limit: limit)
        let needed = value < 0xfd ? 1 : value <= 0xffff ? 3 : value <= 0xffff_ffff ? 5 : 9
        guard offset - start == needed else {
            rewind(to: start)
            throw .notMinimal(offset: start)
        }
        return value
    }

    /// The next 32 bytes, copied into four words that lie in memory as the bytes did.
    @inlinable @_lifetime(self: copy self)
    public mutating func block32() throws(ByteCodecError) -> InlineArray<4, UInt64> {
        guard remaining >= 32 else { throw .truncated(offset: offset, needed: 32, available: remaining) }
        // Proof: offset + 32 ≤ byteCount was checked above, and every bit pattern is an integer.
        let words: InlineArray<4, UInt64> = unsafe [
            bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self),
            bytes.unsafeLoadUnaligned(fromByteOffset: offset + 8, as: UInt64.self),
            bytes.unsafeLoadUnaligned(fromByteOffset: offset + 16, as: UInt64.self),
            bytes.unsafeLoadUnaligned(fromByteOffset: offset + 24, as: UInt64.self),
        ]
        advance(by: 32)
        return words
    }

    /// The next `count` bytes, borrowed.
    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func bytes(_ count: Int) throws(ByteCodecError) -> RawSpan {
        guard count >= 0, remaining >= count else {
            throw .truncated(offset: offset, needed: count, available: remaining)
        }
        let run = bytes.extracting(offset..<offset + count)
        advance(by: count)
        return run
    }

    /// The next `count` bytes, copied.
    @inlinable @_lifetime(self: copy self)
    public mutating func array(_ count: Int) throws(ByteCodecError) -> [UInt8] {
        try bytes(count).copied()
    }

    /// Steps over `count` bytes.
    @inlinable @_lifetime(self: copy self)
    public mutating func skip(_ count: Int) throws(ByteCodecError) {
        guard count >= 0, remaining >= count else {
            throw .truncated(offset: offset, needed: count, available: remaining)
        }
        advance(by: count)
    }
}

extension Span where Element: FixedWidthInteger & BitwiseCopyable {
    /// The bytes of these integers as they lie in memory.
    @inlinable
    public var rawBytes: RawSpan {
        // Proof: integers have no padding, so every byte is initialised.
        @_lifetime(copy self) get { unsafe bytes }
    }
}
