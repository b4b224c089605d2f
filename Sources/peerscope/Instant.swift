import ArgumentParser
import PostgreSQL

/// Times as people write them on a command line.
enum Instant {
    /// What `text` means by the database's clock, as PostgreSQL writes it: a duration is so long ago (`90s`,
    /// `15min`, `2h`, `7d`), everything else a time in UTC.
    ///
    /// - Parameter option: the option it belongs to, for the error.
    static func read(_ text: String, option: String, _ connection: Connection) throws -> String? {
        let number = text.prefix { $0.isNumber || $0 == "." }
        let units = [
            "s": "seconds", "min": "minutes", "m": "minutes", "h": "hours", "d": "days", "w": "weeks",
        ]
        let unit = String(text.dropFirst(number.count).drop(while: \.isWhitespace))
        let words = Double(number) == nil ? nil : units[unit]
        let (sql, value) =
            words.map { ("SELECT now() - $1::interval", "\(number) \($0)") }
            ?? ("SELECT $1::timestamptz", text)
        do throws(PostgreSQLError) {
            return try connection.query(sql, [value]).scalar
        } catch {
            guard error.isDataFault else { throw error }
            throw ValidationError("\(option) \(text) is neither a duration (2h, 7d) nor a time")
        }
    }
}
