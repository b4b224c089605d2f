import PostgreSQL

/// One row of a result, by column name.
struct Row: Sendable {
    let result: QueryResult
    let number: Int

    /// The value of a column, `nil` for NULL.
    subscript(_ name: String) -> String? { result.value(name, row: number) }
    /// The value as a number.
    func number(_ name: String) -> Double? { self[name].flatMap(Double.init) }
    /// Whether the value is true.
    func isTrue(_ name: String) -> Bool { self[name] == "t" }
}

/// A column of a table for people.
struct Column: Sendable {
    let header: String
    let isRight: Bool
    /// Whether its text may be cut when the table is too wide.
    let shrinks: Bool
    let text: @Sendable (Row) -> String

    private init(_ header: String, right: Bool, shrinks: Bool, _ text: @escaping @Sendable (Row) -> String) {
        self.header = header
        isRight = right
        self.shrinks = shrinks
        self.text = text
    }

    /// Text, from the left.
    static func left(
        _ header: String, shrinks: Bool = false, _ text: @escaping @Sendable (Row) -> String
    ) -> Column {
        Column(header, right: false, shrinks: shrinks, text)
    }
    /// A number, from the right.
    static func right(_ header: String, _ text: @escaping @Sendable (Row) -> String) -> Column {
        Column(header, right: true, shrinks: false, text)
    }
}

/// Aligned columns for people, at most 120 characters wide.
enum Table {
    static let width = 120
    private static let gap = "  "

    /// The rows of `result` as `columns` show them.
    static func text(_ result: QueryResult, _ columns: [Column]) -> String {
        let rows = result.rows.indices.map { number in
            columns.map { Cell.safe($0.text(Row(result: result, number: number))) }
        }
        return text(headers: columns.map(\.header), rows, columns)
    }

    private static func text(headers: [String], _ rows: [[String]], _ columns: [Column]) -> String {
        var widths = headers.map(\.count)
        for row in rows {
            for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.count) }
        }
        // The widest column that may shrink gives way, down to its header or 8 characters.
        var excess = widths.reduce(0, +) + gap.count * (columns.count - 1) - width
        while excess > 0 {
            let shrinkable = columns.indices.filter {
                columns[$0].shrinks && widths[$0] > max(8, headers[$0].count)
            }
            guard let widest = shrinkable.max(by: { widths[$0] < widths[$1] }) else { break }
            widths[widest] -= 1
            excess -= 1
        }
        var text = line(headers, widths, columns)
        for row in rows { text += line(row, widths, columns) }
        return text
    }

    private static func line(_ cells: [String], _ widths: [Int], _ columns: [Column]) -> String {
        var line = ""
        for (column, cell) in cells.enumerated() {
            if column > 0 { line += gap }
            let shown = cell.count <= widths[column] ? cell : cell.prefix(widths[column] - 1) + "…"
            let space = String(repeating: " ", count: widths[column] - shown.count)
            line += columns[column].isRight ? space + shown : shown + space
        }
        while line.last == " " { line.removeLast() }
        return line + "\n"
    }
}
