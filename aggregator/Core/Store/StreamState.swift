internal import CollectorProtocol
internal import Tracepoints

/// What a writer remembers of one stream: a cache of rows, loaded when the stream is opened and thrown away
/// when a transaction of it rolls back.
final class StreamState {
    let key: StreamKey
    let nodeName: String
    /// The watermark: everything up to here is committed.
    var durable: UInt64
    /// Open sessions, and closed ones that had events in the transaction at hand.
    var sessions: [SessionKey: PeerSession] = [:]
    /// Processes that have had events since the stream was opened.
    var runs: [Int64: RunState] = [:]
    /// The latest busy span of each thread; `nil` inside when the thread is known to have none.
    var windows: [ThreadKey: ValidationWindow] = [:]
    /// Counters of the known processes.
    var counts: [CountsKey: TracepointCounts] = [:]
    /// The node's clock.
    var clock = ClockTrack()
    /// Transactions the node has been told of lately.
    var recentTransactions = RecentHashes()
    /// Entries beyond the token bucket, by day.
    var budgets: [UTCDay: AddressBudget] = [:]

    init(key: StreamKey, nodeName: String, durable: UInt64) {
        self.key = key
        self.nodeName = nodeName
        self.durable = durable
    }

    /// The session, made if it is new.
    func session(_ key: SessionKey) -> PeerSession {
        if let session = sessions[key] {
            session.isDirty = true
            return session
        }
        let session = PeerSession(key)
        sessions[key] = session
        if let run = runs[key.run] { run.largestPeer = max(run.largestPeer, key.peer) }
        return session
    }

    /// The process, made if it is new.
    func run(_ run: Int64) -> RunState {
        if let state = runs[run] { return state }
        let state = RunState(run)
        runs[run] = state
        return state
    }

    /// The most closed sessions, ended processes and threads kept in memory.
    private static let kept = 20_000

    /// Forgets what no event is expected of; if one comes all the same its row is loaded again.
    func trim() {
        sessions = sessions.filter { $0.value.closedAt == nil }
        if sessions.count > Self.kept { sessions.removeAll() }
        let ended = runs.values.filter { $0.exitedAt != nil }.map(\.run)
        if ended.count > 8 { for run in ended { forget(run) } }
        if let newest = budgets.keys.max() { budgets = budgets.filter { $0.key >= newest } }
    }

    private func forget(_ run: Int64) {
        runs[run] = nil
        sessions = sessions.filter { $0.key.run != run }
        windows = windows.filter { $0.key.run != run }
        counts = counts.filter { $0.key.run != run }
    }
}

/// Entries beyond Core's token bucket on one day: the row of `addr_budget`.
struct AddressBudget {
    var opened: Int64 = 0
    var refused: Int64 = 0
    var isDirty = true
}
