import ByteCodec
import CPlatform
import CollectorProtocol
import Logging
import NIOCore
import Spool

/// Performs what ``AgentConnection`` decides, on one connection.
final class UplinkHandler: ChannelInboundHandler, ChannelOutboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// New batches are in the spools.
    struct BatchesSpooled: Sendable {}
    /// Say goodbye.
    struct Leave: Sendable {}

    /// What the owner of the connection hears of it.
    struct Events {
        /// The aggregator has answered.
        let welcomed: () -> Void
        /// Puts an error of the transport into words.
        let failed: (any Error) -> UplinkEnd
        /// The connection will end, because of this.
        let ended: (UplinkEnd) -> Void
    }

    private var connection: AgentConnection
    private let decoder = FrameDecoder()
    private let clock: AgentClock
    private let streams: [UplinkStream]
    private let link: UplinkMailbox
    private let log: Logger
    private let events: Events
    private let bootID: BootID
    private var received = ByteBuffer()
    private var pumping = false
    /// Streams whose spool could not be read, and until when they are left alone.
    private var suspendedUntil: [UInt64: UInt64] = [:]

    init(
        hello: Hello, clock: AgentClock, streams: [UplinkStream], link: UplinkMailbox, log: Logger,
        events: Events
    ) {
        connection = AgentConnection(hello: hello)
        bootID = hello.bootID
        self.clock = clock
        self.streams = streams
        self.link = link
        self.log = log
        self.events = events
    }

    func channelActive(context: ChannelHandlerContext) {
        switch connection.connected(now: clock.monotonic()) {
        case .send(let hello): send(hello, context)
        case .fail(let error): fail(error, context)
        }
        scheduleTick(context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // T4 is taken before anything else is done with the bytes.
        let now = clock.monotonic()
        var part = unwrapInboundIn(data)
        received.writeBuffer(&part)
        while !connection.isClosed {
            let step: FrameDecoder.Step
            do throws(ProtocolError) {
                step = try decoder.next(in: received.readableBytesSpan)
            } catch {
                return fail(error, context)
            }
            guard case .frame(let type, let body, let total) = step else { break }
            let action = connection.received(
                type, body: received.readableBytesSpan.extracting(body), now: now)
            received.moveReaderIndex(forwardBy: total)
            perform(action, context)
        }
        received.discardReadBytes()
        pump(context)
    }

    private func perform(_ action: AgentConnection.FrameAction, _ context: ChannelHandlerContext) {
        switch action {
        case .none: break
        case .welcomed(let welcome, let ping):
            events.welcomed()
            log.notice("connected", metadata: ["aggregator": "\(welcome.aggregatorID)"])
            for stream in welcome.streams { settle(stream) }
            send(ping, context)
        case .measured(let measurement, let ping):
            if let measurement { keep(measurement) }
            if let ping { send(ping, context) }
        case .acknowledged(let streams): for stream in streams { settle(stream) }
        case .resume(let held, let reason):
            log.notice(
                "the aggregator asks to resume",
                metadata: ["after": "\(held.durableSequence)", "why": "\(reason)"])
        case .quarantined(let nack):
            log.error(
                "the aggregator cannot store a batch and has put it aside",
                metadata: [
                    "first": "\(nack.firstSequence)", "last": "\(nack.lastSequence)", "why": "\(nack.reason)",
                ])
        case .close(let goodbye):
            let isRefusal = goodbye.code != .done && goodbye.code != .shuttingDown
            events.ended(
                UplinkEnd(
                    reason: "the aggregator ended the connection: \(goodbye.reason)",
                    hint: goodbye.code == .unauthorised ? "enroll this agent for what it watches" : nil,
                    isRefusal: isRefusal))
            context.close(promise: nil)
        case .fail(let error): fail(error, context)
        }
    }

    private func settle(_ stream: StreamPosition) {
        link.committed(stream.streamID, through: stream.durableSequence)
        streams.first { $0.streamID == stream.streamID }?.spool.acknowledge(through: stream.durableSequence)
    }

    private func keep(_ measurement: ClockMeasurement) {
        let quality = ps_clock_quality_now()
        link.put(
            UplinkMailbox.TimedSample(
                monotonic: measurement.monotonic,
                record: measurement.sample(
                    nodeRealMinusMono: clock.offset(), nodeMaxError: quality.maxerror_ns,
                    nodeSynchronised: quality.synchronised != 0)))
    }

    /// Sends what the spools hold as far as credit goes.
    private func pump(_ context: ChannelHandlerContext) {
        guard !pumping, context.channel.isActive else { return }
        pumping = true
        defer { pumping = false }
        var wrote = false
        let now = clock.monotonic()
        for stream in streams where now >= suspendedUntil[stream.streamID] ?? 0 {
            do {
                wrote = try pump(stream, context) || wrote
            } catch let error as SpoolError {
                // The others' streams do not suffer for it.
                suspendedUntil[stream.streamID] = now + 5_000_000_000
                log.error(
                    "a spool cannot be read; trying again",
                    metadata: ["node": "\(stream.node)", "error": "\(error)"])
            } catch {
                fail(ProtocolError("\(error)"), context)
            }
        }
        if wrote { context.flush() }
    }

    private func pump(_ stream: UplinkStream, _ context: ChannelHandlerContext) throws -> Bool {
        var wrote = false
        while let next = connection.nextToSend(streamID: stream.streamID),
            let found = try stream.spool.next(after: next - 1)
        {
            let (header, bytes) = try batch(found, of: stream, from: next)
            guard connection.maySendBatch(byteCount: header.byteCount) else { break }
            try connection.batchSent(header)
            var frame = context.channel.allocator.buffer(capacity: bytes.count + FrameDecoder.headerByteCount)
            frame.writeInteger(UInt32(bytes.count + 2))
            frame.writeInteger(FrameType.batch.rawValue)
            frame.writeInteger(UInt8(0))
            frame.writeBytes(bytes)
            context.write(wrapOutboundOut(frame), promise: nil)
            wrote = true
        }
        return wrote
    }

    /// What to send: a batch as it is, or for a hole the batch that declares it.
    private func batch(_ found: Spool.Next, of stream: UplinkStream, from next: UInt64) throws -> (
        BatchHeader, [UInt8]
    ) {
        switch found {
        case .batch(let batch): return (batch.header, batch.bytes)
        case .hole(let before):
            log.warning(
                "the spool has a hole, which is declared",
                metadata: ["node": "\(stream.node)", "first": "\(next)", "last": "\(before - 1)"])
            let gap = BatchBuilder.gapBatch(
                node: stream.node, streamID: stream.streamID, bootID: bootID, clk: 0,
                baseMonotonic: clock.monotonic(), baseRealtime: Int64(clock.monotonic()) + clock.offset(),
                first: next,
                last: before - 1, reason: GapReason.spoolCorrupt, tallies: [])
            return (try BatchHeader.read(gap.span.raw), gap)
        }
    }

    // MARK: Time

    private func scheduleTick(_ context: ChannelHandlerContext) {
        guard let deadline = connection.nextDeadline else { return }
        // A frame may bring the deadline forward: WELCOME turns half a minute into a heartbeat.
        let now = clock.monotonic()
        let delay = deadline > now ? min(Int64(deadline - now), 100_000_000) : 0
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: .nanoseconds(max(1_000_000, delay))) {
            let (handler, context) = bound.value
            guard context.channel.isActive else { return }
            switch handler.connection.tick(now: handler.clock.monotonic()) {
            case .none: break
            case .send(let ping): handler.send(ping, context)
            case .fail(let error): handler.fail(error, context)
            }
            handler.scheduleTick(context)
        }
    }

    // MARK: Events

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is BatchesSpooled { pump(context) } else { context.fireUserInboundEventTriggered(event) }
    }

    func triggerUserOutboundEvent(
        context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?
    ) {
        guard event is Leave else { return context.triggerUserOutboundEvent(event, promise: promise) }
        if let goodbye = connection.close(reason: "the agent stops") { send(goodbye, context) }
        promise?.succeed()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        events.ended(events.failed(error))
        context.close(promise: nil)
    }

    private func fail(_ error: ProtocolError, _ context: ChannelHandlerContext) {
        events.ended(UplinkEnd(reason: "\(error)", hint: nil, isRefusal: error.code != .protocolError))
        send(Goodbye(code: error.code, reason: "\(error)"), context)
        context.close(promise: nil)
    }

    private func send(_ message: some FrameMessage, _ context: ChannelHandlerContext) {
        context.writeAndFlush(
            wrapOutboundOut(context.channel.allocator.buffer(bytes: message.frame)), promise: nil)
    }
}
