internal import ByteCodec

/// IPv6 addresses as text (RFC 4291, RFC 5952).
enum IPv6Text {
    /// Appends the 16 `bytes` as Bitcoin Core prints them: RFC 5952, without dotted IPv4 at the end.
    static func write(_ bytes: RawSpan, into text: inout ByteWriter) {
        let groups = InlineArray<8, UInt16> { group in
            UInt16(bytes.byte(at: 2 * group)) << 8 | UInt16(bytes.byte(at: 2 * group + 1))
        }
        let gap = longestZeros(groups)
        var index = 0
        while index < 8 {
            if index == gap.start {
                text.u8(UInt8(ascii: ":"))
                text.u8(UInt8(ascii: ":"))
                index += gap.count
                continue
            }
            if index > 0, index != gap.start + gap.count { text.u8(UInt8(ascii: ":")) }
            write(groups[index], into: &text)
            index += 1
        }
    }

    /// The first longest run of at least two zero groups; it starts at -1 when there is none.
    private static func longestZeros(_ groups: InlineArray<8, UInt16>) -> (start: Int, count: Int) {
        var longest = (start: -1, count: 1)
        var current = 0
        for index in 0..<8 {
            current = groups[index] == 0 ? current + 1 : 0
            if current > longest.count { longest = (index + 1 - current, current) }
        }
        return longest.start < 0 ? (-1, 0) : longest
    }

    private static func write(_ group: UInt16, into text: inout ByteWriter) {
        var started = false
        for shift: UInt16 in [12, 8, 4, 0] {
            let digit = UInt8(truncatingIfNeeded: group >> shift) & 15
            if digit != 0 || started || shift == 0 {
                text.u8(hexDigit(digit))
                started = true
            }
        }
    }

    /// The 16 bytes that `text` stands for; a scope behind `%` is ignored.
    static func parse(_ text: RawSpan) -> InlineArray<16, UInt8>? {
        var bytes = InlineArray<16, UInt8>(repeating: 0)
        var filled = 0
        var gap: Int?
        var index = 0
        let end = (0..<text.byteCount).first { text.byte(at: $0) == UInt8(ascii: "%") } ?? text.byteCount
        func isColon(_ offset: Int) -> Bool { offset < end && text.byte(at: offset) == UInt8(ascii: ":") }
        if isColon(0) {
            guard isColon(1) else { return nil }
            gap = 0
            index = 2
        }
        while index < end {
            guard filled < 16 else { return nil }
            let start = index
            var group: UInt32 = 0
            while index < end, let digit = hexValue(text.byte(at: index)), index - start < 5 {
                group = group << 4 | UInt32(digit)
                index += 1
            }
            if index < end, text.byte(at: index) == UInt8(ascii: ".") {
                guard filled <= 12, let four = IPv4Text.parse(text.extracting(start..<end)) else {
                    return nil
                }
                for offset in 0..<4 { bytes[filled + offset] = four[offset] }
                filled += 4
                index = end
                break
            }
            guard (1...4).contains(index - start) else { return nil }
            bytes[filled] = UInt8(group >> 8)
            bytes[filled + 1] = UInt8(group & 0xff)
            filled += 2
            guard index < end else { break }
            guard isColon(index), index + 1 < end else { return nil }
            index += 1
            if isColon(index) {
                guard gap == nil else { return nil }
                gap = filled
                index += 1
            }
        }
        guard let gap else { return filled == 16 ? bytes : nil }
        guard filled < 16 else { return nil }
        let behind = filled - gap
        for offset in 0..<behind {
            bytes[15 - offset] = bytes[filled - 1 - offset]
        }
        for offset in gap..<16 - behind { bytes[offset] = 0 }
        return bytes
    }
}

/// IPv4 addresses as text.
enum IPv4Text {
    /// Appends the four `bytes` in dotted decimal.
    static func write(_ bytes: RawSpan, into text: inout ByteWriter) {
        for index in 0..<4 {
            if index > 0 { text.u8(UInt8(ascii: ".")) }
            let value = bytes.byte(at: index)
            if value >= 100 { text.u8(UInt8(ascii: "0") + value / 100) }
            if value >= 10 { text.u8(UInt8(ascii: "0") + value / 10 % 10) }
            text.u8(UInt8(ascii: "0") + value % 10)
        }
    }

    /// The four bytes that dotted decimal `text` stands for.
    static func parse(_ text: RawSpan) -> InlineArray<4, UInt8>? {
        var bytes = InlineArray<4, UInt8>(repeating: 0)
        var part = 0
        var digits = 0
        var value = 0
        for index in 0..<text.byteCount {
            let byte = text.byte(at: index)
            if byte == UInt8(ascii: ".") {
                guard digits > 0, part < 3 else { return nil }
                bytes[part] = UInt8(value)
                (part, digits, value) = (part + 1, 0, 0)
            } else {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + Int(byte - UInt8(ascii: "0"))
                digits += 1
                guard value <= 255, digits <= 3 else { return nil }
            }
        }
        guard part == 3, digits > 0 else { return nil }
        bytes[3] = UInt8(value)
        return bytes
    }
}
