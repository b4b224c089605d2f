import ByteCodec
import CollectorProtocol
import Framing
import Fuzzer

/// What arrives on a connection between agent and aggregator. The first byte says at whose end, and whether batches
/// are put right; the second in how large pieces it arrives.
@main
enum Wire {
    static func main() {
        fuzz { input in
            guard input.byteCount >= 2 else { return }
            let stream = input.extracting(droppingFirst: 2)
            let sealing = input.byte(at: 0) & 2 == 0
            let piece = 1 + Int(input.byte(at: 1))
            if input.byte(at: 0) & 1 == 0 {
                var aggregator = Aggregator(sealing: sealing)
                receive(stream, inPiecesOf: piece, by: &aggregator)
            } else {
                var agent = Agent()
                receive(stream, inPiecesOf: piece, by: &agent)
            }
        }
    }

    /// Finds the frames in `stream` as it arrives, and hands each to `end`, which tells whether to go on.
    private static func receive(_ stream: RawSpan, inPiecesOf piece: Int, by end: inout some End) {
        var start = 0
        var arrived = 0
        while arrived < stream.byteCount {
            arrived = min(stream.byteCount, arrived + piece)
            arrival: while true {
                let readable = stream.extracting(start..<arrived)
                do {
                    switch try FrameDecoder(maximumLength: end.maximumLength).next(in: readable) {
                    case .needMore(let total):
                        precondition(total > readable.byteCount, "more is needed")
                        precondition(total <= 4 + max(end.maximumLength, 2), "not more than is allowed")
                        break arrival
                    case .frame(let type, let body, let total):
                        precondition(total <= readable.byteCount && body.upperBound == total)
                        decode(type, readable.extracting(body))
                        guard end.received(type, readable.extracting(body)) else { return }
                        start += total
                    }
                } catch {
                    return
                }
            }
        }
    }

    /// A message that is decoded, encoded, and decoded again is the same.
    private static func decode(_ type: FrameType, _ body: RawSpan) {
        switch type {
        case .hello: again(Hello.self, body)
        case .welcome: again(Welcome.self, body)
        case .ack: again(Ack.self, body)
        case .nack: again(Nack.self, body)
        case .ping: again(Ping.self, body)
        case .pong: again(Pong.self, body)
        case .goodbye: again(Goodbye.self, body)
        case .batch: _ = try? readWhole(body)
        case .policy: break
        }
    }

    private static func again<Message: FrameMessage>(_: Message.Type, _ body: RawSpan) {
        guard let message = try? Message(body: body) else { return }
        var writer = ByteWriter()
        message.encodeBody(into: &writer)
        // Broken UTF-8 is written as U+FFFD, which takes more bytes, but reads as it was.
        let read = try? Message(body: writer.span)
        precondition(read == message, "a message reads as it was written")
    }
}

/// One end of a connection.
protocol End {
    /// The largest frame that it takes now.
    var maximumLength: Int { get }
    /// Takes a frame; whether the connection goes on.
    mutating func received(_ type: FrameType, _ body: RawSpan) -> Bool
}

/// An aggregator that accepts every agent and commits what it is sent.
private struct Aggregator: End {
    private var connection = AggregatorConnection()
    private let sealing: Bool
    private var now: UInt64 = 1_000_000_000

    init(sealing: Bool) {
        self.sealing = sealing
        connection.connected(now: now)
    }

    var maximumLength: Int { connection.maximumFrameLength }

    mutating func received(_ type: FrameType, _ body: RawSpan) -> Bool {
        now += 1_000_000
        let batch = sealing && type == .batch ? Framing.sealed(body) : body.copied()
        switch connection.received(type, body: batch.span.raw, now: now) {
        case .greeted(let hello):
            let positions = hello.nodes.map {
                StreamPosition(streamID: $0.streamID, durableSequence: $0.nextSequence - 1)
            }
            let welcome = Welcome(
                windowBytes: 4096, windowBatches: 2, aggregatorID: "a", reference: .zero, referenceOffset: 0,
                streams: positions)
            guard case .send = connection.welcome(welcome, now: now) else { return false }
        case .store(let header):
            _ = try? readWhole(batch.span.raw)
            // Every other batch is committed late, so that the window fills.
            if header.lastSequence % 2 == 0 {
                _ = connection.committed(streamID: header.streamID, durable: header.lastSequence)
            }
        case .close, .fail:
            precondition(connection.isClosed)
            return false
        case .none, .answer, .acknowledge, .refuse:
            break
        }
        _ = connection.tick(now: now)
        precondition(connection.pending.batches <= 4, "the window is bounded")
        return !connection.isClosed
    }
}

/// An agent with the streams that the seeds are about.
private struct Agent: End {
    private var connection: AgentConnection
    private var now: UInt64 = 1_000_000_000

    init() {
        connection = AgentConnection(
            hello: Hello(
                agentID: "agent-1", agentVersion: "1", kernel: "6", bootID: .zero, source: .ebpf,
                nodes: [
                    Hello.Node(
                        name: "alpha", streamID: 0x0123_4567_89ab_cdef, nextSequence: 101, oldestSequence: 1),
                    Hello.Node(name: "beta", streamID: 2, nextSequence: 1, oldestSequence: 0),
                ], probes: [], policy: []))
        _ = connection.connected(now: now)
    }

    var maximumLength: Int { FrameDecoder.largestLength }

    mutating func received(_ type: FrameType, _ body: RawSpan) -> Bool {
        now += 1_000_000
        switch connection.received(type, body: body, now: now) {
        case .welcomed(_, let ping):
            warmUp(from: ping)
        case .measured(let measurement, _):
            _ = measurement?.sample(nodeRealMinusMono: 0, nodeMaxError: 0, nodeSynchronised: true)
        case .resume(let held, _):
            precondition(held.durableSequence < UInt64(Int64.max), "there is a next number")
        case .close, .fail:
            precondition(connection.isClosed)
            return false
        case .none, .acknowledged, .quarantined:
            break
        }
        _ = connection.tick(now: now)
        _ = connection.nextToSend(streamID: 2)
        return !connection.isClosed
    }

    /// Answers the eight pings before the first batch, which no input could guess.
    private mutating func warmUp(from first: Ping) {
        var next: Ping? = first
        while let ping = next {
            now += 1_000_000
            let pong = Pong(
                answering: ping, received: now, sent: now, realMinusMono: 0, maxError: .max,
                isSynchronised: false)
            var writer = ByteWriter()
            pong.encodeBody(into: &writer)
            guard case .measured(_, let following) = connection.received(.pong, body: writer.span, now: now)
            else {
                return
            }
            next = following
        }
        precondition(connection.credit.batches > 0, "an agent that is warm may send")
    }
}
