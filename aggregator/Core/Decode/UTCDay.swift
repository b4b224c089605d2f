/// A day in UTC, as days since 1970-01-01.
struct UTCDay: Hashable, Comparable {
    /// Days since 1970-01-01.
    let number: Int32

    /// The day of a time in microseconds since 1970.
    init(micros: Int64) {
        let day: Int64 = 86_400_000_000
        number = Int32(clamping: (micros - (micros < 0 ? day - 1 : 0)) / day)
    }

    static func < (one: UTCDay, other: UTCDay) -> Bool { one.number < other.number }

    /// `YYYY-MM-DD`.
    var iso: String {
        let (year, month, day) = civil
        return "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))"
    }

    /// `YYYYMMDD`.
    var compact: String {
        let (year, month, day) = civil
        return Self.padded(year, 4) + Self.padded(month, 2) + Self.padded(day, 2)
    }

    private static func padded(_ value: Int, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// Year, month and day (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
    private var civil: (year: Int, month: Int, day: Int) {
        let shifted = Int(number) + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
