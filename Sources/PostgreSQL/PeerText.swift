/// Text that others chose: message types, addresses, user agents.
///
/// A NUL or broken UTF-8 in one value would abort a whole COPY, and control characters would reach
/// terminals. So printable ASCII (0x20…0x7e) stays, a backslash is doubled and every other byte becomes
/// `\xHH` with lower-case digits. The result is ASCII and can be turned back without loss.
public enum PeerText {
    /// `bytes` in escaped form.
    public static func escape(_ bytes: RawSpan) -> String {
        // Proof: the pointer is used only while `bytes` is borrowed.
        unsafe bytes.withUnsafeBytes { unsafe escape(sequence: $0) }
    }

    /// The UTF-8 of `text` in escaped form.
    public static func escape(_ text: String) -> String {
        escape(sequence: text.utf8)
    }

    private static func escape(sequence: some Sequence<UInt8>) -> String {
        var escaped: [UInt8] = []
        escaped.reserveCapacity(sequence.underestimatedCount)
        for byte in sequence {
            if isPlain(byte) {
                escaped.append(byte)
            } else if byte == backslash {
                escaped.append(backslash)
                escaped.append(backslash)
            } else {
                escaped.append(backslash)
                escaped.append(UInt8(ascii: "x"))
                escaped.append(digit(byte >> 4))
                escaped.append(digit(byte & 15))
            }
        }
        return String(decoding: escaped, as: UTF8.self)
    }

    static let backslash = UInt8(ascii: "\\")

    /// Whether `byte` stands for itself.
    @inline(__always)
    static func isPlain(_ byte: UInt8) -> Bool { byte >= 0x20 && byte < 0x7f && byte != backslash }

    /// The hexadecimal digit of a value below 16.
    @inline(__always)
    static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
