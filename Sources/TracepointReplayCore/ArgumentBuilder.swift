import CaptureFormat

/// Collects the arguments of events: integers as words, and the bytes that pointers point to.
struct ArgumentBuilder {
    /// A word per argument: the integer itself, or for ``pointers`` the place in ``bytes``.
    private(set) var words: [UInt64] = []
    /// The indices of those words that are to become pointers.
    private(set) var pointers: [Int] = []
    /// Strings with their NUL, hashes, payloads, each at a multiple of eight.
    private(set) var bytes: [UInt8] = []

    /// How many words there are.
    var count: Int { words.count }

    /// Appends an argument. `size` is the argument before it, which for a payload is its length.
    mutating func append(_ value: JSONValue, as type: ArgumentType, size: JSONValue?) throws(CaptureError) {
        switch type {
        case .i64: words.append(UInt64(bitPattern: try integer(value, Int64.self)))
        case .i32: words.append(UInt64(bitPattern: Int64(try integer(value, Int32.self))))
        case .u64: words.append(try integer(value, UInt64.self))
        case .u32: words.append(UInt64(try integer(value, UInt32.self)))
        case .boolean:
            guard case .boolean(let flag) = value else { throw wrong(value, "true or false") }
            words.append(flag ? 1 : 0)
        case .text:
            guard case .string(let text) = value else { throw wrong(value, "a string") }
            guard !text.contains(0) else {
                throw CaptureError(
                    "has a NUL inside, where Core's string ends", advice: "remove what follows it")
            }
            point(to: text + [0])
        case .hash:
            let hash = try hex(value)
            guard hash.count == 32 else { throw wrong(value, "64 hexadecimal digits") }
            point(to: hash)
        case .payload:
            let payload = try hex(value)
            guard size == .integer(negative: false, magnitude: UInt64(payload.count)) else {
                throw CaptureError(
                    "has \(payload.count) bytes, but the size says \(size?.shown ?? "nothing")",
                    advice: "the payload was cut: replay needs a capture with whole payloads")
            }
            // An empty std::vector's data() is a null pointer.
            if payload.isEmpty { words.append(0) } else { point(to: payload) }
        }
    }

    private mutating func point(to content: [UInt8]) {
        pointers.append(words.count)
        words.append(UInt64(bytes.count))
        bytes.append(contentsOf: content)
        bytes.append(contentsOf: repeatElement(0, count: (8 - bytes.count % 8) % 8))
    }

    private func integer<Value: FixedWidthInteger>(
        _ value: JSONValue, _: Value.Type
    ) throws(CaptureError) -> Value {
        if case .integer(let negative, let magnitude) = value {
            if !negative, let exact = Value(exactly: magnitude) { return exact }
            if negative, magnitude <= UInt64(1) << 63,
                let exact = Value(exactly: Int64(truncatingIfNeeded: 0 &- magnitude))
            {
                return exact
            }
        }
        throw wrong(value, "an integer from \(Value.min) to \(Value.max)")
    }

    private func hex(_ value: JSONValue) throws(CaptureError) -> [UInt8] {
        guard case .string(let digits) = value, digits.count.isMultiple(of: 2) else {
            throw wrong(value, "pairs of hexadecimal digits")
        }
        var result: [UInt8] = []
        result.reserveCapacity(digits.count / 2)
        var index = 0
        while index < digits.count {
            guard let high = hexDigit(digits[index]), let low = hexDigit(digits[index + 1]) else {
                throw CaptureError(
                    "is not hexadecimal at digit \(index + 1)", advice: "only 0-9 and a-f may stand there")
            }
            result.append(high << 4 | low)
            index += 2
        }
        return result
    }

    private func wrong(_ value: JSONValue, _ expected: String) -> CaptureError {
        CaptureError("is \(value.shown)", advice: "it should be \(expected)")
    }
}
