internal import CLibpq
internal import Glibc

// Rows in and out by COPY.
extension Connection {
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
        return try rowsCopied(statement)
    }

    /// Ends a COPY that failed here; the error the server gives for it is expected and dropped.
    func abandonCopy() {
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
        return try rowsCopied(statement)
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

    /// The rows of a COPY whose last byte has passed, or the server's error.
    private func rowsCopied(_ statement: String) throws(PostgreSQLError) -> Int {
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
    func drain() {
        while let result = unsafe PQgetResult(handle) {
            let status = unsafe PQresultStatus(result)
            unsafe PQclear(result)
            guard status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH else { continue }
            var buffer: UnsafeMutablePointer<CChar>?
            while unsafe PQgetCopyData(handle, &buffer, 0) > 0 { unsafe PQfreemem(buffer) }
        }
    }
}
