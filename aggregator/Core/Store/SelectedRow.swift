/// Reads the values of a row of a query's result in order.
struct SelectedRow {
    private let values: [String?]
    private var next = 0

    init(_ values: [String?]) { self.values = values }

    mutating func text() -> String? {
        defer { next += 1 }
        return next < values.count ? values[next] : nil
    }

    mutating func int64() -> Int64? { text().flatMap { Int64($0) } }
    mutating func int32() -> Int32? { text().flatMap { Int32($0) } }
    /// Shortest exact text, as PostgreSQL prints `double precision` since version 12.
    mutating func double() -> Double? { text().flatMap { Double($0) } }
    mutating func bool() -> Bool? { text().map { $0 == "t" } }
}
