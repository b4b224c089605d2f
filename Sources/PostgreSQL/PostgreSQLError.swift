/// What went wrong between this program and PostgreSQL, and what to do about it.
///
/// Its description never holds a password, so it can be shown and logged as it is.
public struct PostgreSQLError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The five-character SQLSTATE, or `nil` when the error is not the server's (no connection, no binaries).
    public var code: String?
    /// What the server, libpq or the operating system says.
    public var message: String
    /// The server's DETAIL.
    public var detail: String?
    /// What to do about it: the server's HINT, or ours.
    public var hint: String?
    /// What was being done, as a phrase: "connecting to …", "COPY peerscope.addr_entry …".
    public var operation: String
    /// Where the server was (its CONTEXT): for COPY the line and column.
    public var context: String?
    /// Whether the connection is gone, so that only a new one can go on.
    public var isConnectionLost: Bool

    /// An error of `operation`.
    public init(
        code: String? = nil, message: String, detail: String? = nil, hint: String? = nil,
        operation: String, context: String? = nil, isConnectionLost: Bool = false
    ) {
        self.code = code
        self.message = message
        self.detail = detail
        self.hint = hint
        self.operation = operation
        self.context = context
        self.isConnectionLost = isConnectionLost
    }

    /// Whether the same work may succeed when it is done again, on a new connection if this one is lost.
    ///
    /// True for a lost connection, a server that starts or stops, serialisation failures, deadlocks, locks
    /// not available, and for lack of resources (disk, memory, connections), which an operator can end.
    public var isRetriable: Bool {
        if isConnectionLost { return true }
        guard let code else { return false }
        return code.hasPrefix("08") || code.hasPrefix("40") || code.hasPrefix("53") || code == "55P03"
            || code.hasPrefix("57P")
    }

    /// Whether the server refused the content of a row (data exception or constraint), so that the row and
    /// not the connection is to blame.
    public var isDataFault: Bool {
        guard let code else { return false }
        return code.hasPrefix("22") || code.hasPrefix("23")
    }

    /// One text for people: what was being done, what happened, what to do.
    public var description: String {
        var text = "\(operation): \(message)"
        if let code { text += " (SQLSTATE \(code))" }
        if let detail { text += "\n  detail: \(detail)" }
        if let context { text += "\n  at: \(context)" }
        if let hint { text += "\n  hint: \(hint)" }
        return text
    }
}
