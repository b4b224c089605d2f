public import ByteCodec

/// One boot of one host: `/proc/sys/kernel/random/boot_id`. It names a monotonic clock.
public struct BootID: Sendable, Hashable {
    /// The first eight bytes of the UUID, as a big-endian number.
    private let high: UInt64
    /// The last eight.
    private let low: UInt64

    /// The UUID with all bits zero, for sources without a boot.
    public static let zero = BootID(high: 0, low: 0)

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads sixteen bytes, in the order in which the text shows them.
    @_lifetime(reader: copy reader)
    public init(_ reader: inout ByteReader) throws(ByteCodecError) {
        guard reader.remaining >= 16 else {
            throw .truncated(offset: reader.offset, needed: 16, available: reader.remaining)
        }
        high = UInt64(bigEndian: try reader.u64())
        low = UInt64(bigEndian: try reader.u64())
    }

    /// Parses `8-4-4-4-12` hexadecimal digits of either case; white space around them is ignored.
    public init?(text: String) {
        var halves: (UInt64, UInt64) = (0, 0)
        var digits = 0
        var position = 0
        for byte in text.utf8 {
            if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") {
                guard position == 0 || position == 36 else { return nil }
                continue
            }
            defer { position += 1 }
            if [8, 13, 18, 23].contains(position) {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = Self.digit(byte), digits < 32 else { return nil }
            if digits < 16 { halves.0 = halves.0 << 4 | digit } else { halves.1 = halves.1 << 4 | digit }
            digits += 1
        }
        guard digits == 32, position == 36 else { return nil }
        self.init(high: halves.0, low: halves.1)
    }

    /// Appends the sixteen bytes.
    public func write(into writer: inout ByteWriter) {
        writer.u64BigEndian(high)
        writer.u64BigEndian(low)
    }

    /// The sixteen bytes.
    public var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 16)
        write(into: &writer)
        return writer.bytes
    }

    private static func digit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}

extension BootID: CustomStringConvertible {
    /// The UUID in lower case.
    public var description: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text.append(UInt8(ascii: "-")) }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
