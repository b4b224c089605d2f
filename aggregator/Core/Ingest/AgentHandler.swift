internal import ByteCodec
internal import CPlatform
internal import CollectorProtocol
internal import Logging
internal import NIOCore

/// One agent's connection: bytes to frames, frames to the state machine, its actions to the socket and the
/// writers. Everything runs on the channel's event loop.
final class AgentHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let intake: Intake
    private var logger: Logger
    private var connection = AggregatorConnection()
    private var frames = FrameDecoder(maximumLength: AggregatorConnection.handshakeFrameLength)
    private var received = ByteBuffer()
    private var encoded = ByteWriter(capacity: 256)
    private var streams: [UInt64: Registration.Stream] = [:]
    private var origin: ConnectionOrigin?
    private var clock: RepeatedTask?

    init(_ intake: Intake, _ logger: Logger) {
        self.intake = intake
        self.logger = logger
    }

    // MARK: - The channel's events

    func channelActive(context: ChannelHandlerContext) {
        logger[metadataKey: "agent"] = "\(context.remoteAddress?.description ?? "unknown")"
        intake.opened(context.channel)
        connection.connected(now: ps_monotonic_ns())
        origin = ConnectionOrigin(self, context)
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        clock = context.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            bound.value.handler.tick(bound.value.context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        intake.closed(context.channel)
        clock?.cancel()
        clock = nil
        origin = nil
        if !connection.isClosed { logger.info("agent disconnected") }
        _ = connection.close(.done, reason: "")
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.info("connection failed", metadata: ["error": "\(error)"])
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

    private func greeted(_ context: ChannelHandlerContext, _ hello: Hello) {
        logger[metadataKey: "agent"] = "\(hello.agentID)"
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        let loop = context.eventLoop
        intake.register(hello) { registration in
            loop.execute { bound.value.handler.registered(bound.value.context, registration) }
        }
    }

    private func registered(_ context: ChannelHandlerContext, _ registration: Registration) {
        for stream in registration.streams { streams[stream.position.streamID] = stream }
        let welcome = intake.welcome(registration)
        switch connection.welcome(welcome, now: ps_monotonic_ns()) {
        case .none: break
        case .send(let welcome):
            send(context, welcome)
            logger.info(
                "agent connected",
                metadata: ["nodes": "\(registration.streams.map(\.node).joined(separator: " "))"])
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
        if case .fail(let error) = connection.tick(now: ps_monotonic_ns()) {
            end(context, error.goodbye, because: error.message)
        }
    }

    /// Says goodbye and closes.
    private func end(_ context: ChannelHandlerContext, _ goodbye: Goodbye, because reason: String) {
        logger.warning("ending a connection", metadata: ["reason": "\(reason)"])
        send(context, goodbye)
        context.close(promise: nil)
    }

    /// The aggregator stops.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is ShutdownEvent else { return context.fireUserInboundEventTriggered(event) }
        if let goodbye = connection.close(.shuttingDown, reason: "the aggregator is stopping") {
            send(context, goodbye)
        }
        context.close(promise: nil)
    }
}

/// Fired into every connection when the aggregator stops.
struct ShutdownEvent: Sendable {}
