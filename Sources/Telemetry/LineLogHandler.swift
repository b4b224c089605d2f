import Glibc
public import Logging

/// One line an event on standard error: time in UTC, level, message, then what belongs to it.
public struct LineLogHandler: LogHandler {
    /// What goes with every line.
    public var metadata: Logger.Metadata = [:]
    /// What is too unimportant to be written.
    public var logLevel: Logger.Level = .info

    /// A handler; the label does not appear.
    public init(_ label: String) {}

    /// A value that goes with every line.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line.
    public func log(event: LogEvent) {
        var line = Self.time() + " \(event.level) \(event.message)"
        for (key, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }).sorted(by: {
            $0.key < $1.key
        })
        where !"\(value)".isEmpty {
            line += " \(key)=\"\(Self.escaped("\(value)"))\""
        }
        line += "\n"
        StandardError.write(line)
    }

    /// A value as it stands between quotes: what a peer sent can neither begin a line of its own nor end the quotes
    /// around it, nor move a terminal's cursor, and takes at most 2048 characters.
    static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars.prefix(2048) {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case _
            where scalar.properties.generalCategory == .control || scalar.properties.isBidiControl
                || scalar.properties.generalCategory == .lineSeparator
                || scalar.properties.generalCategory == .paragraphSeparator:
                text += "\\u{\(String(scalar.value, radix: 16))}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return value.unicodeScalars.count > 2048 ? text + "…" : text
    }

    private static func time() -> String {
        var now = timespec()
        unsafe _ = clock_gettime(CLOCK_REALTIME, &now)
        var parts = unsafe tm()
        unsafe _ = gmtime_r(&now.tv_sec, &parts)
        func padded(_ number: Int, _ width: Int = 2) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = unsafe (Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday))
        let time = unsafe (Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec))
        return
            "\(date.0)-\(padded(date.1))-\(padded(date.2))T\(padded(time.0)):\(padded(time.1)):\(padded(time.2))."
            + "\(padded(now.tv_nsec / 1_000_000, 3))Z"
    }
}

/// Whole lines to standard error, which C's buffered stream would share between threads.
public enum StandardError {
    /// Writes `text` as it is.
    public static func write(_ text: String) {
        var bytes = Array(text.utf8)
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            bytes.removeFirst(count)
        }
    }
}
