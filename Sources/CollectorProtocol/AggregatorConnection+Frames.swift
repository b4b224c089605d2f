extension AggregatorConnection {
    /// What to do after ``received(_:body:now:)``.
    public enum FrameAction: Sendable, Equatable {
        /// Nothing.
        case none
        /// The agent greets: decide, then call ``AggregatorConnection/welcome(_:now:)``.
        case greeted(Hello)
        /// The body is the next batch of its stream, verified: store it, then report what became of it.
        case store(BatchHeader)
        /// Answer with PONG: T2 is `received`, T3 the time of sending.
        case answer(Ping, received: UInt64)
        /// The batch was committed before: send ACK.
        case acknowledge(Ack)
        /// The batch is not the one expected: send NACK.
        case refuse(Nack)
        /// The agent ended the connection: close.
        case close(Goodbye)
        /// The agent broke a rule: send GOODBYE and close.
        case fail(ProtocolError)
    }

    /// A frame has arrived; `now` is the time of its arrival, as exact as can be had (it is T2).
    public mutating func received(_ type: FrameType, body: RawSpan, now: UInt64) -> FrameAction {
        do throws(ProtocolError) {
            switch (state, type) {
            case (.closed, _): return .none
            case (_, .goodbye):
                let goodbye = try Goodbye(body: body)
                state = .closed
                return .close(goodbye)
            case (.awaitingHello, .hello):
                try Hello.checkPreamble(body)
                let hello = try Hello(body: body)
                try hello.check()
                state = .deciding(hello, since: now)
                return .greeted(hello)
            case (.open(var session), .ping):
                session.lastFrame = now
                guard session.pings.take(now: now) else {
                    throw ProtocolError(
                        "ping: expected at most \(AggregatorConnection.PingAllowance.perSecond) a second")
                }
                state = .open(session)
                return .answer(try Ping(body: body), received: now)
            case (.open(var session), .batch):
                session.lastFrame = now
                let action = try session.received(body)
                state = .open(session)
                return action
            case (.open, _): throw ProtocolError("connection: expected BATCH, PING or GOODBYE, found \(type)")
            case (.deciding, _):
                throw ProtocolError("connection: expected silence until WELCOME, found \(type)")
            case (_, _): throw ProtocolError("connection: expected HELLO, found \(type)")
            }
        } catch {
            return .fail(fail(error))
        }
    }
}

extension AggregatorConnection.Session {
    fileprivate mutating func received(_ body: RawSpan) throws(ProtocolError)
        -> AggregatorConnection.FrameAction
    {
        let header: BatchHeader
        let node: String
        do {
            let batch = try BatchReader(body)
            header = batch.header
            node = batch.nodeName
        } catch {
            throw ProtocolError("\(error)")
        }
        guard let index = streams.firstIndex(where: { $0.id == header.streamID }) else {
            throw ProtocolError("batch: expected a stream of HELLO, found \(header.streamID)")
        }
        guard streams[index].node == node else {
            throw ProtocolError("batch: expected node \(streams[index].node) in its stream, found \(node)")
        }
        if header.lastSequence <= streams[index].durable {
            return .acknowledge(Ack(streams: [streams[index].position]))
        }
        // Handed out and not yet committed: the acknowledgement is on its way.
        if header.lastSequence <= streams[index].accepted { return .none }
        guard header.firstSequence == streams[index].accepted + 1 else {
            return try outOfOrder(header, index)
        }
        guard window.admits(byteCount: header.byteCount) else {
            throw ProtocolError(
                "batch: expected at most \(window.freeBatches) batches and \(window.freeBytes) bytes, "
                    + "found one of \(header.byteCount) bytes")
        }
        window.add(streamID: header.streamID, last: header.lastSequence, byteCount: header.byteCount)
        streams[index].accepted = header.lastSequence
        streams[index].droppedSinceResume = nil
        return .store(header)
    }

    /// Asks once to resume, then drops what was on its way; an agent that goes on regardless is cut off.
    private mutating func outOfOrder(
        _ header: BatchHeader, _ index: Int
    ) throws(ProtocolError) -> AggregatorConnection.FrameAction {
        let stream = streams[index]
        guard let dropped = stream.droppedSinceResume else {
            streams[index].droppedSinceResume = 0
            return .refuse(
                stream.resume(
                    first: header.firstSequence, reason: "expected a batch from \(stream.accepted + 1)"))
        }
        guard dropped < window.batchLimit else {
            throw ProtocolError(
                "batch: expected stream \(stream.id) to resume at \(stream.accepted + 1), "
                    + "found \(header.firstSequence) again")
        }
        streams[index].droppedSinceResume = dropped + 1
        return .none
    }
}

extension AggregatorConnection.Stream {
    var position: StreamPosition { StreamPosition(streamID: id, durableSequence: durable) }

    func resume(first: UInt64, reason: String) -> Nack {
        Nack(streamID: id, firstSequence: first, lastSequence: accepted, code: .resume, reason: reason)
    }
}

extension Hello {
    /// The rules of HELLO beyond its layout.
    func check() throws(ProtocolError) {
        guard NodeName.isLegal(agentID) else {
            throw ProtocolError(
                "hello: expected an agent_id of 1 to 64 of A-Z a-z 0-9 . _ -, found \(agentID)")
        }
        var names = Set<String>()
        var streams = Set<UInt64>()
        for node in nodes {
            guard NodeName.isLegal(node.name) else {
                throw ProtocolError(
                    "hello: expected a node name of 1 to 64 of A-Z a-z 0-9 . _ -, found \(node.name)")
            }
            guard (1...UInt64(Int64.max)).contains(node.streamID), streams.insert(node.streamID).inserted
            else {
                throw ProtocolError("hello: expected distinct stream_ids of 63 bits, found \(node.streamID)")
            }
            guard names.insert(node.name).inserted else {
                throw ProtocolError("hello: expected one stream for each node, found two for \(node.name)")
            }
            guard node.oldestSequence <= node.nextSequence,
                (1...UInt64(Int64.max)).contains(node.nextSequence)
            else {
                throw ProtocolError("hello: expected oldest_seq ≤ next_seq < 2⁶³ for \(node.name)")
            }
        }
        guard probes.allSatisfy({ names.contains($0.node) }) else {
            throw ProtocolError("hello: expected probes of the nodes it names")
        }
    }
}
