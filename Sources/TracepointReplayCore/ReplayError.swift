/// What went wrong, and what to do about it.
public struct ReplayError: Error, Equatable, CustomStringConvertible {
    /// Where in the capture, counted from 1.
    public let line: Int?
    /// What was wrong.
    public let message: String
    /// What to do.
    public let advice: String

    /// Describes a failure.
    public init(line: Int? = nil, _ message: String, advice: String) {
        self.line = line
        self.message = message
        self.advice = advice
    }

    /// One line: place, what was wrong, what to do.
    public var description: String {
        (line.map { "line \($0): " } ?? "") + "\(message); \(advice)"
    }

    func at(line: Int) -> ReplayError { ReplayError(line: line, message, advice: advice) }
}
