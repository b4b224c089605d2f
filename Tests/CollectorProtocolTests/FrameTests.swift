import ByteCodec
import CollectorProtocol
import Testing

@Suite struct FrameTests {
    private static let messages: [any FrameMessage] = [
        Sample.hello(), Sample.welcome(durable: 9),
        Ack(streams: [
            StreamPosition(streamID: 1, durableSequence: 2), StreamPosition(streamID: 3, durableSequence: 4),
        ]),
        Nack(streamID: 1, firstSequence: 2, lastSequence: 3, code: .quarantined, reason: "größer"),
        Ping(id: 1, sent: 2),
        Pong(
            answering: Ping(id: 1, sent: 2), received: 3, sent: 4, realMinusMono: -5, maxError: .max,
            isSynchronised: true),
        Goodbye(code: .shuttingDown, reason: "restart"),
    ]

    private func check<Message: FrameMessage>(_ message: Message) throws {
        let frame = message.frame
        let step = try FrameDecoder().next(in: frame.span.raw)
        #expect(step == .frame(type: Message.type, body: 6..<frame.count, total: frame.count))
        let body = [UInt8](frame[6...])
        #expect(try Message(body: body.span.raw) == message)
        for length in 0..<body.count {
            #expect(throws: ProtocolError.self) { try Message(body: [UInt8](body[..<length]).span.raw) }
        }
        #expect(throws: ProtocolError.self) { try Message(body: (body + [0]).span.raw) }
        var generator = SeededGenerator(state: 4)
        for _ in 0..<3_000 {
            var damaged = body
            for _ in 0..<3 {
                damaged[Int.random(in: 0..<damaged.count, using: &generator)] = .random(
                    in: 0...255, using: &generator)
            }
            _ = try? Message(body: damaged.span.raw)
        }
    }

    @Test func everyMessageComesBackAndItsTruncationsAreErrors() throws {
        for message in Self.messages { try check(message) }
    }

    @Test func framesArriveByteByByte() throws {
        let stream = Self.messages.flatMap { $0.frame }
        let decoder = FrameDecoder()
        var buffer: [UInt8] = []
        var types: [FrameType] = []
        for byte in stream {
            buffer.append(byte)
            switch try decoder.next(in: buffer.span.raw) {
            case .needMore(let total): #expect(total > buffer.count)
            case .frame(let type, _, let total):
                #expect(total == buffer.count)
                types.append(type)
                buffer.removeAll()
            }
        }
        #expect(types == [.hello, .welcome, .ack, .nack, .ping, .pong, .goodbye] && buffer.isEmpty)
    }

    @Test func theMaximumIsEnforcedAsSoonAsTheLengthIsKnown() throws {
        let decoder = FrameDecoder(maximumLength: 100)
        let error = #expect(throws: ProtocolError.self) {
            try decoder.next(in: [0, 0, 0, 101].span.raw)
        }
        #expect(error?.code == .tooLarge)
        #expect(try decoder.next(in: [0, 0, 0, 100].span.raw) == .needMore(total: 104))
        #expect(try decoder.next(in: [0, 0, 0].span.raw) == .needMore(total: 6))
    }

    @Test(
        arguments: [[0, 0, 0, 1, 1, 0], [0, 0, 0, 2, 0, 0], [0, 0, 0, 2, 10, 0], [0, 0, 0, 2, 6, 1]]
            as [[UInt8]])
    func aBadFrameHeaderIsAnError(bytes: [UInt8]) {
        #expect(throws: ProtocolError.self) { try FrameDecoder().next(in: bytes.span.raw) }
    }

    @Test func theLargestBatchFitsTheLargestFrame() throws {
        var writer = ByteWriter()
        writer.beginFrame(.batch, bodyByteCount: BatchHeader.maximumByteCount)
        #expect(
            try FrameDecoder().next(in: writer.span)
                == .needMore(total: BatchHeader.maximumByteCount + FrameDecoder.headerByteCount))
    }
}
