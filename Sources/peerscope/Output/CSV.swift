import PostgreSQL

/// Rows as CSV (RFC 4180) with a header; NULL is an empty field, empty text is `""`.
enum CSV {
    static func text(_ result: QueryResult) -> String {
        var text = line(result.columns)
        for row in result.rows { text += line(row) }
        return text
    }

    private static func line(_ fields: [String?]) -> String {
        fields.map(field).joined(separator: ",") + "\r\n"
    }

    /// A value as a field.
    static func field(_ value: String?) -> String {
        guard let value else { return "" }
        let isPlain = !value.isEmpty && !value.utf8.contains { [0x22, 0x2c, 0x0a, 0x0d].contains($0) }
        return isPlain
            ? value
            : "\"" + value.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
                + "\""
    }
}
