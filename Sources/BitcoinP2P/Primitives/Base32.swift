internal import ByteCodec

/// RFC 4648 base32 in lower case without padding, as onion and I2P names are written.
enum Base32 {
    /// Appends `bytes` in base32 to `text`.
    static func encode(_ bytes: RawSpan, into text: inout ByteWriter) {
        var pending: UInt32 = 0
        var bits: UInt32 = 0
        for index in 0..<bytes.byteCount {
            pending = pending << 8 | UInt32(bytes.byte(at: index))
            bits += 8
            while bits >= 5 {
                bits -= 5
                text.u8(digit(UInt8(truncatingIfNeeded: pending >> bits) & 31))
            }
        }
        if bits > 0 { text.u8(digit(UInt8(truncatingIfNeeded: pending << (5 - bits)) & 31)) }
    }

    /// The bytes that `text` stands for, or nil if a character is not base32 or a padding bit is set.
    static func decode(_ text: RawSpan) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.byteCount * 5 / 8)
        var pending: UInt32 = 0
        var bits: UInt32 = 0
        for index in 0..<text.byteCount {
            guard let value = value(text.byte(at: index)) else { return nil }
            pending = pending << 5 | UInt32(value)
            bits += 5
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: pending >> bits))
            }
        }
        guard bits < 5, pending & (1 << bits - 1) == 0 else { return nil }
        return bytes
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 26 ? UInt8(ascii: "a") + value : UInt8(ascii: "2") + value - 26
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "a")...UInt8(ascii: "z"): digit - UInt8(ascii: "a")
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit - UInt8(ascii: "A")
        case UInt8(ascii: "2")...UInt8(ascii: "7"): digit - UInt8(ascii: "2") + 26
        default: nil
        }
    }
}
