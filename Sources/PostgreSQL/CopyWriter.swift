/// Sends rows of a running COPY as they come; made by ``Connection/copyIn(_:_:)``.
public struct CopyWriter {
    private let connection: Connection
    private let statement: String
    private var rows = CopyBuffer(capacity: 64 * 1024)
    /// Bytes that gather before they are sent.
    private static let flushSize = 1 << 20

    init(connection: Connection, statement: String) {
        self.connection = connection
        self.statement = statement
    }

    /// Appends one row of `columns` fields.
    public mutating func row(
        columns: Int16, _ fields: (inout CopyBuffer) throws -> Void
    ) throws {
        let mark = rows.mark
        do {
            rows.beginRow(columns: columns)
            try fields(&rows)
        } catch {
            rows.truncate(to: mark)
            throw error
        }
        if rows.byteCount >= Self.flushSize { try flush() }
    }

    /// Sends what has gathered.
    mutating func flush() throws(PostgreSQLError) {
        guard rows.missingFields == 0 else {
            throw PostgreSQLError(
                message: "the last row lacks \(rows.missingFields) fields", operation: statement)
        }
        try connection.put(rows.bytes, statement)
        rows.removeAll()
    }
}
