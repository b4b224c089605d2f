extension AgentConnection {
    /// What to do after ``received(_:body:now:)``.
    public enum FrameAction: Sendable, Equatable {
        /// Nothing.
        case none
        /// The streams go on behind these positions: declare what is missing, move the numbering past a
        /// position that is ahead of it, and send the ping.
        case welcomed(Welcome, send: Ping)
        /// Put the measurement into the stream as a record, if there is one, and send the ping, if there is one.
        ///
        /// Without a ping the connection may send batches, as far as ``credit`` goes.
        case measured(ClockMeasurement?, send: Ping?)
        /// Committed: what is at or below may leave the spool.
        case acknowledged([StreamPosition])
        /// Send the stream again from behind `held`, which is not acknowledged by this.
        case resume(held: StreamPosition, reason: String)
        /// The aggregator put this batch aside; its ACK follows. For the log.
        case quarantined(Nack)
        /// The aggregator ended the connection: close.
        case close(Goodbye)
        /// The aggregator broke a rule: send GOODBYE and close.
        case fail(ProtocolError)
    }

    /// A frame has arrived; `now` is the time of its arrival, as exact as can be had (it is T4).
    public mutating func received(_ type: FrameType, body: RawSpan, now: UInt64) -> FrameAction {
        do throws(ProtocolError) {
            switch (state, type) {
            case (.closed, _): return .none
            case (_, .goodbye):
                let goodbye = try Goodbye(body: body)
                state = .closed
                return .close(goodbye)
            case (.awaitingWelcome, .welcome): return try welcomed(Welcome(body: body), now: now)
            case (.open(let session), .pong): return try measured(Pong(body: body), session, now: now)
            case (.open(let session), .ack): return try acknowledged(Ack(body: body), session)
            case (.open(let session), .nack): return try refused(Nack(body: body), session)
            case (.open, .policy): return .none
            case (.open, _):
                throw ProtocolError("connection: expected PONG, ACK, NACK or GOODBYE, found \(type)")
            case (_, _): throw ProtocolError("connection: expected WELCOME or GOODBYE, found \(type)")
            }
        } catch {
            return .fail(fail(error))
        }
    }

    private mutating func welcomed(_ welcome: Welcome, now: UInt64) throws(ProtocolError) -> FrameAction {
        guard (hello.minimumVersion...hello.maximumVersion).contains(welcome.version) else {
            throw ProtocolError(
                "welcome: expected version \(Hello.currentVersion), found \(welcome.version)",
                code: .unsupportedVersion)
        }
        guard welcome.maximumFrameLength >= UInt32(FrameDecoder.largestLength) else {
            throw ProtocolError(
                "welcome: expected frames of \(FrameDecoder.largestLength) bytes to be allowed, "
                    + "found \(welcome.maximumFrameLength)")
        }
        guard welcome.windowBytes > 0, welcome.windowBatches > 0 else {
            throw ProtocolError("welcome: expected a window of some bytes and batches")
        }
        guard (100...10_000).contains(welcome.heartbeatMilliseconds) else {
            throw ProtocolError(
                "welcome: expected a heartbeat of 100 to 10000 ms, found \(welcome.heartbeatMilliseconds)")
        }
        var positions: [StreamPosition] = []
        for node in hello.nodes {
            let matching = welcome.streams.filter { $0.streamID == node.streamID }
            guard matching.count == 1, matching[0].durableSequence < UInt64(Int64.max) else {
                throw ProtocolError("welcome: expected one position below 2⁶³−1 for stream \(node.streamID)")
            }
            positions.append(matching[0])
        }
        guard welcome.streams.count == positions.count else {
            throw ProtocolError("welcome: expected the \(positions.count) streams of HELLO and no other")
        }
        var session = Session(
            welcome: welcome,
            window: CreditWindow(byteLimit: Int(welcome.windowBytes), batchLimit: Int(welcome.windowBatches)),
            positions: positions)
        let ping = session.pings.next(now: now)
        state = .open(session)
        return .welcomed(welcome, send: ping)
    }

    private mutating func measured(
        _ pong: Pong, _ current: Session, now: UInt64
    ) throws(ProtocolError) -> FrameAction {
        var session = current
        try session.pings.answered(pong, now: now)
        let bounds = ClockExchange(t1: pong.pingSent, t2: pong.received, t3: pong.sent, t4: now)
        let measurement = bounds.map { bounds in
            ClockMeasurement(
                monotonic: now, bounds: bounds, reference: session.welcome.reference,
                referenceOffset: session.welcome.referenceOffset, realMinusMono: pong.realMinusMono,
                maxError: pong.maxError, isSynchronised: pong.isSynchronised)
        }
        let ping = session.pings.isWarm ? nil : session.pings.next(now: now)
        state = .open(session)
        return .measured(measurement, send: ping)
    }

    private mutating func acknowledged(_ ack: Ack, _ current: Session) throws(ProtocolError) -> FrameAction {
        var session = current
        for stream in ack.streams {
            let index = try session.index(of: stream.streamID, in: .ack)
            guard stream.durableSequence < UInt64(Int64.max) else {
                throw ProtocolError("ack: expected a number below 2⁶³−1 for stream \(stream.streamID)")
            }
            session.window.release(streamID: stream.streamID, through: stream.durableSequence)
            // Another aggregator may have committed what this connection never sent.
            if session.positions[index].durableSequence < stream.durableSequence {
                session.positions[index] = stream
            }
        }
        state = .open(session)
        return .acknowledged(ack.streams)
    }

    private mutating func refused(_ nack: Nack, _ current: Session) throws(ProtocolError) -> FrameAction {
        var session = current
        let index = try session.index(of: nack.streamID, in: .nack)
        switch nack.code {
        case .quarantined: return .quarantined(nack)
        case .resume, .gapNotDeclared:
            guard nack.lastSequence < UInt64(Int64.max) else {
                throw ProtocolError("nack: expected a number below 2⁶³−1 for stream \(nack.streamID)")
            }
            let held = StreamPosition(streamID: nack.streamID, durableSequence: nack.lastSequence)
            session.window.release(streamID: nack.streamID, after: nack.lastSequence)
            session.positions[index] = held
            state = .open(session)
            return .resume(held: held, reason: nack.reason)
        default:
            throw ProtocolError(
                "nack: expected code 1, 2 or 4 for stream \(nack.streamID), found \(nack.code.rawValue): \(nack.reason)"
            )
        }
    }
}

extension AgentConnection.Session {
    fileprivate func index(of streamID: UInt64, in type: FrameType) throws(ProtocolError) -> Int {
        guard let index = positions.firstIndex(where: { $0.streamID == streamID }) else {
            throw ProtocolError("\(type): expected a stream of HELLO, found \(streamID)")
        }
        return index
    }
}
