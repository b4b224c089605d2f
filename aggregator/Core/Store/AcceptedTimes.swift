internal import CPlatform
internal import PostgreSQL

/// The times an event may have: [now − retention, now + 2 days].
///
/// The retention is the longest that any event table has and that is not for ever.
struct AcceptedTimes {
    private let anyAge: Bool
    private var keep: Int64?
    private var readAt: UInt64 = 0
    private static let day: Int64 = 86_400_000_000
    /// 2009-01-03, the genesis block's day: before it there was nothing to observe.
    private static let genesis: Int64 = 1_230_940_800_000_000
    private static let rereadAfter: UInt64 = 600_000_000_000

    init(anyAge: Bool) { self.anyAge = anyAge }

    mutating func range(_ connection: Connection) throws -> ClosedRange<Int64> {
        let now = ps_realtime_ns() / 1000
        let upper = max(now, Self.genesis) + 2 * Self.day
        guard !anyAge else { return Self.genesis...upper }
        let monotonic = ps_monotonic_ns()
        if keep == nil || monotonic &- readAt > Self.rereadAfter {
            let tables = EventTable.allCases.map { "'\($0.name)'" }.joined(separator: ", ")
            let longest = try connection.execute(
                """
                SELECT (extract(epoch FROM max(keep)) * 1000000)::bigint
                  FROM peerscope.retention WHERE table_name IN (\(tables))
                """)
            keep = longest.scalar.flatMap { Int64($0) } ?? 90 * Self.day
            readAt = monotonic
        }
        return max(Self.genesis, now - (keep ?? 0))...upper
    }
}
