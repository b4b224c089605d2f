import ByteCodec
import CollectorProtocol
import Testing

@Suite struct AgentConnectionTests {
    private func receive<Message: FrameMessage>(
        _ message: Message, _ connection: inout AgentConnection, now: UInt64
    ) -> AgentConnection.FrameAction {
        connection.received(Message.type, body: [UInt8](message.frame[6...]).span.raw, now: now)
    }

    private func pong(_ ping: Ping, delay: UInt64 = 100) -> Pong {
        Pong(
            answering: ping, received: ping.sent + 1_000, sent: ping.sent + 1_010, realMinusMono: 7,
            maxError: 8,
            isSynchronised: true)
    }

    /// A connection behind its eight exchanges.
    private func open(_ welcome: Welcome = Sample.welcome(), now: UInt64 = 1_000) -> AgentConnection {
        var connection = AgentConnection(hello: Sample.hello())
        _ = connection.connected(now: now)
        guard case .welcomed(_, var ping) = receive(welcome, &connection, now: now) else { return connection }
        while case .measured(_, let next?) = receive(pong(ping), &connection, now: now + 50) { ping = next }
        return connection
    }

    private func header(_ bytes: [UInt8]) throws -> BatchHeader { try BatchHeader.read(bytes.span.raw) }

    @Test func eightExchangesPrecedeTheFirstBatch() throws {
        var connection = AgentConnection(hello: Sample.hello())
        #expect(connection.connected(now: 10) == .send(Sample.hello()))
        #expect(connection.credit == .none)
        guard case .welcomed(_, let first) = receive(Sample.welcome(), &connection, now: 20) else {
            Issue.record("expected to be welcomed")
            return
        }
        var ping: Ping? = first
        var measurements = 0
        while let current = ping {
            #expect(connection.credit == .none && !connection.maySendBatch(byteCount: 1))
            guard
                case .measured(let measurement?, let next) = receive(
                    pong(current), &connection, now: current.sent + 50)
            else {
                Issue.record("expected a measurement")
                return
            }
            #expect(measurement.bounds.high == 1_000 && measurement.bounds.low == 960)
            #expect(measurement.monotonic == current.sent + 50 && measurement.reference == Sample.boot)
            measurements += 1
            ping = next
        }
        #expect(measurements == 8)
        #expect(connection.credit.bytes == 1 << 20 && connection.credit.batches == 4)
    }

    @Test func aBatchBeforeItsTimeIsRefused() throws {
        var connection = AgentConnection(hello: Sample.hello())
        _ = connection.connected(now: 0)
        #expect(throws: ProtocolError.self) { try connection.batchSent(header(Sample.batch(first: 1))) }
    }

    @Test func acknowledgementsFreeCredit() throws {
        var connection = open()
        for first: UInt64 in [1, 11, 21, 31] { try connection.batchSent(header(Sample.batch(first: first))) }
        #expect(connection.credit.batches == 0 && !connection.maySendBatch(byteCount: 200))
        let ack = Ack(streams: [StreamPosition(streamID: Sample.streamID, durableSequence: 20)])
        #expect(receive(ack, &connection, now: 5) == .acknowledged(ack.streams))
        #expect(connection.credit.batches == 2 && connection.isWaitingForAcknowledgement)
        #expect(connection.nextToSend(streamID: Sample.streamID) == 41)
    }

    @Test func aBatchLargerThanTheWindowGoesAlone() throws {
        var connection = open(Sample.welcome(bytes: 300))
        let large = try header(Sample.batch(first: 1))
        #expect(large.byteCount > 300 && connection.maySendBatch(byteCount: large.byteCount))
        try connection.batchSent(large)
        #expect(!connection.maySendBatch(byteCount: 1))
    }

    @Test func aBatchThatLeavesAHoleIsRefused() {
        var connection = open(Sample.welcome(durable: 5))
        #expect(throws: ProtocolError.self) { try connection.batchSent(header(Sample.batch(first: 7))) }
        #expect(connection.isClosed)
    }

    @Test func aResumeSendsAgainFromBehindWhatIsHeld() throws {
        var connection = open()
        for first: UInt64 in [1, 11, 21] { try connection.batchSent(header(Sample.batch(first: first))) }
        let nack = Nack(
            streamID: Sample.streamID, firstSequence: 21, lastSequence: 10, code: .resume, reason: "r")
        let held = StreamPosition(streamID: Sample.streamID, durableSequence: 10)
        #expect(receive(nack, &connection, now: 5) == .resume(held: held, reason: "r"))
        #expect(connection.nextToSend(streamID: Sample.streamID) == 11 && connection.credit.batches == 3)
    }

    @Test func quarantineWaitsForItsAcknowledgement() throws {
        var connection = open()
        try connection.batchSent(header(Sample.batch(first: 1)))
        let nack = Nack(
            streamID: Sample.streamID, firstSequence: 1, lastSequence: 10, code: .quarantined, reason: "")
        #expect(receive(nack, &connection, now: 5) == .quarantined(nack))
        #expect(connection.credit.batches == 3)
    }

    @Test func heartbeatsFollowAndSilenceEndsTheConnection() {
        var connection = open(now: 1_000)
        let second: UInt64 = 1_000_000_000
        #expect(connection.tick(now: 2_000) == .none)
        guard let due = connection.nextDeadline, case .send(let ping) = connection.tick(now: due) else {
            Issue.record("expected a ping")
            return
        }
        #expect(ping.id == 9 && ping.sent == due)
        guard case .send = connection.tick(now: due + second) else {
            Issue.record("expected the next ping")
            return
        }
        guard case .fail = connection.tick(now: due + 10 * second) else {
            Issue.record("expected the end")
            return
        }
        #expect(connection.isClosed && connection.nextDeadline == nil && connection.tick(now: .max) == .none)
    }

    @Test func anAggregatorThatDoesNotAnswerHelloIsLeft() {
        var connection = AgentConnection(hello: Sample.hello())
        _ = connection.connected(now: 0)
        #expect(connection.tick(now: 29_000_000_000) == .none)
        guard case .fail = connection.tick(now: 30_000_000_000) else {
            Issue.record("expected the end")
            return
        }
    }

    @Test func aPongForAnotherPingIsAnError() {
        var connection = open()
        guard case .fail = receive(pong(Ping(id: 99, sent: 1)), &connection, now: 5) else {
            Issue.record("expected an error")
            return
        }
    }

    @Test func welcomeMustNameEveryStreamOnceAndAllowEnough() {
        var lacking = Sample.welcome()
        lacking.streams.removeLast()
        var double = Sample.welcome()
        double.streams.append(double.streams[0])
        var small = Sample.welcome()
        small.maximumFrameLength = 1_000
        var other = Sample.welcome()
        other.version = 2
        var closed = Sample.welcome()
        closed.windowBatches = 0
        for welcome in [lacking, double, small, other, closed] {
            var connection = AgentConnection(hello: Sample.hello())
            _ = connection.connected(now: 0)
            guard case .fail = receive(welcome, &connection, now: 1) else {
                Issue.record("expected an error for \(welcome)")
                continue
            }
        }
    }

    @Test func positionsSayWhatIsMissingAndWhereNumberingJumps() {
        let position = StreamPosition(streamID: 1, durableSequence: 100)
        #expect(position.missing(oldest: 90, next: 200) == nil)
        #expect(position.missing(oldest: 101, next: 200) == nil)
        #expect(position.missing(oldest: 150, next: 200) == 101...149)
        #expect(position.missing(oldest: 0, next: 200) == 101...199)
        #expect(position.missing(oldest: 0, next: 101) == nil)
        #expect(position.missing(oldest: 0, next: 50) == nil)
        #expect(position.jump(next: 50) == 101 && position.jump(next: 101) == nil)
    }

    @Test func nothingHappensAfterGoodbye() {
        var connection = open()
        let goodbye = Goodbye(code: .shuttingDown, reason: "restart")
        #expect(receive(goodbye, &connection, now: 5) == .close(goodbye))
        #expect(receive(Ack(streams: []), &connection, now: 6) == .none)
        #expect(connection.close(reason: "") == nil)
    }
}
