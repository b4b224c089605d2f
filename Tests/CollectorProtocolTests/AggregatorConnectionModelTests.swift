import ByteCodec
import CollectorProtocol
import Testing

/// The aggregator's side against a reading of its rules that keeps nothing but what has happened.
@Suite struct AggregatorConnectionModelTests {
    private struct Model {
        let limit: Int
        var durable: UInt64
        var accepted: UInt64
        /// Last numbers and bytes of what was handed out and is neither committed nor fenced.
        var pending: [(last: UInt64, bytes: Int)] = []
        /// Batches dropped since the agent was asked to resume; nil when it was not.
        var dropped: Int?

        init(limit: Int, durable: UInt64) {
            self.limit = limit
            self.durable = durable
            accepted = durable
        }

        /// What must be answered to a batch; the window is wide enough here.
        mutating func received(_ header: BatchHeader) -> String {
            if header.lastSequence <= durable { return "acknowledge \(durable)" }
            if header.lastSequence <= accepted { return "none" }
            guard header.firstSequence != accepted + 1 else {
                guard pending.count < limit else { return "fail" }
                accepted = header.lastSequence
                pending.append((header.lastSequence, header.byteCount))
                dropped = nil
                return "store \(header.firstSequence)"
            }
            guard let before = dropped else {
                dropped = 0
                return "refuse \(accepted)"
            }
            dropped = before + 1
            return before < limit ? "none" : "fail"
        }

        mutating func committed(_ position: UInt64) -> String {
            guard durable < position else { return "none" }
            durable = position
            accepted = max(accepted, position)
            pending.removeAll { $0.last <= position }
            return "ack \(position)"
        }

        mutating func fenced(_ position: UInt64) -> String {
            durable = position
            accepted = position
            pending.removeAll()
            dropped = 0
            return "resume \(position)"
        }
    }

    private func text(_ action: AggregatorConnection.FrameAction) -> String {
        switch action {
        case .none: "none"
        case .store(let header): "store \(header.firstSequence)"
        case .acknowledge(let ack): "acknowledge \(ack.streams[0].durableSequence)"
        case .refuse(let nack): "refuse \(nack.lastSequence)"
        case .fail: "fail"
        case .greeted, .answer, .close: "other"
        }
    }

    @Test(arguments: 1...200)
    func handsOutEachBatchOnceAndInOrderWhateverComes(seed: Int) throws {
        var generator = SeededGenerator(state: UInt64(seed))
        var connection = AggregatorConnection()
        connection.connected(now: 0)
        _ = connection.received(.hello, body: [UInt8](Sample.hello().frame[6...]).span.raw, now: 0)
        let durable = UInt64.random(in: 0...30, using: &generator)
        _ = connection.welcome(Sample.welcome(durable: durable, batches: 3), now: 0)
        var model = Model(limit: 6, durable: durable)
        var handedOut = durable
        for _ in 0..<200 {
            switch Int.random(in: 0..<8, using: &generator) {
            case 0..<5:
                // What is expected, more often than what is old, torn open or far ahead.
                let expected = model.accepted + 1
                let first =
                    switch Int.random(in: 0..<8, using: &generator) {
                    case 0: expected + .random(in: 1...20, using: &generator)
                    case 1: max(1, expected - min(expected, .random(in: 1...30, using: &generator)))
                    default: expected
                    }
                let bytes = Sample.batch(first: first, count: .random(in: 1...10, using: &generator))
                let header = try BatchHeader.read(bytes.span.raw)
                let wanted = model.received(header)
                let action = connection.received(.batch, body: bytes.span.raw, now: 1)
                #expect(text(action) == wanted, "\(first)–\(header.lastSequence)")
                if case .store(let stored) = action {
                    #expect(stored.firstSequence == handedOut + 1)
                    handedOut = stored.lastSequence
                }
                if wanted == "fail" {
                    #expect(connection.isClosed)
                    return
                }
            case 5, 6:
                // The writer commits what it was given, in order; another aggregator may have gone further.
                var position = model.pending.first?.last ?? model.durable
                if generator.next() % 16 == 0 { position += 7 }
                let ack = connection.committed(streamID: Sample.streamID, durable: position)
                let wanted = model.committed(position)
                #expect((ack.map { "ack \($0.streams[0].durableSequence)" } ?? "none") == wanted)
                handedOut = max(handedOut, model.accepted)
            default:
                guard generator.next() % 4 == 0 else { break }
                let position = UInt64.random(in: 0...(model.accepted + 5), using: &generator)
                guard
                    case .resume(let ack, let nack) = connection.fenced(
                        streamID: Sample.streamID, durable: position)
                else {
                    Issue.record("expected to resume")
                    return
                }
                #expect("resume \(ack.streams[0].durableSequence)" == model.fenced(position))
                #expect(nack.lastSequence == position && nack.code == .resume)
                handedOut = position
            }
            #expect(connection.pending.batches == model.pending.count)
            #expect(connection.pending.bytes == model.pending.reduce(0) { $0 + $1.bytes })
        }
    }
}
