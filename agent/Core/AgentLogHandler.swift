import Glibc
public import Logging

/// One line an event on standard error: time in UTC, level, message, then what belongs to it.
public struct AgentLogHandler: LogHandler {
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
        for (key, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }).sorted(by: { $0.key < $1.key })
        where !"\(value)".isEmpty {
            line += " \(key)=\"\(value)\""
        }
        line += "\n"
        fputs(line, unsafe stderr)
    }

    private static func time() -> String {
        var now = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        unsafe _ = gmtime_r(&now.tv_sec, &parts)
        func padded(_ number: Int, _ width: Int = 2) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(Int(parts.tm_year) + 1900)-\(padded(Int(parts.tm_mon) + 1))-\(padded(Int(parts.tm_mday)))T"
            + "\(padded(Int(parts.tm_hour))):\(padded(Int(parts.tm_min))):\(padded(Int(parts.tm_sec)))."
            + "\(padded(now.tv_nsec / 1_000_000, 3))Z"
    }
}
