/// A JSON value as captures have it. Numbers are integers, whole and exact; strings are bytes, because what
/// peers send need not be text.
package enum JSONValue: Equatable {
    case integer(negative: Bool, magnitude: UInt64)
    case string([UInt8])
    case boolean(Bool)
    case null
    case array([JSONValue])
    case object([(key: [UInt8], value: JSONValue)])

    package static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.integer(let a, let b), .integer(let c, let d)): (a, b) == (c, d)
        case (.string(let a), .string(let b)): a == b
        case (.boolean(let a), .boolean(let b)): a == b
        case (.null, .null): true
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)): a.elementsEqual(b) { $0.key == $1.key && $0.value == $1.value }
        default: false
        }
    }

    /// The member of an object.
    package subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key.elementsEqual(key.utf8) }?.value
    }

    /// How an error message shows it, cut to a readable length.
    package var shown: String {
        switch self {
        case .integer(let negative, let magnitude): (negative ? "-" : "") + String(magnitude)
        case .boolean(let value): String(value)
        case .null: "null"
        case .array(let elements): "a list of \(elements.count)"
        case .object: "an object"
        case .string(let bytes):
            bytes.count <= 40
                ? "\"\(String(decoding: bytes, as: UTF8.self))\""
                : "\"\(String(decoding: bytes.prefix(40), as: UTF8.self))…\" (\(bytes.count) characters)"
        }
    }
}

/// Reads one line of JSON. Foundation's decoders turn integers into doubles or booleans on the way, and take
/// ten times as long for the payloads.
package struct JSONLine {
    private let bytes: [UInt8]
    private var at = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The value that fills the line.
    package static func parse(_ bytes: [UInt8]) throws(CaptureError) -> JSONValue {
        var line = JSONLine(bytes)
        let value = try line.value(depth: 0)
        line.skipSpace()
        guard line.at == bytes.count else { throw line.unexpected("behind the end of the value") }
        return value
    }

    private func unexpected(_ what: String) -> CaptureError {
        let found = at < bytes.count ? "\"\(Character(Unicode.Scalar(bytes[at])))\"" : "the end of the line"
        return CaptureError(
            "not JSON: \(found) \(what), column \(at + 1)",
            advice: "every line must be one JSON object; is the file a capture, and whole?")
    }

    private mutating func skipSpace() {
        while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x09 || bytes[at] == 0x0d { at += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard at < bytes.count, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    private mutating func value(depth: Int) throws(CaptureError) -> JSONValue {
        skipSpace()
        guard at < bytes.count, depth < 8 else { throw unexpected("where a value should be") }
        switch bytes[at] {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try integer()
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(CaptureError) -> JSONValue {
        let text = String(describing: word).utf8
        guard bytes[at...].starts(with: text) else { throw unexpected("where a value should be") }
        at += text.count
        return value
    }

    private mutating func integer() throws(CaptureError) -> JSONValue {
        let negative = take(UInt8(ascii: "-"))
        let first = at
        var magnitude: UInt64 = 0
        while at < bytes.count, case let digit = bytes[at] &- UInt8(ascii: "0"), digit <= 9 {
            let (times, overflowed) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, carried) = times.addingReportingOverflow(UInt64(digit))
            guard !overflowed, !carried else { throw unexpected("in a number above 64 bits") }
            magnitude = sum
            at += 1
        }
        guard at > first else { throw unexpected("where a value should be") }
        if at < bytes.count, bytes[at] == UInt8(ascii: ".") || bytes[at] | 0x20 == UInt8(ascii: "e") {
            throw unexpected("in a number that should be whole")
        }
        return .integer(negative: negative, magnitude: magnitude)
    }

    private mutating func array(depth: Int) throws(CaptureError) -> JSONValue {
        at += 1
        var elements: [JSONValue] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(elements) }
        repeat {
            elements.append(try value(depth: depth + 1))
            skipSpace()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw unexpected("where a list should go on or end") }
        return .array(elements)
    }

    private mutating func object(depth: Int) throws(CaptureError) -> JSONValue {
        at += 1
        var members: [(key: [UInt8], value: JSONValue)] = []
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            skipSpace()
            guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else {
                throw unexpected("where a key should be")
            }
            let key = try string()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw unexpected("where a colon should be") }
            members.append((key, try value(depth: depth + 1)))
            skipSpace()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw unexpected("where an object should go on or end") }
        return .object(members)
    }

    private mutating func string() throws(CaptureError) -> [UInt8] {
        at += 1
        let first = at
        while at < bytes.count, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\") { at += 1 }
        var text = Array(bytes[first..<at])
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if byte == UInt8(ascii: "\"") { return text }
            if byte == UInt8(ascii: "\\") { try escape(into: &text) } else { text.append(byte) }
        }
        throw unexpected("inside a string")
    }

    private mutating func escape(into text: inout [UInt8]) throws(CaptureError) {
        guard at < bytes.count else { throw unexpected("inside a string") }
        let byte = bytes[at]
        at += 1
        switch byte {
        case UInt8(ascii: "n"): text.append(0x0a)
        case UInt8(ascii: "r"): text.append(0x0d)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0c)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "u"):
            var code = try codeUnit()
            if code & 0xfc00 == 0xd800, bytes[at...].starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) {
                at += 2
                let low = try codeUnit()
                guard low & 0xfc00 == 0xdc00 else { throw unexpected("behind half a surrogate pair") }
                code = 0x10000 + (code & 0x3ff) << 10 + low & 0x3ff
            }
            if 0xdc80...0xdcff ~= code {
                // A byte that is not UTF-8, as Python's surrogateescape writes it.
                text.append(UInt8(code & 0xff))
            } else if let scalar = Unicode.Scalar(code) {
                text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            } else {
                throw unexpected("behind half a surrogate pair")
            }
        default:
            at -= 1
            throw unexpected("behind a backslash")
        }
    }

    private mutating func codeUnit() throws(CaptureError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard at < bytes.count, let digit = hexDigit(bytes[at]) else {
                throw unexpected("in a \\u escape")
            }
            code = code << 4 | UInt32(digit)
            at += 1
        }
        return code
    }
}

/// The value of a hexadecimal digit.
package func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
