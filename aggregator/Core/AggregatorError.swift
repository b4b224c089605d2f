/// What keeps an aggregator from working, and what to do about it.
public struct AggregatorError: Error, Sendable, CustomStringConvertible {
    /// What happened.
    public let message: String
    /// What to do.
    public let hint: String?

    /// Whether the command line is at fault.
    public let isUsage: Bool

    /// An error with advice.
    public init(_ message: String, hint: String? = nil, isUsage: Bool = false) {
        self.message = message
        self.hint = hint
        self.isUsage = isUsage
    }

    /// Both, on two lines.
    public var description: String { hint.map { "\(message)\n  hint: \($0)" } ?? message }
}
