/// The agent's side of a connection as a value: events in, actions out, no I/O and no clock of its own.
///
/// `connected` sends HELLO; WELCOME begins eight exchanges of timestamps; then batches may be sent within the
/// credit that WELCOME gave, each stream from its resume position. An action that is `.fail` sends GOODBYE
/// and closes. All times are CLOCK_MONOTONIC in nanoseconds.
public struct AgentConnection: Sendable {
    enum State: Sendable {
        case idle
        case awaitingWelcome(since: UInt64)
        case open(Session)
        case closed
    }

    /// What only an open connection has.
    struct Session: Sendable {
        let welcome: Welcome
        var window: CreditWindow
        /// Held by the aggregator or on its way, by stream in the order of HELLO.
        var positions: [StreamPosition]
        var pings = PingSchedule()
    }

    let hello: Hello
    var state = State.idle

    /// A connection that will greet with `hello`.
    public init(hello: Hello) { self.hello = hello }

    /// What to do after ``connected(now:)``.
    public enum ConnectAction: Sendable, Equatable {
        /// Send it.
        case send(Hello)
        /// This is a second connection for one value.
        case fail(ProtocolError)
    }

    /// The transport is there.
    public mutating func connected(now: UInt64) -> ConnectAction {
        guard case .idle = state else {
            return .fail(fail(ProtocolError("connection: expected to be connected once")))
        }
        state = .awaitingWelcome(since: now)
        return .send(hello)
    }

    /// Room for batches.
    public struct Credit: Sendable, Equatable {
        /// Bytes that may be sent.
        public let bytes: Int
        /// Batches that may be sent.
        public let batches: Int
        /// Nothing may be sent.
        public static let none = Credit(bytes: 0, batches: 0)
    }

    /// Room for batches now; none before WELCOME and the eight exchanges.
    public var credit: Credit {
        guard case .open(let session) = state, session.pings.isWarm else { return .none }
        return Credit(bytes: session.window.freeBytes, batches: session.window.freeBatches)
    }

    /// Whether a batch of this size may be sent now.
    ///
    /// A batch larger than the whole window may be sent when nothing else is on its way.
    public func maySendBatch(byteCount: Int) -> Bool {
        guard case .open(let session) = state, session.pings.isWarm else { return false }
        return session.window.admits(byteCount: byteCount)
    }

    /// Whether batches are sent and not acknowledged.
    public var isWaitingForAcknowledgement: Bool {
        guard case .open(let session) = state else { return false }
        return session.window.batchCount > 0
    }

    /// The number from which the stream's next batch must begin; nil before WELCOME or for another's stream.
    public func nextToSend(streamID: UInt64) -> UInt64? {
        guard case .open(let session) = state else { return nil }
        return session.positions.first { $0.streamID == streamID }?.firstToSend
    }

    /// Notes that a batch of events or a gap batch is written to the transport.
    ///
    /// Throws, and closes the state, when it had no credit or did not begin at ``nextToSend(streamID:)``.
    public mutating func batchSent(_ header: BatchHeader) throws(ProtocolError) {
        guard case .open(var session) = state, session.pings.isWarm else {
            throw fail(ProtocolError("batch: expected WELCOME and eight exchanges before it"))
        }
        guard let index = session.positions.firstIndex(where: { $0.streamID == header.streamID }) else {
            throw fail(ProtocolError("batch: expected a stream of HELLO, found \(header.streamID)"))
        }
        let expected = session.positions[index].firstToSend
        guard header.firstSequence == expected else {
            throw fail(
                ProtocolError(
                    "batch: expected stream \(header.streamID) to go on at \(expected), found \(header.firstSequence)"
                ))
        }
        guard session.window.admits(byteCount: header.byteCount) else {
            throw fail(ProtocolError("batch: expected \(header.byteCount) bytes to fit the window"))
        }
        session.window.add(
            streamID: header.streamID, last: header.lastSequence, byteCount: header.byteCount)
        session.positions[index].durableSequence = header.lastSequence
        state = .open(session)
    }

    /// What to do after ``tick(now:)``.
    public enum TickAction: Sendable, Equatable {
        /// Nothing is due.
        case none
        /// Send it.
        case send(Ping)
        /// The other side is silent: send GOODBYE and close.
        case fail(ProtocolError)
    }

    /// Time has passed; to be called at ``nextDeadline`` or more often.
    public mutating func tick(now: UInt64) -> TickAction {
        switch state {
        case .idle, .closed: return .none
        case .awaitingWelcome(let since):
            guard now >= since &+ ConnectionTimes.welcome else { return .none }
            return .fail(fail(ProtocolError("connection: expected WELCOME within 30 s")))
        case .open(var session):
            if session.pings.isOverdue(now: now) {
                return .fail(fail(ProtocolError("connection: expected PONG within 10 s")))
            }
            guard let ping = session.pings.due(now: now, every: session.heartbeat) else { return .none }
            state = .open(session)
            return .send(ping)
        }
    }

    /// When ``tick(now:)`` has something to do next, or nil.
    public var nextDeadline: UInt64? {
        switch state {
        case .idle, .closed: nil
        case .awaitingWelcome(let since): since &+ ConnectionTimes.welcome
        case .open(let session): session.pings.deadline(every: session.heartbeat)
        }
    }

    /// Ends the connection from this side; nil when it has ended or never begun.
    public mutating func close(_ code: GoodbyeCode = .done, reason: String) -> Goodbye? {
        switch state {
        case .idle, .closed:
            state = .closed
            return nil
        case .awaitingWelcome, .open:
            state = .closed
            return Goodbye(code: code, reason: reason)
        }
    }

    /// Whether the connection has ended.
    public var isClosed: Bool { if case .closed = state { true } else { false } }

    mutating func fail(_ error: ProtocolError) -> ProtocolError {
        state = .closed
        return error
    }
}

extension AgentConnection.Session {
    var heartbeat: UInt64 { UInt64(welcome.heartbeatMilliseconds) * 1_000_000 }
}
