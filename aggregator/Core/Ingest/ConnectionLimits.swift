/// How many connections there may be, and how fast they may come.
public struct ConnectionLimits: Sendable, Equatable {
    /// Connections in all.
    public var total = 1024
    /// Connections from one source: an IPv4 address, or the /64 network of an IPv6 address.
    public var perSource = 256
    /// Connections that have not greeted yet, in all.
    public var unfinished = 256
    /// Connections from one source that have not greeted yet.
    public var unfinishedPerSource = 64
    /// Connections of one agent; it needs one, and a lost one may not be noticed at once.
    public var perAgent = 4
    /// New connections a second from one source, once `arrivalBurst` are used up.
    public var arrivalsPerSecond = 20.0
    /// New connections from one source at once.
    public var arrivalBurst = 128.0
    /// New connections a second in all; more wait in the kernel.
    public var acceptsPerSecond = 2000.0
    /// Bytes that batches on their way to the database may take, of all agents.
    public var batchBytes = 1 << 30

    /// The defaults.
    public init() {}
}

/// So many at once, and so many a second: a bucket of tokens.
struct RateLimit: Sendable {
    private let perSecond: Double
    private let burst: Double
    private var tokens: Double
    private var filledAt: UInt64

    init(perSecond: Double, burst: Double, now: UInt64) {
        (self.perSecond, self.burst, tokens, filledAt) = (perSecond, burst, burst, now)
    }

    /// Takes a token; false when there is none.
    mutating func take(now: UInt64) -> Bool {
        fill(now)
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }

    /// Nanoseconds until there is a token again.
    mutating func wait(now: UInt64) -> UInt64 {
        fill(now)
        return tokens >= 1 ? 0 : UInt64((1 - tokens) / perSecond * 1e9) + 1
    }

    /// Whether nothing has been taken for so long that it could be forgotten.
    mutating func isFull(now: UInt64) -> Bool {
        fill(now)
        return tokens >= burst
    }

    private mutating func fill(_ now: UInt64) {
        guard now > filledAt else { return }
        tokens = min(burst, tokens + Double(now - filledAt) / 1e9 * perSecond)
        filledAt = now
    }
}
