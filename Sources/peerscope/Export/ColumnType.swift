import PostgreSQL

/// Formats of an export.
enum ExportFormat: String, CaseIterable {
    case csv, jsonl, parquet
}

/// A column's type, and how its values are written in each format.
///
/// Every format holds the same values: times in UTC to the microsecond, bytes in the order in which they are
/// stored, numbers with all their digits. Parquet has a type for each of them; CSV and JSON lines write them as
/// ``encoding(_:)`` says.
struct ColumnType: Equatable {
    /// The type as SQL writes it: `timestamp with time zone`, `bytea[]`, …
    let name: String
    /// Object id in `pg_type` of the type, or of the elements of an array; constant in all of PostgreSQL.
    let oid: UInt32
    let isArray: Bool
    /// The modifier in `pg_attribute`, -1 for none: digits of a numeric.
    let modifier: Int

    init(name: String, oid: UInt32, isArray: Bool = false, modifier: Int = -1) {
        self.name = name
        self.oid = oid
        self.isArray = isArray
        self.modifier = modifier
    }

    /// What matters about a type for writing its values.
    private enum Kind {
        case bool, int16, int32, int64, float, double, numeric
        case bytes, timestamp, timestampUTC, date, json, text
    }

    private var kind: Kind {
        switch oid {
        case 16: .bool
        case 21: .int16
        case 23: .int32
        case 20, 26: .int64
        case 700: .float
        case 701: .double
        case 1700: .numeric
        case 17: .bytes
        case 1114: .timestamp
        case 1184: .timestampUTC
        case 1082: .date
        case 114, 3802: .json
        default: .text
        }
    }

    /// Whether a value says when.
    var isTime: Bool { !isArray && [.timestamp, .timestampUTC, .date].contains(kind) }

    /// Digits and decimals of a numeric that declares them, as far as Parquet has such a type.
    private var digits: (precision: Int, scale: Int)? {
        guard kind == .numeric, modifier >= 4 else { return nil }
        let precision = (modifier - 4) >> 16
        // Eleven bits with sign, since PostgreSQL 15.
        let scale = (((modifier - 4) & 0x7ff) ^ 0x400) - 0x400
        return (1...76).contains(precision) && (0...precision).contains(scale) ? (precision, scale) : nil
    }

    /// The type in Parquet, by Arrow's names.
    var arrow: String { isArray ? "list<\(elementArrow)>" : elementArrow }

    private var elementArrow: String {
        switch kind {
        case .bool: "bool"
        case .int16: "int16"
        case .int32: "int32"
        case .int64: "int64"
        case .float: "float"
        case .double: "double"
        case .bytes: "binary"
        case .timestamp: "timestamp[us]"
        case .timestampUTC: "timestamp[us, UTC]"
        case .date: "date"
        case .numeric: digits.map { "decimal(\($0.precision),\($0.scale))" } ?? "string"
        case .json, .text: "string"
        }
    }

    /// The SQL expression that writes the column called `column` in a format.
    func expression(_ column: String, _ format: ExportFormat) -> String {
        let value = Connection.identifier(column)
        guard isArray else {
            // Readers whose numbers are doubles would change a random 63-bit number.
            if format == .jsonl, kind == .int64, JSON.isIdentifier(column) { return "\(value)::text" }
            return scalar(value, format)
        }
        return """
            CASE WHEN \(value) IS NOT NULL THEN coalesce((SELECT json_agg(\(scalar("e.value", .jsonl)) ORDER BY e.place) \
            FROM unnest(\(value)) WITH ORDINALITY AS e (value, place)), '[]') END
            """
    }

    private func scalar(_ value: String, _ format: ExportFormat) -> String {
        switch kind {
        case .bool: format == .jsonl ? value : "\(value)::text"
        case .bytes: "encode(\(value), 'hex')"
        // to_char gives NULL for an infinity.
        case .timestamp: #"coalesce(to_char(\#(value), 'YYYY-MM-DD"T"HH24:MI:SS.US'), \#(value)::text)"#
        case .timestampUTC: #"coalesce(to_char(\#(value), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), \#(value)::text)"#
        // A line holds a row, and json keeps the line ends that it was given.
        case .json: format == .jsonl ? "\(value)::jsonb" : value
        default: value
        }
    }

    /// How values are written, where the type does not say it; for the manifest.
    func encoding(_ format: ExportFormat) -> String? {
        switch (format, isArray) {
        case (.parquet, _): return arrow
        case (.csv, true): return "JSON array" + (elementEncoding.map { ", elements: \($0)" } ?? "")
        case (.jsonl, true): return elementEncoding.map { "elements: \($0)" }
        case (.csv, false) where kind == .bool: return "true or false"
        default: return elementEncoding
        }
    }

    private var elementEncoding: String? {
        switch kind {
        case .bytes: "hexadecimal, bytes in stored order (hashes: wire order)"
        case .timestamp: "ISO 8601, microseconds"
        case .timestampUTC: "ISO 8601, UTC, microseconds"
        case .date: "ISO 8601"
        default: nil
        }
    }
}
