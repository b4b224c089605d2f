/// Which pings are on their way, and when the next is due.
///
/// The first eight follow each other, each on the heels of the answer to the one before; then one a heartbeat.
struct PingSchedule: Sendable {
    private var outstanding: [Ping] = []
    private var sentCount: UInt64 = 0
    private var answeredCount = 0
    private var lastSent: UInt64 = 0

    /// Whether the exchanges before the first batch are done.
    var isWarm: Bool { answeredCount >= ConnectionTimes.exchangesBeforeBatches }

    mutating func next(now: UInt64) -> Ping {
        sentCount += 1
        lastSent = now
        let ping = Ping(id: sentCount, sent: now)
        outstanding.append(ping)
        return ping
    }

    /// The ping that is due now, if any.
    mutating func due(now: UInt64, every heartbeat: UInt64) -> Ping? {
        guard isWarm, now >= lastSent &+ heartbeat else { return nil }
        return next(now: now)
    }

    func isOverdue(now: UInt64) -> Bool {
        outstanding.first.map { now >= $0.sent &+ ConnectionTimes.pong } ?? false
    }

    func deadline(every heartbeat: UInt64) -> UInt64? {
        let overdue = outstanding.first.map { $0.sent &+ ConnectionTimes.pong }
        guard isWarm else { return overdue }
        return min(lastSent &+ heartbeat, overdue ?? .max)
    }

    mutating func answered(_ pong: Pong, now: UInt64) throws(ProtocolError) {
        guard let ping = outstanding.first else {
            throw ProtocolError("pong: expected none, as every ping is answered, found one for \(pong.id)")
        }
        guard pong.id == ping.id, pong.pingSent == ping.sent else {
            throw ProtocolError("pong: expected the answer to ping \(ping.id), found one for \(pong.id)")
        }
        outstanding.removeFirst()
        answeredCount += 1
    }
}
