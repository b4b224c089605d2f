/// What is wrong with a capture or with what is done to it, and what to do about it.
package struct CaptureError: Error, Equatable, CustomStringConvertible {
    /// Where in the capture, counted from 1.
    package let line: Int?
    /// What was wrong.
    package let message: String
    /// What to do.
    package let advice: String

    /// Describes a failure.
    package init(line: Int? = nil, _ message: String, advice: String) {
        self.line = line
        self.message = message
        self.advice = advice
    }

    /// One line: place, what was wrong, what to do.
    package var description: String {
        (line.map { "line \($0): " } ?? "") + "\(message); \(advice)"
    }

    package func at(line: Int) -> CaptureError { CaptureError(line: line, message, advice: advice) }
}
