internal import Identity

/// Something the agent could not do, told to its operator.
public struct AgentError: Error, CustomStringConvertible, Sendable {
    /// What was being done.
    public let doing: String
    /// What went wrong.
    public let reason: String
    /// What to do next.
    public let remedy: String?

    /// An error with all three parts.
    public init(doing: String, reason: String, remedy: String? = nil) {
        self.doing = doing
        self.reason = reason
        self.remedy = remedy
    }

    /// An error of keys and certificates.
    init(_ error: IdentityError) {
        self.init(doing: error.doing, reason: error.reason, remedy: error.remedy)
    }

    /// One sentence.
    public var description: String { "\(doing): \(reason)" + (remedy.map { "; \($0)" } ?? "") }
}
