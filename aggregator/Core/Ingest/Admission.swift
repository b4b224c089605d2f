internal import Identity

/// Who may connect, as a value: arrivals in, verdicts out.
///
/// What a stranger can hold on to is a place among the unfinished. When those run out, the one that has waited longest
/// at the source that has most of them goes: a flood displaces itself, and an agent that comes meanwhile gets in.
struct Admission: Sendable {
    typealias ID = UInt64

    /// Where a connection comes from, as far as limits are concerned.
    struct Source: Hashable, Sendable {
        private let bytes: [UInt8]

        /// The source of an IP address as text.
        init(_ address: String?) {
            let all = address.flatMap(HostAddress.bytes) ?? []
            // A host has at least a /64 to choose addresses from.
            bytes = all.count == 16 ? Array(all[..<8]) : all
        }
    }

    /// What becomes of an arrival.
    enum Verdict: Equatable, Sendable {
        /// It may stay; the other one has to go.
        case admit(evicting: ID?)
        /// It may not, because of this.
        case refuse(String)
    }

    private struct Connection {
        let source: Source
        /// Set once it has greeted.
        var agent: String?
    }

    private struct Presence {
        var count = 0
        /// In the order of their arrival.
        var unfinished: [ID] = []
        var arrivals: RateLimit
    }

    private let limits: ConnectionLimits
    private var connections: [ID: Connection] = [:]
    private var sources: [Source: Presence] = [:]
    private var agents: [String: [ID]] = [:]
    private var unfinishedCount = 0

    init(_ limits: ConnectionLimits) { self.limits = limits }

    /// Connections there are.
    var count: Int { connections.count }
    /// Sources that are remembered.
    var sourceCount: Int { sources.count }

    /// Somebody has connected.
    mutating func arrive(_ id: ID, from source: Source, now: UInt64) -> Verdict {
        forgetSources(now)
        var presence =
            sources[source]
            ?? Presence(
                arrivals: RateLimit(
                    perSecond: limits.arrivalsPerSecond, burst: limits.arrivalBurst, now: now))
        defer { sources[source] = presence }
        guard presence.arrivals.take(now: now) else {
            return .refuse(
                "more than \(Int(limits.arrivalsPerSecond)) connections a second from this address")
        }
        guard presence.unfinished.count < limits.unfinishedPerSource else {
            return .refuse("\(presence.unfinished.count) connections from this address have not greeted yet")
        }
        guard presence.count < limits.perSource else {
            return .refuse("\(presence.count) connections from this address are open")
        }
        var evicted: ID?
        if unfinishedCount >= limits.unfinished || connections.count >= limits.total {
            guard let oldest = oldestOfTheMost else {
                return .refuse("\(connections.count) connections are open")
            }
            evicted = oldest
            if connections[oldest]?.source == source {
                presence.unfinished.removeAll { $0 == oldest }
                presence.count -= 1
                connections[oldest] = nil
                unfinishedCount -= 1
            } else {
                leave(oldest)
            }
        }
        connections[id] = Connection(source: source)
        presence.count += 1
        presence.unfinished.append(id)
        unfinishedCount += 1
        return .admit(evicting: evicted)
    }

    /// A connection has said which agent it is, and that is true. Gives the agent's connections that have to go.
    mutating func greeted(_ id: ID, agent: String) -> [ID] {
        guard var connection = connections[id], connection.agent == nil else { return [] }
        connection.agent = agent
        connections[id] = connection
        unfinishedCount -= 1
        sources[connection.source]?.unfinished.removeAll { $0 == id }
        agents[agent, default: []].append(id)
        return Array(agents[agent, default: []].dropLast(limits.perAgent))
    }

    /// A connection has ended.
    mutating func leave(_ id: ID) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        if let agent = connection.agent {
            agents[agent]?.removeAll { $0 == id }
            if agents[agent]?.isEmpty == true { agents[agent] = nil }
        } else {
            unfinishedCount -= 1
            sources[connection.source]?.unfinished.removeAll { $0 == id }
        }
        // Remembered while its arrivals count.
        sources[connection.source]?.count -= 1
    }

    private var oldestOfTheMost: ID? {
        let most = sources.values.max {
            // Of sources with equally many, the one whose oldest has waited longest.
            ($0.unfinished.count, $1.unfinished.first ?? 0) < ($1.unfinished.count, $0.unfinished.first ?? 0)
        }
        return most?.unfinished.first
    }

    /// Keeps what is remembered of sources without connections from growing.
    private mutating func forgetSources(_ now: UInt64) {
        guard sources.count > 4 * limits.total else { return }
        sources = sources.filter { entry in
            var arrivals = entry.value.arrivals
            return entry.value.count > 0 || !arrivals.isFull(now: now)
        }
        // Still too many: a flood from ever new addresses, which is not remembered by address.
        if sources.count > 4 * limits.total { sources = sources.filter { $0.value.count > 0 } }
    }
}
