internal import ByteCodec
internal import CPlatform
internal import CollectorProtocol
internal import Identity
internal import Logging
internal import NIOCore
internal import NIOSSL
internal import NIOTLS

/// One agent's connection: bytes to frames, frames to the state machine, its actions to the socket and the
/// writers. Everything runs on the channel's event loop.
///
/// Without a certificate (plaintext, which the owner has admitted) a greeting is believed; otherwise it must be what
/// the certificate says, and the connection lasts no longer than the certificate.
final class AgentHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let gate: Gate
    private let intake: Intake
    private let certificate: PresentedCertificate?
    private let arrivedAt: UInt64
    private var agent: CertifiedAgent?
    private var logger: Logger
    private var connection = AggregatorConnection()
    private var frames = FrameDecoder(maximumLength: AggregatorConnection.handshakeFrameLength)
    private var received = ByteBuffer()
    private var encoded = ByteWriter(capacity: 256)
    private var streams: [UInt64: Registration.Stream] = [:]
    private var origin: ConnectionOrigin?
    private var clock: RepeatedTask?

    /// From the connection's arrival to the end of its greeting.
    static let handshakeTime = TimeAmount.nanoseconds(Int64(ConnectionTimes.hello))

    /// A connection that arrived at `arrivedAt`; without `certificate` it is in plaintext.
    init(_ gate: Gate, _ intake: Intake, _ certificate: PresentedCertificate?, arrivedAt: UInt64) {
        self.gate = gate
        self.intake = intake
        self.certificate = certificate
        self.arrivedAt = arrivedAt
        logger = intake.logger
    }

    // MARK: - The channel's events

    func handlerAdded(context: ChannelHandlerContext) {
        logger[metadataKey: "agent"] = "\(context.remoteAddress.place)"
        // The clock of the greeting runs since the connection arrived: TLS takes of the same ten seconds.
        connection.connected(now: arrivedAt)
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        clock = context.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            bound.value.handler.tick(bound.value.context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        clock?.cancel()
        clock = nil
        origin = nil
        // Batches on their way keep this handler alive.
        received = ByteBuffer()
        // Strangers come and go without a line each: the gate counts those that it has cut off.
        if !connection.isClosed, !streams.isEmpty { logger.info("agent disconnected") }
        _ = connection.close(.done, reason: "")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !connection.isClosed {
            if let certificate, agent == nil {
                gate.refused(context.remoteAddress, .certificate, certificate.reason(error))
                _ = connection.close(.unauthorised, reason: "")
            } else if streams.isEmpty {
                gate.refused(context.remoteAddress, .conduct, "\(error)")
            } else {
                logger.info("connection failed", metadata: ["error": "\(error)"])
            }
        }
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // As close to the socket as it gets: this is T2 of a ping.
        let now = ps_monotonic_ns()
        var arrived = unwrapInboundIn(data)
        if received.readableBytes == 0 { received = arrived } else { received.writeBuffer(&arrived) }
        drain(context, now)
    }

    private func drain(_ context: ChannelHandlerContext, _ now: UInt64) {
        // Who it is has to be decided before anything it says is looked at.
        if certificate != nil, agent == nil { return }
        while !connection.isClosed {
            frames.maximumLength = connection.maximumFrameLength
            do {
                guard let frame = try nextFrame(now) else { break }
                received.moveReaderIndex(forwardBy: frame.byteCount)
                perform(context, frame.action, frame.batch)
            } catch {
                return end(context, error.goodbye, because: error.message)
            }
        }
        if received.readableBytes == 0 { received.clear() } else { received.discardReadBytes() }
    }

    /// What the state machine makes of the next frame, if it is there, and a copy of the batch it takes.
    private func nextFrame(
        _ now: UInt64
    ) throws(ProtocolError) -> (action: AggregatorConnection.FrameAction, batch: [UInt8], byteCount: Int)? {
        let buffer = received  // Shares the bytes; a span of a property could not outlive the access to it.
        let readable = buffer.readableBytesSpan
        guard case .frame(let type, let body, let total) = try frames.next(in: readable) else { return nil }
        let bytes = readable.extracting(body)
        let action = connection.received(type, body: bytes, now: now)
        // Copied only once the state machine has taken it: from here on it is the writer's.
        if case .store = action { return (action, bytes.copied(), total) }
        return (action, [], total)
    }

    private func perform(
        _ context: ChannelHandlerContext, _ action: AggregatorConnection.FrameAction, _ batch: [UInt8]
    ) {
        switch action {
        case .none: break
        case .greeted(let hello): greeted(context, hello)
        case .store(let header):
            guard let stream = streams[header.streamID], let origin else { return }
            intake.take(
                QueuedBatch(
                    key: stream.key, nodeName: stream.node, header: header, bytes: batch, origin: origin))
        case .answer(let ping, let arrival): answer(context, ping, arrival)
        case .acknowledge(let ack): send(context, ack)
        case .refuse(let nack): send(context, nack)
        case .close(let goodbye):
            logger.info("agent said goodbye", metadata: ["reason": "\(goodbye.reason)"])
            context.close(promise: nil)
        case .fail(let error): end(context, error.goodbye, because: error.message)
        }
    }

    // MARK: - Handshake

    /// TLS is set up: from here on it is known who speaks.
    private func secured(_ context: ChannelHandlerContext) {
        guard let certificate else { return }
        switch certificate.outcome {
        case .success(let agent):
            self.agent = agent
            drain(context, ps_monotonic_ns())
        case .failure(let refusal): refuse(context, .certificate, .unauthorised, "\(refusal)")
        case nil:
            // The session was resumed, and nothing was presented.
            let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
            let known = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
            certificate.decide(known.map { [$0] } ?? []) { _ in
                guard bound.value.context.channel.isActive else { return }
                bound.value.handler.secured(bound.value.context)
            }
        }
    }

    private func greeted(_ context: ChannelHandlerContext, _ hello: Hello) {
        if let objection = agent?.objection(toAgent: hello.agentID, nodes: hello.nodes.map(\.name)) {
            return refuse(context, .claim, .unauthorised, objection)
        }
        logger[metadataKey: "agent"] = "\(hello.agentID)"
        gate.greeted(context.channel, agent: hello.agentID)
        register(context, hello, patience: Self.patience)
    }

    /// How often it is tried to get memory for an agent, a fifth of a second apart: its older connections have just been
    /// told to go, and what they hold is given back on another thread.
    private static let patience = 15

    private func register(_ context: ChannelHandlerContext, _ hello: Hello, patience: Int) {
        guard !connection.isClosed else { return }
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        let loop = context.eventLoop
        intake.register(hello) { registration in
            loop.execute {
                bound.value.handler.registered(bound.value.context, hello, registration, patience: patience)
            }
        }
    }

    private func registered(
        _ context: ChannelHandlerContext, _ hello: Hello, _ registration: Registration, patience: Int
    ) {
        guard !connection.isClosed else { return }
        guard let grant = intake.grant(to: hello.agentID) else {
            guard patience > 1 else {
                return refuse(
                    context, .limit, .shuttingDown,
                    "batches of earlier connections of agent \(hello.agentID) are still being stored")
            }
            let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
            context.eventLoop.scheduleTask(in: .milliseconds(200)) {
                // Where its streams stand has changed with what was stored meanwhile.
                bound.value.handler.register(bound.value.context, hello, patience: patience - 1)
            }
            return
        }
        origin = ConnectionOrigin(self, context, grant)
        for stream in registration.streams { streams[stream.position.streamID] = stream }
        let welcome = intake.welcome(registration, grant)
        switch connection.welcome(welcome, now: ps_monotonic_ns()) {
        case .none: break
        case .send(let welcome):
            send(context, welcome)
            var about: Logger.Metadata = [
                "nodes": "\(registration.streams.map(\.node).joined(separator: " "))",
                "transport": "\(agent == nil ? "plaintext" : "TLS")",
            ]
            if let agent { about["certificate"] = "\(agent.serial)" }
            logger.info("agent connected", metadata: about)
        case .fail(let error): end(context, error.goodbye, because: error.message)
        }
    }

    // MARK: - What the writers say

    func committed(_ context: ChannelHandlerContext, _ positions: [StreamPosition]) {
        if let ack = connection.committed(positions) { send(context, ack) }
    }

    func fenced(_ context: ChannelHandlerContext, _ position: StreamPosition) {
        let action = connection.fenced(streamID: position.streamID, durable: position.durableSequence)
        guard case .resume(let ack, let nack) = action else { return }
        send(context, ack)
        send(context, nack)
    }

    func quarantined(
        _ context: ChannelHandlerContext, _ streamID: UInt64, _ first: UInt64, _ last: UInt64,
        _ reason: String
    ) {
        let nack = connection.quarantined(streamID: streamID, first: first, last: last, reason: reason)
        if let nack { send(context, nack) }
    }

    // MARK: - Sending

    private func answer(_ context: ChannelHandlerContext, _ ping: Ping, _ arrival: UInt64) {
        let pair = ps_clock_pair_now()
        let quality = ps_clock_quality_now()
        let pong = Pong(
            answering: ping, received: arrival, sent: ps_monotonic_ns(),
            realMinusMono: pair.realtime_ns - Int64(clamping: pair.monotonic_ns),
            maxError: quality.maxerror_ns, isSynchronised: quality.synchronised != 0)
        send(context, pong)
    }

    private func send(_ context: ChannelHandlerContext, _ message: some FrameMessage) {
        encoded.removeAll()
        message.encode(into: &encoded)
        var buffer = context.channel.allocator.buffer(capacity: encoded.count)
        buffer.writeBytes(encoded.bytes)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    private func tick(_ context: ChannelHandlerContext) {
        if checkCertificate(context), case .fail(let error) = connection.tick(now: ps_monotonic_ns()) {
            end(context, error.goodbye, because: error.message)
        }
    }

    /// Ends the connection of a certificate that was revoked, or whose time is over; true when it may go on.
    private func checkCertificate(_ context: ChannelHandlerContext) -> Bool {
        guard let agent, !connection.isClosed, let refusal = gate.credentials.objection(to: agent) else {
            return true
        }
        refuse(context, .certificate, .unauthorised, "\(refusal)")
        return false
    }

    /// Says goodbye and closes.
    private func end(_ context: ChannelHandlerContext, _ goodbye: Goodbye, because reason: String) {
        if streams.isEmpty {
            gate.refused(context.remoteAddress, .conduct, reason)
        } else {
            logger.warning("ending a connection", metadata: ["reason": "\(reason)"])
        }
        leave(context, goodbye)
    }

    /// Ends a connection that may not be.
    private func refuse(
        _ context: ChannelHandlerContext, _ kind: RefusalKind, _ code: GoodbyeCode, _ reason: String
    ) {
        guard let goodbye = connection.close(code, reason: reason) else { return }
        gate.refused(context.remoteAddress, kind, reason)
        leave(context, goodbye)
    }

    private func leave(_ context: ChannelHandlerContext, _ goodbye: Goodbye) {
        send(context, goodbye)
        // TLS would wait for the end of a handshake that does not come.
        if certificate != nil, agent == nil,
            let outer = try? context.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
        {
            outer.close(promise: nil)
        } else {
            context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted: secured(context)
        case is CertificateCheck: _ = checkCertificate(context)
        case let event as EndConnection:
            if let goodbye = connection.close(event.code, reason: event.reason) {
                logger.info("ending a connection", metadata: ["reason": "\(event.reason)"])
                send(context, goodbye)
            }
            // What is not on its way to the database gives its memory back now: TLS says goodbye for seconds to a peer that
            // is no longer there.
            origin = nil
            context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }
}
