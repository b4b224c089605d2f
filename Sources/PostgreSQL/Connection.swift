internal import CLibpq
internal import Glibc

/// One connection to PostgreSQL, for one thread.
///
/// Calls block until the server has answered. Nothing is retried: after an error with
/// ``PostgreSQLError/isConnectionLost`` make a new connection. The class is not `Sendable` on purpose: who
/// wants it on another thread makes it there.
@safe
public final class Connection {
    /// libpq's connection; never null, freed in `deinit`.
    let handle: OpaquePointer
    /// Called with every NOTICE and WARNING of the server; without it they are dropped.
    public var onNotice: ((String) -> Void)?

    /// Connects.
    ///
    /// - Parameter conninfo: libpq's keyword string or a `postgres://` URI. Unless it says otherwise, connecting
    ///   gives up after 10 s and a server that vanished is noticed within a minute.
    public init(_ conninfo: String) throws(PostgreSQLError) {
        let parameters = [
            ("connect_timeout", "10"), ("tcp_user_timeout", "60000"), ("keepalives_idle", "20"),
            ("dbname", conninfo), ("fallback_application_name", "peerscope"), ("client_encoding", "UTF8"),
        ]
        let connected = unsafe withCStrings(parameters.map(\.0)) { keywords in
            unsafe withCStrings(parameters.map(\.1)) { values in
                unsafe PQconnectdbParams(keywords, values, 1)
            }
        }
        let operation = "connecting to PostgreSQL at \(DatabaseLocation.redacted(conninfo))"
        guard let connected = unsafe connected else {
            throw PostgreSQLError(message: "out of memory", operation: operation)
        }
        unsafe handle = connected
        guard unsafe PQstatus(connected) == CONNECTION_OK else {
            let text = unsafe Self.trimmed(PQerrorMessage(connected))
            // `deinit` runs: every stored property is set.
            throw PostgreSQLError(
                message: text, hint: Self.connectionHint(text), operation: operation, isConnectionLost: true)
        }
        unsafe PQsetNoticeProcessor(
            connected,
            { context, text in
                guard let context = unsafe context, let text = unsafe text else { return }
                // Proof: the context is this connection, which frees libpq's side in its `deinit`.
                let connection = unsafe Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue()
                connection.onNotice?(unsafe Connection.trimmed(text))
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit { unsafe PQfinish(handle) }

    // MARK: - Statements

    /// Runs one or several statements; gives the result of the last.
    ///
    /// Several statements in one text are one transaction, unless the text holds transaction commands.
    @discardableResult
    public func execute(_ sql: String) throws(PostgreSQLError) -> QueryResult {
        try unsafe finish(PQexec(handle, sql), sql)
    }

    /// Runs one statement with `$1`, `$2`, … in text form; `nil` is NULL.
    @discardableResult
    public func query(_ sql: String, _ parameters: [String?] = []) throws(PostgreSQLError) -> QueryResult {
        let result = unsafe withCStrings(parameters) { values in
            unsafe PQexecParams(handle, sql, Int32(parameters.count), nil, values, nil, nil, 0)
        }
        return try unsafe finish(result, sql)
    }

    /// Prepares one statement as `name`, for ``execute(prepared:_:)`` on this connection.
    public func prepare(_ name: String, _ sql: String) throws(PostgreSQLError) {
        _ = try unsafe finish(PQprepare(handle, name, sql, 0, nil), sql)
    }

    /// Runs a prepared statement; `nil` is NULL.
    @discardableResult
    public func execute(
        prepared name: String, _ parameters: [String?] = []
    ) throws(PostgreSQLError) -> QueryResult {
        let result = unsafe withCStrings(parameters) { values in
            unsafe PQexecPrepared(handle, name, Int32(parameters.count), values, nil, nil, 0)
        }
        return try unsafe finish(result, "executing \(name)")
    }

    // MARK: - Transactions

    /// Begins a transaction.
    public func begin() throws(PostgreSQLError) { try execute("BEGIN") }
    /// Commits the transaction; an error when it had failed and the server rolled it back instead.
    public func commit() throws(PostgreSQLError) {
        guard !isInFailedTransaction else {
            try rollback()
            throw PostgreSQLError(
                code: "25P02", message: "the transaction had failed and was rolled back", operation: "COMMIT")
        }
        try execute("COMMIT")
    }
    /// Rolls the transaction back; nothing happens outside of one.
    public func rollback() throws(PostgreSQLError) {
        guard isInTransaction else { return }
        try execute("ROLLBACK")
    }

    /// Runs `body` in a transaction: committed when it returns, rolled back when it throws.
    @discardableResult
    public func transaction<Result>(_ body: () throws -> Result) throws -> Result {
        try begin()
        let result: Result
        do {
            result = try body()
        } catch {
            // The first error says what happened; after a lost connection there is nothing to roll back.
            try? rollback()
            throw error
        }
        try commit()
        return result
    }

    /// Whether a transaction is open, failed or not.
    public var isInTransaction: Bool {
        let status = unsafe PQtransactionStatus(handle)
        return status == PQTRANS_INTRANS || status == PQTRANS_INERROR || status == PQTRANS_ACTIVE
    }
    /// Whether the open transaction has failed, so that only a rollback is possible.
    public var isInFailedTransaction: Bool { unsafe PQtransactionStatus(handle) == PQTRANS_INERROR }
    /// Whether the connection was still there at its last use.
    public var isOpen: Bool { unsafe PQstatus(handle) == CONNECTION_OK }
    /// The server's version: major × 10000 + minor.
    public var serverVersion: Int { Int(unsafe PQserverVersion(handle)) }

    /// `value` as an SQL identifier, quoted.
    public static func identifier(_ value: String) -> String {
        "\"" + value.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
    /// `value` as an SQL string constant, quoted.
    public static func literal(_ value: String) -> String {
        let quoted = value.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
        guard quoted.utf8.contains(PeerText.backslash) else { return "'\(quoted)'" }
        let doubled = quoted.split(separator: "\\", omittingEmptySubsequences: false).joined(
            separator: "\\\\")
        return " E'\(doubled)'"
    }

    /// `values` as the text of an SQL array, for a parameter that is cast to one.
    public static func array(_ values: [String?]) -> String {
        let elements = values.map { value -> String in
            guard let value else { return "NULL" }
            return "\"" + value.flatMap { $0 == "\"" || $0 == "\\" ? ["\\", $0] : [$0] } + "\""
        }
        return "{" + elements.joined(separator: ",") + "}"
    }

    // MARK: - Results

    private func finish(_ result: OpaquePointer?, _ sql: String) throws(PostgreSQLError) -> QueryResult {
        defer { unsafe PQclear(result) }
        switch unsafe PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
            break
        case PGRES_COPY_IN:
            abandonCopy()
            throw PostgreSQLError(
                message: "a COPY needs copyIn or copyBuffer", operation: Self.phrase(sql))
        case PGRES_COPY_OUT, PGRES_COPY_BOTH:
            drain()
            throw PostgreSQLError(message: "a COPY … TO STDOUT needs copyOut", operation: Self.phrase(sql))
        default:
            throw unsafe failure(result, sql)
        }
        let width = unsafe PQnfields(result)
        let height = unsafe PQntuples(result)
        var rows: [[String?]] = []
        rows.reserveCapacity(Int(height))
        for row in 0..<height {
            rows.append(
                (0..<width).map { column in
                    // Proof: row and column are inside the result's bounds; libpq ends every value with NUL.
                    unsafe PQgetisnull(result, row, column) == 1
                        ? nil : String(cString: PQgetvalue(result, row, column))
                })
        }
        return QueryResult(
            columns: (0..<width).map { unsafe String(cString: PQfname(result, $0)) },
            columnTypes: (0..<width).map { unsafe PQftype(result, $0) },
            rows: rows, affectedRows: unsafe Int(String(cString: PQcmdTuples(result))) ?? 0)
    }

    /// The error of a result, or of the connection when there is none.
    func failure(_ result: OpaquePointer?, _ sql: String) -> PostgreSQLError {
        func field(_ code: Int32) -> String? {
            guard let text = unsafe PQresultErrorField(result, code) else { return nil }
            return unsafe String(cString: text)
        }
        // The letters of PG_DIAG_…, which are macros over character constants.
        let code = field(Int32(UInt8(ascii: "C")))
        let message =
            field(Int32(UInt8(ascii: "M"))) ?? (unsafe Self.trimmed(PQerrorMessage(handle)))
        let lost =
            unsafe PQstatus(handle) != CONNECTION_OK
            || ["57P01", "57P02", "57P03"].contains(code ?? "") || code?.hasPrefix("08") == true
        return PostgreSQLError(
            code: code, message: message.isEmpty ? "no answer from the server" : message,
            detail: field(Int32(UInt8(ascii: "D"))),
            hint: field(Int32(UInt8(ascii: "H"))) ?? Self.hint(code), operation: Self.phrase(sql),
            context: field(Int32(UInt8(ascii: "W"))), isConnectionLost: lost)
    }

    private static func hint(_ code: String?) -> String? {
        switch code {
        case "53100": "the database's disk is full: free space; nothing that was committed is lost"
        case "53300": "raise max_connections, or stop programs that hold connections"
        case "3F000", "42P01": "is the schema there? `peerscope-aggregator migrate` makes it"
        case "42501":
            "the role lacks the right: connect as peerscope_ingest to write, peerscope_reader to read"
        default: nil
        }
    }

    private static func connectionHint(_ text: String) -> String? {
        if text.contains("Connection refused") || text.contains("No such file or directory") {
            return "is the server running there, and is this its address?"
        }
        if text.contains("Permission denied") {
            return "the socket belongs to another user: run as that user or as root"
        }
        if text.contains("no password supplied") || text.contains("password authentication failed") {
            return "give the password in PGPASSWORD or ~/.pgpass"
        }
        return nil
    }

    /// The beginning of a statement, on one line.
    static func phrase(_ sql: String) -> String {
        let words = sql.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return words.count <= 160 ? words : words.prefix(157) + "…"
    }

    private static func trimmed(_ text: UnsafePointer<CChar>?) -> String {
        guard let text = unsafe text else { return "" }
        var trimmed = unsafe Substring(String(cString: text))
        while trimmed.last?.isWhitespace == true { trimmed.removeLast() }
        return String(trimmed)
    }
}

/// Calls `body` with a NULL-terminated array of C strings, valid only inside.
func withCStrings<Result>(
    _ strings: [String?], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
    // All strings lie in one buffer, each with its NUL; the pointers go into that buffer.
    var bytes: [CChar] = []
    var offsets: [Int?] = []
    for string in strings {
        guard let string else {
            offsets.append(nil)
            continue
        }
        offsets.append(bytes.count)
        bytes.append(contentsOf: string.utf8.lazy.filter { $0 != 0 }.map { CChar(bitPattern: $0) })
        bytes.append(0)
    }
    bytes.append(0)
    // Proof: each offset is the begin of a terminated string inside `bytes`, which outlives the call.
    return unsafe bytes.withUnsafeBufferPointer { all in
        var pointers: [UnsafePointer<CChar>?] = unsafe offsets.map { offset in
            guard let offset, let base = all.baseAddress else { return nil }
            return unsafe base + offset
        }
        unsafe pointers.append(nil)
        return unsafe pointers.withUnsafeBufferPointer { list in
            guard let base = list.baseAddress else {
                preconditionFailure("an array with one element has a base")
            }
            return unsafe body(base)
        }
    }
}
