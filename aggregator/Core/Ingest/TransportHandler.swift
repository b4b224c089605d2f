internal import CPlatform
internal import CollectorProtocol
internal import NIOCore
internal import NIOSSL

/// The first in a connection: tells TLS from plaintext by the first byte, puts the rest of the pipeline together and
/// leaves.
///
/// A TLS handshake begins with 0x16. A frame begins with a length below 2²⁴, so with 0.
final class TransportHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let gate: Gate
    private let intake: Intake
    private let arrivedAt = ps_monotonic_ns()
    private var deadline: Scheduled<Void>?

    init(_ gate: Gate, _ intake: Intake) {
        self.gate = gate
        self.intake = intake
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: AgentHandler.handshakeTime) {
            bound.value.handler.refuse(bound.value.context, .conduct, "nothing was sent within 10 s")
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        guard let first = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) else { return }
        do {
            switch first {
            case 0x16: try beginTLS(context)
            case 0 where gate.admitsPlaintext(from: context.remoteAddress):
                try begin(context, nil)
            case 0: return refusePlaintext(context)
            default: return refuse(context, .foreign, "neither TLS nor an agent's greeting")
            }
        } catch {
            return refuse(context, .certificate, "TLS cannot be set up: \(error)")
        }
        context.fireChannelRead(data)
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func beginTLS(_ context: ChannelHandlerContext) throws {
        let certificate = PresentedCertificate(gate.credentials, context.eventLoop)
        let handler = NIOSSLServerHandler(
            context: gate.credentials.context, customVerificationCallback: certificate.decide)
        try context.pipeline.syncOperations.addHandler(handler, position: .after(self))
        try begin(context, certificate, after: handler)
    }

    private func begin(
        _ context: ChannelHandlerContext, _ certificate: PresentedCertificate?,
        after previous: (any ChannelHandler)? = nil
    ) throws {
        let agent = AgentHandler(gate, intake, certificate, arrivedAt: arrivedAt)
        // A peer that does not read what it asked for is not asked for more.
        try context.pipeline.syncOperations.addHandlers(
            [BackPressureHandler(), agent], position: .after(previous ?? self))
    }

    /// An agent without a certificate is told so, in plaintext, since nothing else would reach it.
    private func refusePlaintext(_ context: ChannelHandlerContext) {
        let goodbye = Goodbye(
            code: .unauthorised, reason: "only TLS with a client certificate is accepted here")
        context.writeAndFlush(
            wrapOutboundOut(context.channel.allocator.buffer(bytes: goodbye.frame)), promise: nil)
        refuse(
            context, .plaintext, "plaintext, where only TLS with a client certificate is accepted",
            hint: "enroll the agent with `peerscope-aggregator enroll`")
    }

    private func refuse(
        _ context: ChannelHandlerContext, _ kind: RefusalKind, _ reason: String, hint: String? = nil
    ) {
        gate.refused(context.remoteAddress, kind, reason, hint: hint)
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is EndConnection { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
