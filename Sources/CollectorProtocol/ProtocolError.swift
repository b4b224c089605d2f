/// Why a connection ends, as GOODBYE says it.
public struct GoodbyeCode: RawRepresentable, Sendable, Hashable {
    /// The number on the wire.
    public let rawValue: UInt16
    /// A code from the number on the wire.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Nothing more to say.
    public static let done = GoodbyeCode(rawValue: 0)
    /// The other side broke a rule; the reason says which.
    public static let protocolError = GoodbyeCode(rawValue: 1)
    /// The agent may not speak for a node that it named.
    public static let unauthorised = GoodbyeCode(rawValue: 2)
    /// The sender is shutting down; try again later.
    public static let shuttingDown = GoodbyeCode(rawValue: 3)
    /// A frame is larger than the maximum.
    public static let tooLarge = GoodbyeCode(rawValue: 4)
    /// The version ranges do not meet.
    public static let unsupportedVersion = GoodbyeCode(rawValue: 5)
    /// Another stream of another agent has this node's name.
    public static let nameTaken = GoodbyeCode(rawValue: 6)
}

/// A rule of the protocol that the other side broke. The connection sends GOODBYE with it and closes.
public struct ProtocolError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The code for GOODBYE.
    public let code: GoodbyeCode
    /// What was expected, and what came.
    public let message: String

    /// An error; `message` says what was expected and what came.
    public init(_ message: String, code: GoodbyeCode = .protocolError) {
        self.code = code
        self.message = message
    }

    /// The message to send before closing.
    public var goodbye: Goodbye { Goodbye(code: code, reason: message) }
    /// The message.
    public var description: String { message }
}
