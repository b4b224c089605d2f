internal import Foundation
internal import Logging
internal import PostgreSQL

/// A thread with a connection of its own that does one thing to the database again and again.
///
/// It takes no more than a tenth of the time: what takes long is done less often. After an error it connects anew and
/// tries again. ``stop()`` cancels what runs.
final class PeriodicJob: @unchecked Sendable {
    private let name: String
    private let conninfo: String
    private let interval: Double
    private let logger: Logger
    private let work: (Connection) throws -> Void
    /// Guards what is below.
    private let condition = NSCondition()
    private var isStopping = false
    private var hasEnded = false
    /// The server's process while the work is done.
    private var backend: String?

    /// Times its own duration to wait before the next turn.
    private static let rest = 9.0

    /// - Parameters:
    ///   - name: what is done, for the thread and the log.
    ///   - interval: the fewest seconds between two turns.
    ///   - work: the work, in autocommit.
    init(
        _ name: String, _ conninfo: String, interval: Double, logger: Logger,
        work: @escaping (Connection) throws -> Void
    ) {
        self.name = name
        self.conninfo = conninfo
        self.interval = interval
        self.logger = logger
        self.work = work
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
        thread.name = name
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
                let process = try open.execute("SELECT pg_backend_pid()").scalar
                let goesOn = condition.withLock {
                    backend = process
                    return !isStopping
                }
                defer { condition.withLock { backend = nil } }
                if goesOn { try work(open) }
            } catch {
                if condition.withLock({ isStopping }) { return }
                logger.error("\(name) failed, trying again", metadata: ["error": "\(error)"])
                connection = nil
            }
            wait = max(interval, Self.rest * -began.timeIntervalSinceNow)
        }
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
