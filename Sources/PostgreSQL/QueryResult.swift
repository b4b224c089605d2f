/// What a statement gave back, in PostgreSQL's text form.
public struct QueryResult: Sendable, Equatable {
    /// The names of the columns; empty for statements without rows.
    public let columns: [String]
    /// The type of every column as an object id of `pg_type`.
    public let columnTypes: [UInt32]
    /// The rows; SQL NULL is `nil`.
    public let rows: [[String?]]
    /// Rows selected, inserted, updated, deleted or copied.
    public let affectedRows: Int

    /// Rows put together by hand.
    public init(columns: [String], columnTypes: [UInt32], rows: [[String?]], affectedRows: Int) {
        self.columns = columns
        self.columnTypes = columnTypes
        self.rows = rows
        self.affectedRows = affectedRows
    }

    /// The first value of the first row: `nil` when there is no row, or when it is NULL.
    public var scalar: String? { rows.first?.first ?? nil }

    /// The number of the column called `name`.
    public func index(of name: String) -> Int? { columns.firstIndex(of: name) }

    /// The value of column `name` in row `row`; `nil` for NULL and for a column that is not there.
    public func value(_ name: String, row: Int = 0) -> String? {
        guard let column = index(of: name), rows.indices.contains(row) else { return nil }
        return rows[row][column]
    }

    /// The same columns with only the rows of these numbers.
    public func keeping(_ numbers: [Int]) -> QueryResult {
        QueryResult(
            columns: columns, columnTypes: columnTypes, rows: numbers.map { rows[$0] },
            affectedRows: numbers.count)
    }
}
