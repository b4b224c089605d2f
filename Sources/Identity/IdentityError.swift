/// A key or certificate that cannot be used, told to an operator. Never holds what a key file contains.
public struct IdentityError: Error, Sendable, CustomStringConvertible {
    /// What was being done.
    public let doing: String
    /// What went wrong.
    public let reason: String
    /// What to do next.
    public let remedy: String

    /// An error with all three parts.
    public init(doing: String, reason: String, remedy: String) {
        self.doing = doing
        self.reason = reason
        self.remedy = remedy
    }

    /// One sentence.
    public var description: String { "\(doing): \(reason); \(remedy)" }
}
