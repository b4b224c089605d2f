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
    private let handle: OpaquePointer
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

    // MARK: - COPY

    /// Copies the rows of `buffer` with `statement`, a `COPY t (…) FROM STDIN (FORMAT binary)`.
    ///
    /// The buffer is left as it is. Outside of a transaction the COPY commits by itself; it stores all rows or
    /// none. An error inside a transaction leaves that to be rolled back.
    /// - Returns: the rows stored.
    @discardableResult
    public func copyBuffer(_ statement: String, _ buffer: CopyBuffer) throws(PostgreSQLError) -> Int {
        guard buffer.missingFields == 0 else {
            throw PostgreSQLError(
                message: "the last row lacks \(buffer.missingFields) fields", operation: statement)
        }
        try startCopy(statement)
        try unsafe put(Self.copyHeader.span.bytes, statement)
        try put(buffer.bytes, statement)
        return try finishCopy(statement)
    }

    /// Copies the rows that `body` appends with `statement`, sending whenever a mebibyte has gathered.
    ///
    /// When `body` throws, the COPY is abandoned and stores nothing.
    /// - Returns: the rows stored.
    @discardableResult
    public func copyIn(_ statement: String, _ body: (inout CopyWriter) throws -> Void) throws -> Int {
        try startCopy(statement)
        try unsafe put(Self.copyHeader.span.bytes, statement)
        var writer = CopyWriter(connection: self, statement: statement)
        do {
            try body(&writer)
            try writer.flush()
        } catch {
            abandonCopy()
            throw error
        }
        return try finishCopy(statement)
    }

    /// The signature, no flags, no extension.
    private static let copyHeader: [UInt8] =
        [UInt8]("PGCOPY\n".utf8) + [0xff, 0x0d, 0x0a, 0x00] + [UInt8](repeating: 0, count: 8)
    /// A field count of -1.
    private static let copyTrailer: [UInt8] = [0xff, 0xff]

    private func startCopy(_ statement: String) throws(PostgreSQLError) {
        let result = unsafe PQexec(handle, statement)
        defer { unsafe PQclear(result) }
        guard unsafe PQresultStatus(result) == PGRES_COPY_IN else {
            switch unsafe PQresultStatus(result) {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
                throw PostgreSQLError(
                    message: "not a COPY … FROM STDIN", operation: Self.phrase(statement))
            case PGRES_COPY_OUT, PGRES_COPY_BOTH:
                drain()
                throw PostgreSQLError(
                    message: "not a COPY … FROM STDIN", operation: Self.phrase(statement))
            default:
                throw unsafe failure(result, statement)
            }
        }
        guard unsafe PQbinaryTuples(result) == 1 else {
            abandonCopy()
            throw PostgreSQLError(
                message: "the COPY is not in binary format", hint: "add (FORMAT binary)",
                operation: Self.phrase(statement))
        }
    }

    /// Hands bytes to libpq in pieces, so that its own buffer stays small.
    func put(_ bytes: RawSpan, _ statement: String) throws(PostgreSQLError) {
        let piece = 256 * 1024
        var offset = 0
        while offset < bytes.byteCount {
            let count = min(piece, bytes.byteCount - offset)
            // Proof: offset + count ≤ byteCount, and libpq copies the bytes before it returns.
            let status = unsafe bytes.extracting(offset..<offset + count).withUnsafeBytes { run in
                unsafe PQputCopyData(
                    handle, run.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(count))
            }
            guard status == 1 else {
                // The reason may be the server's, which waits to be read.
                throw unsafe endCopy(with: nil, statement) ?? failure(nil, statement)
            }
            offset += count
        }
    }

    private func finishCopy(_ statement: String) throws(PostgreSQLError) -> Int {
        try unsafe put(Self.copyTrailer.span.bytes, statement)
        guard unsafe PQputCopyEnd(handle, nil) == 1 else { throw unsafe failure(nil, statement) }
        var rows = 0
        var fault: PostgreSQLError?
        while let result = unsafe PQgetResult(handle) {
            defer { unsafe PQclear(result) }
            if unsafe PQresultStatus(result) == PGRES_COMMAND_OK {
                rows = unsafe Int(String(cString: PQcmdTuples(result))) ?? 0
            } else if fault == nil {
                fault = unsafe failure(result, statement)
            }
        }
        if let fault { throw fault }
        return rows
    }

    /// Ends a COPY that failed here; the error the server gives for it is expected and dropped.
    private func abandonCopy() {
        _ = endCopy(with: "abandoned by the client", "")
    }

    /// Ends a COPY and gives the server's error, if it has one.
    private func endCopy(with reason: String?, _ statement: String) -> PostgreSQLError? {
        _ = unsafe PQputCopyEnd(handle, reason ?? "abandoned by the client")
        var fault: PostgreSQLError?
        while let result = unsafe PQgetResult(handle) {
            defer { unsafe PQclear(result) }
            if unsafe PQresultStatus(result) == PGRES_COPY_IN { break }
            if unsafe PQresultStatus(result) != PGRES_COMMAND_OK, fault == nil {
                fault = unsafe failure(result, statement)
            }
        }
        return fault
    }

    // MARK: - COPY out

    /// Copies rows out with `statement`, a `COPY … TO STDOUT` in text or CSV format, and hands them to `body`.
    ///
    /// Rows are gathered until they have about `size` bytes, or until the server pauses, so that memory is
    /// bounded by that and by the largest row. `body` gets the bytes as the server formatted them, each row with
    /// its line end, and how many rows they are (a header that the server was asked for counts as one). While the
    /// server sends nothing, `whileWaiting` is called every 200 ms.
    ///
    /// When `body` or `whileWaiting` throws, the server is told to cancel, and the connection can be used on
    /// (an open transaction has then failed).
    /// - Returns: the rows copied, as the server counted them.
    @discardableResult
    public func copyOut(
        _ statement: String, gathering size: Int = 256 * 1024, whileWaiting: () throws -> Void = {},
        _ body: (_ bytes: [UInt8], _ rows: Int) throws -> Void
    ) throws -> Int {
        guard unsafe PQsendQuery(handle, statement) == 1 else { throw unsafe failure(nil, statement) }
        do {
            // The server sends no answer before its buffer is full of rows, which may take as long as the query.
            while unsafe PQisBusy(handle) == 1 {
                if try !awaitInput(statement) { try whileWaiting() }
            }
        } catch {
            cancel()
            throw error
        }
        let result = unsafe PQgetResult(handle)
        defer { unsafe PQclear(result) }
        switch unsafe PQresultStatus(result) {
        case PGRES_COPY_OUT: break
        case PGRES_COPY_IN:
            abandonCopy()
            throw PostgreSQLError(message: "not a COPY … TO STDOUT", operation: Self.phrase(statement))
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
            drain()
            throw PostgreSQLError(message: "not a COPY … TO STDOUT", operation: Self.phrase(statement))
        default:
            let fault = unsafe failure(result, statement)
            drain()
            throw fault
        }
        do {
            try receive(statement, gathering: size, whileWaiting, body)
        } catch {
            cancel()
            throw error
        }
        return try finishCopyOut(statement)
    }

    /// Reads the rows of a COPY that has begun, up to its end or its error.
    private func receive(
        _ statement: String, gathering size: Int, _ whileWaiting: () throws -> Void,
        _ body: (_ bytes: [UInt8], _ rows: Int) throws -> Void
    ) throws {
        var gathered: [UInt8] = []
        gathered.reserveCapacity(size + size / 4)
        var rows = 0
        func deliver() throws {
            guard rows > 0 else { return }
            try body(gathered, rows)
            gathered.removeAll(keepingCapacity: true)
            rows = 0
        }
        while true {
            var row: UnsafeMutablePointer<CChar>?
            let count = unsafe PQgetCopyData(handle, &row, 1)
            if count > 0 {
                // Proof: libpq gives `count` bytes, which stay ours until they are freed here.
                unsafe gathered.append(contentsOf: UnsafeRawBufferPointer(start: row, count: Int(count)))
                unsafe PQfreemem(row)
                rows += 1
                if gathered.count >= size { try deliver() }
            } else if count == 0 {
                if try !awaitInput(statement) {
                    try deliver()
                    try whileWaiting()
                }
            } else {
                guard count == -1 else { throw unsafe failure(nil, statement) }
                return try deliver()
            }
        }
    }

    /// The rows of a COPY whose last byte was read, or the server's error.
    private func finishCopyOut(_ statement: String) throws(PostgreSQLError) -> Int {
        var rows = 0
        var fault: PostgreSQLError?
        while let result = unsafe PQgetResult(handle) {
            defer { unsafe PQclear(result) }
            if unsafe PQresultStatus(result) == PGRES_COMMAND_OK {
                rows = unsafe Int(String(cString: PQcmdTuples(result))) ?? 0
            } else if fault == nil {
                fault = unsafe failure(result, statement)
            }
        }
        if let fault { throw fault }
        return rows
    }

    /// Waits at most 200 ms for the server and takes in what it sent; whether it sent anything.
    private func awaitInput(_ statement: String) throws(PostgreSQLError) -> Bool {
        var poller = unsafe pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&poller, 1, 200) > 0 else { return false }
        guard unsafe PQconsumeInput(handle) == 1 else { throw unsafe failure(nil, statement) }
        return true
    }

    /// Cancels the running statement and waits until the server has ended it.
    private func cancel() {
        if let request = unsafe PQgetCancel(handle) {
            var reason = [CChar](repeating: 0, count: 256)
            _ = unsafe PQcancel(request, &reason, Int32(reason.count))
            unsafe PQfreeCancel(request)
        }
        drain()
    }

    /// Throws away whatever the server still has to say to the running statement.
    private func drain() {
        while let result = unsafe PQgetResult(handle) {
            let status = unsafe PQresultStatus(result)
            unsafe PQclear(result)
            guard status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH else { continue }
            var buffer: UnsafeMutablePointer<CChar>?
            while unsafe PQgetCopyData(handle, &buffer, 0) > 0 { unsafe PQfreemem(buffer) }
        }
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
    private func failure(_ result: OpaquePointer?, _ sql: String) -> PostgreSQLError {
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
    private static func phrase(_ sql: String) -> String {
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
