import PostgreSQL

/// Rows as JSON: numbers are numbers, times ISO 8601 in UTC, identifiers of type bigint strings, since they need
/// more bits than many readers' numbers have.
enum JSON {
    /// The rows as an array of objects, one a line.
    static func array(_ result: QueryResult?) -> String {
        guard let result, !result.rows.isEmpty else { return "[]" }
        let rows = result.rows.map { row in
            let members = zip(zip(result.columns, result.columnTypes), row).map { column, value in
                "\(string(column.0)): \(text(value, name: column.0, type: column.1))"
            }
            return "{" + members.joined(separator: ", ") + "}"
        }
        return "[" + rows.joined(separator: ",\n ") + "]"
    }

    /// Whether a column of type bigint holds random bits and no quantity.
    static func isIdentifier(_ column: String) -> Bool {
        column.hasSuffix("_id") || column.hasSuffix("nonce")
    }

    private static func text(_ value: String?, name: String, type: UInt32) -> String {
        guard let value else { return "null" }
        switch type {
        case 16: return value == "t" ? "true" : "false"
        case 20 where isIdentifier(name): return string(value)
        case 20, 21, 23: return value
        case 700, 701, 1700:
            // JSON has neither infinity nor NaN.
            return Double(value)?.isFinite == true ? value : "null"
        case 114, 3802: return value
        case 1184: return string(time(value))
        default: return string(value)
        }
    }

    /// `2026-11-23 20:00:00.5+00` as `2026-11-23T20:00:00.5Z`.
    static func time(_ value: String) -> String {
        guard value.hasSuffix("+00") else { return value }
        return value.dropLast(3).split(separator: " ").joined(separator: "T") + "Z"
    }

    /// A JSON string.
    static func string(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case "\r": quoted += "\\r"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
