internal import CPlatform
internal import NIOCore

/// In front of the listener: refuses connections before anything is spent on them, and leaves a flood in the kernel.
final class AcceptHandler: ChannelInboundHandler, ChannelOutboundHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    private let gate: Gate
    private var pace: RateLimit
    private var isWaiting = false

    init(_ gate: Gate, _ limits: ConnectionLimits) {
        self.gate = gate
        pace = RateLimit(
            perSecond: limits.acceptsPerSecond, burst: limits.acceptsPerSecond, now: ps_monotonic_ns())
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let connection = unwrapInboundIn(data)
        _ = pace.take(now: ps_monotonic_ns())
        if gate.arrived(connection) {
            context.fireChannelRead(data)
        } else {
            connection.close(promise: nil)
        }
    }

    func read(context: ChannelHandlerContext) {
        let wait = pace.wait(now: ps_monotonic_ns())
        guard wait > 0 else { return context.read() }
        guard !isWaiting else { return }
        isWaiting = true
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: .nanoseconds(Int64(wait))) {
            bound.value.handler.isWaiting = false
            bound.value.handler.read(context: bound.value.context)
        }
    }
}
