internal import CollectorProtocol
internal import NIOCore

/// A connection as the writers see it: everything hops to its event loop, and is dropped when it has closed.
///
/// Every batch on its way refers to it, so it lives until the last one is stored, and with it the memory granted.
final class ConnectionOrigin: BatchOrigin {
    private let loop: any EventLoop
    private let bound: NIOLoopBound<(handler: AgentHandler, context: ChannelHandlerContext)>
    private let grant: WindowBudget.Grant

    /// Made on the channel's event loop.
    init(_ handler: AgentHandler, _ context: ChannelHandlerContext, _ grant: WindowBudget.Grant) {
        loop = context.eventLoop
        bound = NIOLoopBound((handler, context), eventLoop: context.eventLoop)
        self.grant = grant
    }

    func committed(_ positions: [StreamPosition]) {
        loop.execute { [bound] in bound.value.handler.committed(bound.value.context, positions) }
    }

    func fenced(_ position: StreamPosition) {
        loop.execute { [bound] in bound.value.handler.fenced(bound.value.context, position) }
    }

    func quarantined(streamID: UInt64, first: UInt64, last: UInt64, reason: String) {
        loop.execute { [bound] in
            bound.value.handler.quarantined(bound.value.context, streamID, first, last, reason)
        }
    }
}
