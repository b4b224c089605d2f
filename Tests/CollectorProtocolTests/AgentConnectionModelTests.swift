import ByteCodec
import CollectorProtocol
import Testing

/// The agent's side against a reading of its rules that keeps nothing but what has happened.
@Suite struct AgentConnectionModelTests {
    /// What was sent on an open connection, and what came back.
    private struct Model {
        struct Sent {
            let stream: UInt64
            let last: UInt64
            let bytes: Int
            /// Its place is free: it is acknowledged, or will be sent again.
            var isFree = false
        }

        let windowBytes: Int
        let windowBatches: Int
        var sent: [Sent] = []
        var next: [UInt64: UInt64]
        var pings: [Ping] = []
        var pongs = 0

        var outstanding: [Sent] { sent.filter { !$0.isFree } }
        var isWarm: Bool { pongs >= ConnectionTimes.exchangesBeforeBatches }
        var credit: (bytes: Int, batches: Int) {
            guard isWarm else { return (0, 0) }
            return (
                max(0, windowBytes - outstanding.reduce(0) { $0 + $1.bytes }),
                max(0, windowBatches - outstanding.count)
            )
        }

        func maySend(_ bytes: Int) -> Bool {
            isWarm && (outstanding.isEmpty || credit.batches > 0 && bytes <= credit.bytes)
        }

        mutating func acknowledge(_ stream: UInt64, _ sequence: UInt64) {
            for index in sent.indices where sent[index].stream == stream && sent[index].last <= sequence {
                sent[index].isFree = true
            }
            next[stream] = max(next[stream] ?? 0, sequence + 1)
        }

        mutating func resume(_ stream: UInt64, _ held: UInt64) {
            for index in sent.indices where sent[index].stream == stream && sent[index].last > held {
                sent[index].isFree = true
            }
            next[stream] = held + 1
        }
    }

    @Test(arguments: 1...200)
    func keepsToItsWindowAndPositionsWhateverComes(seed: Int) throws {
        var generator = SeededGenerator(state: UInt64(seed))
        let streams = [Sample.streamID, 2]
        let names = [Sample.streamID: "alpha", 2: "beta"]
        var connection = AgentConnection(hello: Sample.hello())
        _ = connection.connected(now: 0)
        let welcome = Sample.welcome(
            durable: .random(in: 0...50, using: &generator), batches: .random(in: 1...5, using: &generator),
            bytes: .random(in: 100...4000, using: &generator))
        var model = Model(
            windowBytes: Int(welcome.windowBytes), windowBatches: Int(welcome.windowBatches),
            next: Dictionary(
                uniqueKeysWithValues: welcome.streams.map { ($0.streamID, $0.durableSequence + 1) }))
        guard case .welcomed(_, let first) = receive(welcome, &connection, 0) else {
            Issue.record("expected to be welcomed")
            return
        }
        model.pings = [first]
        var now: UInt64 = 1
        for _ in 0..<300 {
            now += UInt64.random(in: 1...400_000_000, using: &generator)
            let stream = try #require(streams.randomElement(using: &generator))
            switch Int.random(in: 0..<8, using: &generator) {
            case 0..<3:
                let bytes = Sample.batch(
                    first: model.next[stream] ?? 1, count: .random(in: 1...9, using: &generator),
                    node: names[stream] ?? "", streamID: stream,
                    payload: .random(in: 0...200, using: &generator))
                #expect(connection.maySendBatch(byteCount: bytes.count) == model.maySend(bytes.count))
                guard model.maySend(bytes.count) else { break }
                let header = try BatchHeader.read(bytes.span.raw)
                try connection.batchSent(header)
                model.sent.append(.init(stream: stream, last: header.lastSequence, bytes: bytes.count))
                model.next[stream] = header.lastSequence + 1
            case 3, 4:
                // Acknowledged is what was sent, or by way of another aggregator what was not.
                let sequence = (model.next[stream] ?? 1) - 1 + (generator.next() % 9 == 0 ? 5 : 0)
                let position = sequence - min(sequence, .random(in: 0...20, using: &generator))
                let ack = Ack(streams: [StreamPosition(streamID: stream, durableSequence: position)])
                #expect(receive(ack, &connection, now) == .acknowledged(ack.streams))
                model.acknowledge(stream, position)
            case 5:
                let held = UInt64.random(in: 0...(model.next[stream] ?? 1), using: &generator)
                let nack = Nack(
                    streamID: stream, firstSequence: held + 1, lastSequence: held, code: .resume, reason: "r")
                let position = StreamPosition(streamID: stream, durableSequence: held)
                #expect(receive(nack, &connection, now) == .resume(held: position, reason: "r"))
                model.resume(stream, held)
            case 6:
                guard !model.pings.isEmpty else { break }
                let ping = model.pings.removeFirst()
                now = min(now, ping.sent + ConnectionTimes.pong - 1)
                let pong = Pong(
                    answering: ping, received: 1, sent: 2, realMinusMono: 0, maxError: 0,
                    isSynchronised: false)
                model.pongs += 1
                guard case .measured(_, let next) = receive(pong, &connection, now) else {
                    Issue.record("expected a measurement")
                    return
                }
                #expect((next == nil) == model.isWarm)
                if let next { model.pings.append(next) }
            default:
                let overdue = model.pings.first.map { now >= $0.sent + ConnectionTimes.pong } ?? false
                switch connection.tick(now: now) {
                case .none: #expect(!overdue)
                case .send(let ping):
                    #expect(!overdue && model.isWarm)
                    model.pings.append(ping)
                case .fail:
                    #expect(overdue && connection.isClosed && connection.credit == .none)
                    return
                }
            }
            #expect((connection.credit.bytes, connection.credit.batches) == model.credit)
            #expect(connection.isWaitingForAcknowledgement == !model.outstanding.isEmpty)
            for stream in streams { #expect(connection.nextToSend(streamID: stream) == model.next[stream]) }
        }
    }

    private func receive<Message: FrameMessage>(
        _ message: Message, _ connection: inout AgentConnection, _ now: UInt64
    ) -> AgentConnection.FrameAction {
        connection.received(Message.type, body: [UInt8](message.frame[6...]).span.raw, now: now)
    }
}
