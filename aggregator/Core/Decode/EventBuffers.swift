internal import PostgreSQL

/// The rows of one transaction, one COPY buffer per event table and UTC day.
///
/// Memory is kept from transaction to transaction for the days in use.
final class EventBuffers {
    /// The buffers of one day.
    final class Day {
        let day: UTCDay
        private var tables: [CopyBuffer]

        init(_ day: UTCDay) {
            self.day = day
            tables = EventTable.allCases.map { _ in CopyBuffer() }
        }

        subscript(_ table: EventTable) -> CopyBuffer {
            get { tables[table.rawValue] }
            _modify { yield &tables[table.rawValue] }
        }

        fileprivate func removeAll() {
            for index in tables.indices { tables[index].removeAll() }
        }
    }

    private var days: [UTCDay: Day] = [:]
    private var latest: Day?
    private static let daysKept = 3

    /// The buffers of the day in which `micros` lies.
    func day(ofMicros micros: Int64) -> Day {
        let day = UTCDay(micros: micros)
        if let latest, latest.day == day { return latest }
        let found = days[day] ?? Day(day)
        days[day] = found
        latest = found
        return found
    }

    /// All days, in order.
    var all: [Day] { days.values.sorted { $0.day < $1.day } }

    /// Forgets the rows.
    func removeAll() {
        if days.count > Self.daysKept {
            days.removeAll()
            latest = nil
        }
        for day in days.values { day.removeAll() }
    }
}
