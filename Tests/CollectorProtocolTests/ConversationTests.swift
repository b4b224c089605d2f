import ByteCodec
import CollectorProtocol
import Testing

/// Both state machines against each other over a way that loses nothing but delays everything.
@Suite struct ConversationTests {
    /// An agent with 60 batches of 5 records, an aggregator that commits, fences and answers at random.
    @Test(arguments: 1...40)
    func everyRecordIsCommittedOnceInOrder(seed: Int) throws {
        var generator = SeededGenerator(state: UInt64(seed))
        let spool = (0..<60).map { Sample.batch(first: UInt64(5 * $0 + 1), count: 5) }
        var agent = AgentConnection(hello: Sample.hello(next: 301))
        var aggregator = AggregatorConnection()
        var toAggregator: [[UInt8]] = []
        var toAgent: [[UInt8]] = []
        var queue: [BatchHeader] = []
        var durable: UInt64 = 0
        var trimmed: UInt64 = 0
        aggregator.connected(now: 0)
        guard case .send(let hello) = agent.connected(now: 0) else { return }
        toAggregator.append(hello.frame)
        var steps = 0
        while trimmed < 300, steps < 100_000 {
            steps += 1
            let now = UInt64(steps)
            switch Int.random(in: 0..<5, using: &generator) {
            case 0 where !toAggregator.isEmpty:
                let frame = toAggregator.removeFirst()
                let type = try #require(FrameType(rawValue: frame[4]))
                switch aggregator.received(type, body: [UInt8](frame[6...]).span.raw, now: now) {
                case .greeted:
                    if case .send(let welcome) = aggregator.welcome(Sample.welcome(), now: now) {
                        toAgent.append(welcome.frame)
                    }
                case .store(let header): queue.append(header)
                case .answer(let ping, let received):
                    toAgent.append(
                        Pong(
                            answering: ping, received: received, sent: now, realMinusMono: 0, maxError: 1,
                            isSynchronised: true
                        ).frame)
                case .acknowledge(let ack): toAgent.append(ack.frame)
                case .refuse(let nack): toAgent.append(nack.frame)
                case .none: break
                case .close, .fail: Issue.record("the aggregator closed")
                }
            case 1 where !toAgent.isEmpty:
                let frame = toAgent.removeFirst()
                let type = try #require(FrameType(rawValue: frame[4]))
                switch agent.received(type, body: [UInt8](frame[6...]).span.raw, now: now) {
                case .welcomed(_, let ping): toAggregator.append(ping.frame)
                case .measured(_, let ping): if let ping { toAggregator.append(ping.frame) }
                case .acknowledged(let streams): trimmed = max(trimmed, streams[0].durableSequence)
                case .resume, .quarantined, .none: break
                case .close, .fail: Issue.record("the agent closed")
                }
            case 2:
                guard let next = agent.nextToSend(streamID: Sample.streamID), next <= 300 else { break }
                let batch = spool[Int(next - 1) / 5]
                guard agent.maySendBatch(byteCount: batch.count) else { break }
                try agent.batchSent(BatchHeader.read(batch.span.raw))
                var writer = ByteWriter()
                writer.beginFrame(.batch, bodyByteCount: batch.count)
                writer.append(batch)
                toAggregator.append(writer.bytes)
            case 3 where !queue.isEmpty:
                let header = queue.removeFirst()
                #expect(header.firstSequence == durable + 1)
                durable = header.lastSequence
                if let ack = aggregator.committed(streamID: header.streamID, durable: durable) {
                    toAgent.append(ack.frame)
                }
            case 4 where !queue.isEmpty && Int.random(in: 0..<6, using: &generator) == 0:
                queue.removeAll()
                if case .resume(let ack, let nack) = aggregator.fenced(
                    streamID: Sample.streamID, durable: durable)
                {
                    toAgent.append(ack.frame)
                    toAgent.append(nack.frame)
                }
            default: break
            }
        }
        #expect(trimmed == 300 && durable == 300)
    }
}
