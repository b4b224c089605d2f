import ByteCodec
import CollectorProtocol
import Testing

@Suite struct AggregatorConnectionTests {
    private func receive<Message: FrameMessage>(
        _ message: Message, _ connection: inout AggregatorConnection, now: UInt64 = 1
    ) -> AggregatorConnection.FrameAction {
        connection.received(Message.type, body: [UInt8](message.frame[6...]).span.raw, now: now)
    }

    private func send(_ batch: [UInt8], _ connection: inout AggregatorConnection)
        -> AggregatorConnection.FrameAction
    {
        connection.received(.batch, body: batch.span.raw, now: 1)
    }

    private func open(_ welcome: Welcome = Sample.welcome()) -> AggregatorConnection {
        var connection = AggregatorConnection()
        connection.connected(now: 0)
        #expect(receive(Sample.hello(), &connection) == .greeted(Sample.hello()))
        #expect(connection.welcome(welcome, now: 1) == .send(welcome))
        return connection
    }

    private func expectFailure(
        _ action: AggregatorConnection.FrameAction, _ connection: AggregatorConnection,
        code: GoodbyeCode = .protocolError, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        guard case .fail(let error) = action else {
            Issue.record("expected an error, found \(action)", sourceLocation: sourceLocation)
            return
        }
        #expect(error.code == code && connection.isClosed, sourceLocation: sourceLocation)
    }

    @Test func batchesInOrderAreStoredOnceAndAcknowledged() throws {
        var connection = open()
        for first: UInt64 in [1, 11] {
            let bytes = Sample.batch(first: first)
            #expect(send(bytes, &connection) == .store(try BatchHeader.read(bytes.span.raw)))
        }
        #expect(connection.pending.batches == 2)
        #expect(send(Sample.batch(first: 1), &connection) == .none)
        let first = StreamPosition(streamID: Sample.streamID, durableSequence: 10)
        #expect(connection.committed([first]) == Ack(streams: [first]))
        #expect(connection.committed([first]) == nil)
        #expect(connection.pending.batches == 1)
        #expect(send(Sample.batch(first: 1), &connection) == .acknowledge(Ack(streams: [first])))
    }

    @Test func severalStreamsShareOneAcknowledgement() {
        var connection = open()
        _ = send(Sample.batch(first: 1), &connection)
        _ = send(Sample.batch(first: 1, node: "beta", streamID: 2), &connection)
        let both = [
            StreamPosition(streamID: Sample.streamID, durableSequence: 10),
            StreamPosition(streamID: 2, durableSequence: 10),
        ]
        let foreign = StreamPosition(streamID: 77, durableSequence: 10)
        #expect(connection.committed(both + [foreign]) == Ack(streams: both))
        #expect(connection.pending.bytes == 0)
    }

    @Test func aHoleIsRefusedOnceAndWhatIsOnItsWayIsDropped() {
        var connection = open()
        _ = send(Sample.batch(first: 1), &connection)
        guard case .refuse(let nack) = send(Sample.batch(first: 21), &connection) else {
            Issue.record("expected NACK")
            return
        }
        #expect(nack.code == .resume && nack.lastSequence == 10 && nack.firstSequence == 21)
        #expect(send(Sample.batch(first: 31), &connection) == .none)
        guard case .store = send(Sample.batch(first: 11), &connection) else {
            Issue.record("expected the batch to be stored")
            return
        }
        guard case .refuse = send(Sample.batch(first: 41), &connection) else {
            Issue.record("expected NACK again")
            return
        }
    }

    @Test func anAgentThatNeverResumesIsCutOff() {
        var connection = open()
        var last = AggregatorConnection.FrameAction.none
        for _ in 0..<20 where !connection.isClosed { last = send(Sample.batch(first: 21), &connection) }
        expectFailure(last, connection)
    }

    @Test func aGapBatchClosesAHole() {
        var connection = open()
        guard case .store(let header) = send(Sample.gap(first: 1, last: 500), &connection) else {
            Issue.record("expected the gap to be stored")
            return
        }
        #expect(header.kind == .gap)
        guard case .store = send(Sample.batch(first: 501), &connection) else {
            Issue.record("expected the batch to be stored")
            return
        }
    }

    @Test func aFencedStreamResumesBehindTheDatabase() {
        var connection = open()
        for first: UInt64 in [1, 11] { _ = send(Sample.batch(first: first), &connection) }
        let position = StreamPosition(streamID: Sample.streamID, durableSequence: 40)
        guard case .resume(let ack, let nack) = connection.fenced(streamID: Sample.streamID, durable: 40)
        else {
            Issue.record("expected ACK and NACK")
            return
        }
        #expect(ack == Ack(streams: [position]) && nack.lastSequence == 40 && nack.code == .resume)
        #expect(connection.pending.batches == 0)
        #expect(send(Sample.batch(first: 21), &connection) == .acknowledge(Ack(streams: [position])))
        #expect(send(Sample.batch(first: 51), &connection) == .none)
        guard case .store = send(Sample.batch(first: 41), &connection) else {
            Issue.record("expected the batch to be stored")
            return
        }
        #expect(connection.fenced(streamID: 77, durable: 1) == .none)
    }

    @Test func aWindowThatIsIgnoredEndsTheConnection() {
        var connection = open(Sample.welcome(batches: 2))
        var last = AggregatorConnection.FrameAction.none
        for first in stride(from: UInt64(1), through: 31, by: 10) {
            last = send(Sample.batch(first: first), &connection)
        }
        guard case .store = last else {
            Issue.record("expected up to twice the window")
            return
        }
        expectFailure(send(Sample.batch(first: 41), &connection), connection)
    }

    @Test func foreignStreamsAndNodesAreRefused() {
        var connection = open()
        expectFailure(send(Sample.batch(first: 1, streamID: 99), &connection), connection)
        connection = open()
        expectFailure(send(Sample.batch(first: 1, node: "beta"), &connection), connection)
    }

    @Test func aDamagedBatchEndsTheConnection() {
        var connection = open()
        var bytes = Sample.batch(first: 1)
        bytes[bytes.count - 1] ^= 1
        expectFailure(send(bytes, &connection), connection)
    }

    @Test func helloComesFirstAndOnce() {
        var connection = AggregatorConnection()
        connection.connected(now: 0)
        expectFailure(receive(Ping(id: 1, sent: 1), &connection), connection)
        connection = AggregatorConnection()
        connection.connected(now: 0)
        _ = receive(Sample.hello(), &connection)
        expectFailure(receive(Sample.hello(), &connection), connection)
        connection = open()
        expectFailure(receive(Sample.hello(), &connection), connection)
    }

    @Test func helloIsCheckedForVersionAndNames() {
        func fails(_ code: GoodbyeCode = .protocolError, _ change: (inout Hello) -> Void) {
            var hello = Sample.hello()
            change(&hello)
            var connection = AggregatorConnection()
            connection.connected(now: 0)
            let action = receive(hello, &connection)
            expectFailure(action, connection, code: code)
        }
        fails(.unsupportedVersion) { ($0.minimumVersion, $0.maximumVersion) = (2, 3) }
        fails { $0.minimumVersion = 5 }
        fails { $0.agentID = "agent 1" }
        fails { $0.nodes[0].name = "../alpha" }
        fails { $0.nodes[1].name = "alpha" }
        fails { $0.nodes[1].streamID = Sample.streamID }
        fails { $0.nodes[1].streamID = 0 }
        fails { $0.nodes[1].streamID = .max }
        fails { $0.nodes[1].oldestSequence = 2 }
        fails { $0.nodes[1].nextSequence = 0 }
        fails { $0.probes[0].node = "gamma" }
        var connection = AggregatorConnection()
        connection.connected(now: 0)
        expectFailure(
            connection.received(.hello, body: [1, 2, 3, 4, 1, 0, 1, 0].span.raw, now: 1), connection)
    }

    @Test func aStrangerMayNotFillTheBuffer() {
        var connection = AggregatorConnection()
        connection.connected(now: 0)
        #expect(connection.maximumFrameLength == 1 << 20)
        connection = open()
        #expect(connection.maximumFrameLength == FrameDecoder.largestLength)
    }

    @Test func aHundredPingsAtOnceAndFiftyASecondAreAnswered() {
        var connection = open()
        let second: UInt64 = 1_000_000_000
        func answered(_ count: Int, at now: UInt64) -> Int {
            (0..<count).count { _ in
                if case .answer = receive(Ping(id: 1, sent: 1), &connection, now: now) { true } else { false }
            }
        }
        #expect(answered(100, at: second) == 100)
        #expect(answered(25, at: second * 3 / 2) == 25)
        // A heartbeat of 100 ms never comes near it.
        for beat in 20..<200 as Range<UInt64> { #expect(answered(1, at: beat * second / 10) == 1) }
        #expect(answered(102, at: 20 * second) == 100)
        #expect(connection.isClosed)
    }

    @Test func pingsAreAnsweredWithTheTimeOfTheirArrival() {
        var connection = open()
        let ping = Ping(id: 4, sent: 44)
        #expect(receive(ping, &connection, now: 55) == .answer(ping, received: 55))
    }

    @Test func silenceEndsTheConnection() {
        var connection = AggregatorConnection()
        connection.connected(now: 0)
        #expect(connection.tick(now: 9_000_000_000) == .none)
        guard case .fail = connection.tick(now: 10_000_000_000) else {
            Issue.record("expected the end without HELLO")
            return
        }
        connection = open()
        _ = receive(Ping(id: 1, sent: 1), &connection, now: 5_000_000_000)
        #expect(connection.nextDeadline == 35_000_000_000 && connection.tick(now: 34_000_000_000) == .none)
        guard case .fail = connection.tick(now: 35_000_000_000) else {
            Issue.record("expected the end")
            return
        }
    }

    @Test func arbitraryFramesNeverTrap() {
        var generator = SeededGenerator(state: 5)
        let frames: [(FrameType, [UInt8])] = [
            (.hello, [UInt8](Sample.hello().frame[6...])), (.ping, [UInt8](Ping(id: 1, sent: 1).frame[6...])),
            (.batch, Sample.batch(first: 1, count: 1)), (.batch, Sample.batch(first: 2, count: 1)),
            (.batch, Sample.gap(first: 3, last: 9)), (.goodbye, [0, 0, 0, 0]),
        ]
        for _ in 0..<4_000 {
            var connection = AggregatorConnection()
            connection.connected(now: 0)
            for step in 0..<12 {
                var (type, body) = frames[step == 0 ? 0 : Int.random(in: 0..<frames.count, using: &generator)]
                if Int.random(in: 0..<4, using: &generator) == 0 {
                    body[Int.random(in: 0..<body.count, using: &generator)] = .random(
                        in: 0...255, using: &generator)
                    if type == .batch { body = withValidChecksum(body) }
                }
                if Int.random(in: 0..<30, using: &generator) == 0 {
                    type = FrameType.allCases.randomElement(using: &generator) ?? .hello
                }
                _ = connection.received(
                    type, body: body.span.raw, now: .random(in: 0...100, using: &generator))
                if let hello = connection.greeting {
                    let positions = hello.nodes.map {
                        StreamPosition(
                            streamID: $0.streamID, durableSequence: .random(in: 0...3, using: &generator))
                    }
                    var welcome = Sample.welcome()
                    welcome.streams = positions
                    _ = connection.welcome(welcome, now: 1)
                }
                let durable = UInt64.random(in: 0...9, using: &generator)
                switch Int.random(in: 0..<6, using: &generator) {
                case 0: _ = connection.committed(streamID: Sample.streamID, durable: durable)
                case 1: _ = connection.fenced(streamID: Sample.streamID, durable: durable)
                case 2: _ = connection.tick(now: durable)
                default: break
                }
            }
        }
    }
}
