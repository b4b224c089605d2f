internal import Foundation
internal import Logging
internal import PostgreSQL

/// A thread that keeps what only the fleet shows up to date: calls `peerscope.digest()` again and again.
///
/// It takes no more than a tenth of the time, so that a day that is expensive to compute is computed less often. What
/// fails stays dirty and is tried again. With several aggregators on a database one of them computes at a time.
final class DigestLoop: @unchecked Sendable {
    private let conninfo: String
    private let interval: Double
    private let logger: Logger
    /// Guards what is below.
    private let condition = NSCondition()
    private var isStopping = false
    private var hasEnded = false
    /// The server's process while a digest runs.
    private var backend: String?
    /// Errors that were logged, by part: once each until it works again.
    private var known: [String: String] = [:]

    /// Times a digest's own duration to wait before the next.
    private static let rest = 9.0

    /// `interval`: the fewest seconds between two digests.
    init(_ conninfo: String, interval: Double, logger: Logger) {
        self.conninfo = conninfo
        self.interval = interval
        self.logger = logger
    }

    /// Starts the thread.
    func start() {
        let thread = Thread { [self] in
            run()
            condition.withLock {
                hasEnded = true
                condition.broadcast()
            }
        }
        thread.name = "digest"
        thread.start()
    }

    /// Cancels what runs, and waits until the thread has ended.
    func stop() {
        let running = condition.withLock { () -> String? in
            isStopping = true
            condition.broadcast()
            return backend
        }
        if let running {
            _ = try? Connection(conninfo).query("SELECT pg_cancel_backend($1)", [running])
        }
        condition.withLock {
            while !hasEnded { condition.wait() }
        }
    }

    private func run() {
        var connection: Connection?
        var wait = interval
        while sleep(wait) {
            let began = Date()
            do {
                let open = try connection ?? Connection(conninfo)
                connection = open
                try digest(open)
            } catch {
                if condition.withLock({ isStopping }) { return }
                logger.error("computing the digest failed, trying again", metadata: ["error": "\(error)"])
                connection = nil
            }
            wait = max(interval, Self.rest * -began.timeIntervalSinceNow)
        }
    }

    private func digest(_ connection: Connection) throws {
        let process = try connection.execute("SELECT pg_backend_pid()").scalar
        guard
            condition.withLock({
                backend = process
                return !isStopping
            })
        else { return }
        defer { condition.withLock { backend = nil } }
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
            if known[part] != error {
                logger.error(
                    "a part of the digest failed", metadata: ["part": "\(part)", "error": "\(error)"])
            }
        }
        known = found
    }

    /// Waits; false when it is time to end.
    private func sleep(_ seconds: Double) -> Bool {
        let until = Date(timeIntervalSinceNow: seconds)
        return condition.withLock {
            while !isStopping, condition.wait(until: until) {}
            return !isStopping
        }
    }
}
