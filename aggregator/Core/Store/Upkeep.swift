internal import Foundation
internal import Logging
internal import PostgreSQL

/// What the aggregator does to the database beside storing: the digest of days, and keeping tables to their retention.
///
/// With several aggregators on a database one of them does each at a time.
enum Upkeep {
    /// Seconds between two looks at what retention lets go.
    private static let maintenanceSeconds = 300.0
    /// Seconds between two looks for nodes that have fallen silent.
    private static let silenceSeconds = 60.0

    /// The jobs, not started; the digest no oftener than every `digestSeconds`.
    static func jobs(_ conninfo: String, digestSeconds: Double, logger: Logger) -> [PeriodicJob] {
        let digest = Digest(logger: logger)
        return [
            PeriodicJob(
                "computing the digest", conninfo, interval: digestSeconds, logger: logger,
                work: digest.compute),
            PeriodicJob(
                "looking for silent nodes", conninfo, interval: silenceSeconds, logger: logger
            ) { try $0.execute("SELECT peerscope.watch_silence()") },
            PeriodicJob(
                "keeping tables to their retention", conninfo, interval: maintenanceSeconds, logger: logger
            ) { try maintain($0, logger) },
        ]
    }

    /// Makes the partitions of the next days and drops what is older than `retention` says.
    ///
    /// Detaching a partition without hindering its readers cannot be done inside a procedure, so the database says
    /// which statements are due, and each is run by itself.
    private static func maintain(_ connection: Connection, _ logger: Logger) throws {
        let key = "hashtext('peerscope.maintain')"
        try connection.execute("SET lock_timeout = '5s'")
        guard try connection.execute("SELECT pg_try_advisory_lock(\(key))").scalar == "t" else { return }
        try connection.execute("CALL peerscope.maintain()")
        let due = try connection.execute("SELECT statement FROM peerscope.expired_partitions()")
        for statement in due.rows.compactMap({ $0[0] }) {
            do {
                try connection.execute(statement)
            } catch {
                logger.warning(
                    "a partition could not be dropped yet, trying again later",
                    metadata: ["statement": "\(statement)", "error": "\(error)"])
            }
        }
        try connection.execute("SELECT pg_advisory_unlock(\(key))")
    }
}

/// Calls `peerscope.digest()` and says which of its parts fail, once each until they work again.
private final class Digest {
    private let logger: Logger
    private var known: [String: String] = [:]

    init(logger: Logger) { self.logger = logger }

    func compute(_ connection: Connection) throws {
        try connection.execute("CALL peerscope.digest()")
        let failed = try connection.execute(
            """
            SELECT part, min(day) || ': ' || min(error) FROM peerscope.digest_state
             WHERE error IS NOT NULL GROUP BY part
            """)
        var found: [String: String] = [:]
        for row in failed.rows {
            guard let part = row[0], let error = row[1] else { continue }
            found[part] = error
            guard known[part] != error else { continue }
            logger.error(
                "a part of the digest failed", metadata: ["part": "\(part)", "error": "\(error)"])
        }
        known = found
    }
}
