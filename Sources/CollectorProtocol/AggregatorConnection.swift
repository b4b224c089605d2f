/// The aggregator's side of a connection as a value: events in, actions out, no I/O and no clock of its own.
///
/// HELLO is checked and handed out; the owner looks up the streams and calls ``welcome(_:now:)`` or
/// ``close(_:reason:)``. Batches are handed out in order and without a hole, each once; what the owner reports
/// as committed, fenced or quarantined becomes ACK and NACK. An action that is `.fail` sends GOODBYE and closes.
public struct AggregatorConnection: Sendable {
    enum State: Sendable {
        case idle
        case awaitingHello(since: UInt64)
        case deciding(Hello, since: UInt64)
        case open(Session)
        case closed
    }

    /// What only an open connection has.
    struct Session: Sendable {
        var window: CreditWindow
        var streams: [Stream]
        var lastFrame: UInt64
        var pings = PingAllowance()
    }

    /// Pings that are answered: many times what the shortest heartbeat needs. Batches are bounded by the window; this
    /// bounds what else an agent can ask for.
    struct PingAllowance: Sendable {
        static let perSecond: UInt64 = 50
        static let burst: UInt64 = 100
        private var left = burst
        private var filledAt: UInt64?

        /// Takes one; false when there is none left.
        mutating func take(now: UInt64) -> Bool {
            let since = filledAt ?? now
            let gained = (now &- min(now, since)) / (1_000_000_000 / Self.perSecond)
            left = min(Self.burst, left + min(gained, Self.burst))
            filledAt = since + gained * (1_000_000_000 / Self.perSecond)
            guard left > 0 else { return false }
            left -= 1
            return true
        }
    }

    struct Stream: Sendable {
        let node: String
        let id: UInt64
        var durable: UInt64
        /// The last number that was handed out; what follows it is expected next.
        var accepted: UInt64
        /// Batches dropped since NACK asked to resume, or nil when none is awaited.
        var droppedSinceResume: Int?
    }

    /// A maximum for everything but batches, and for all frames before WELCOME.
    public static let handshakeFrameLength = 1 << 20

    var state = State.idle

    /// A connection that nobody has made yet.
    public init() {}

    /// The transport is there; HELLO has to follow within 10 s.
    public mutating func connected(now: UInt64) {
        if case .idle = state { state = .awaitingHello(since: now) }
    }

    /// What the frame decoder should accept now: a stranger may not make the buffer grow to a batch's size.
    public var maximumFrameLength: Int {
        if case .open = state { FrameDecoder.largestLength } else { Self.handshakeFrameLength }
    }

    /// The greeting, between its arrival and ``welcome(_:now:)``.
    public var greeting: Hello? { if case .deciding(let hello, _) = state { hello } else { nil } }

    /// Whether the connection has ended.
    public var isClosed: Bool { if case .closed = state { true } else { false } }

    /// Bytes and batches that were handed out and are neither committed nor fenced.
    public var pending: (bytes: Int, batches: Int) {
        guard case .open(let session) = state else { return (0, 0) }
        return (session.window.byteCount, session.window.batchCount)
    }

    /// What to do after ``welcome(_:now:)``.
    public enum WelcomeAction: Sendable, Equatable {
        /// Send it.
        case send(Welcome)
        /// The connection has ended meanwhile.
        case none
        /// No HELLO waits for an answer, or a position is missing: a fault of the owner.
        case fail(ProtocolError)
    }

    /// Accepts the agent; `welcome` holds a position for each stream of HELLO.
    public mutating func welcome(_ welcome: Welcome, now: UInt64) -> WelcomeAction {
        switch state {
        case .closed: return .none
        case .idle, .awaitingHello, .open:
            return .fail(fail(ProtocolError("welcome: expected HELLO before it")))
        case .deciding(let hello, _):
            var streams: [Stream] = []
            for node in hello.nodes {
                guard let position = welcome.streams.first(where: { $0.streamID == node.streamID }) else {
                    return .fail(
                        fail(ProtocolError("welcome: expected a position of stream \(node.streamID)")))
                }
                let durable = position.durableSequence
                streams.append(
                    Stream(node: node.name, id: node.streamID, durable: durable, accepted: durable))
            }
            // Twice what the agent may send: when NACK crosses with the very batch it asks for, the agent
            // has freed a place that is still taken here.
            let window = CreditWindow(
                byteLimit: 2 * Int(welcome.windowBytes), batchLimit: 2 * Int(welcome.windowBatches))
            state = .open(Session(window: window, streams: streams, lastFrame: now))
            return .send(welcome)
        }
    }

    /// What to do after ``tick(now:)``.
    public enum TickAction: Sendable, Equatable {
        /// Nothing is due.
        case none
        /// The agent is silent: send GOODBYE and close.
        case fail(ProtocolError)
    }

    /// Time has passed; to be called at ``nextDeadline`` or more often.
    public mutating func tick(now: UInt64) -> TickAction {
        guard let deadline = nextDeadline, now >= deadline else { return .none }
        if case .awaitingHello = state {
            return .fail(fail(ProtocolError("connection: expected HELLO within 10 s")))
        }
        return .fail(fail(ProtocolError("connection: expected a frame within 30 s")))
    }

    /// When ``tick(now:)`` has something to do next, or nil.
    public var nextDeadline: UInt64? {
        switch state {
        case .idle, .deciding, .closed: nil
        case .awaitingHello(let since): since &+ ConnectionTimes.hello
        case .open(let session): session.lastFrame &+ ConnectionTimes.silence
        }
    }

    /// Ends the connection from this side; nil when it has ended or never begun.
    public mutating func close(_ code: GoodbyeCode, reason: String) -> Goodbye? {
        switch state {
        case .idle, .closed:
            state = .closed
            return nil
        case .awaitingHello, .deciding, .open:
            state = .closed
            return Goodbye(code: code, reason: reason)
        }
    }

    mutating func fail(_ error: ProtocolError) -> ProtocolError {
        state = .closed
        return error
    }
}
