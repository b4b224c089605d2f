import NIOCore
import NIOPosix

/// One connection through a ``FaultProxy``: two sockets and what waits between them. All on the proxy's loop.
final class ProxiedPair: @unchecked Sendable {
    /// Bytes on their way in one direction.
    private struct Queue {
        var parts: [(bytes: ByteBuffer, due: NIODeadline)] = []
        var byteCount = 0
        /// When the bytes before have passed a narrow place.
        var freeAt = NIODeadline.now()
        var hasEnded = false
        var isScheduled = false
    }

    /// Bytes taken from one side before the other has got them; then that side has to wait.
    private static let capacity = 1 << 20
    /// Bytes that pass a narrow place in one piece.
    private static let pieceBytes = 1024

    private let proxy: FaultProxy
    private let client: any Channel
    private var server: (any Channel)?
    private var outward = Queue()
    private var homeward = Queue()
    private var vanished: FaultProxy.Side?

    init(_ proxy: FaultProxy, _ client: any Channel) {
        self.proxy = proxy
        self.client = client
    }

    func connect(_ port: Int) {
        ClientBootstrap(group: client.eventLoop)
            .channelOption(.autoRead, value: false)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ProxyHandler(self, .server))
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .whenComplete { [self] result in
                guard case .success(let channel) = result else {
                    client.close(promise: nil)
                    return
                }
                server = channel
                channel.closeFuture.whenComplete { [self] _ in closed(.server) }
                client.read()
                channel.read()
            }
    }

    // MARK: - Bytes

    func received(_ bytes: ByteBuffer, from side: FaultProxy.Side) {
        // Nobody is there any more, and nobody says so.
        guard vanished == nil else { return channel(side)?.read() ?? () }
        let behaviour = proxy.behaviour
        let flow = side == .client ? behaviour.outward : behaviour.homeward
        var rest = proxy.damaged(bytes, flow)
        change(side) { queue in
            let delay = TimeAmount.milliseconds(Int64(flow.delay))
            while rest.readableBytes > 0 {
                let size =
                    flow.bytesPerSecond > 0 ? min(Self.pieceBytes, rest.readableBytes) : rest.readableBytes
                guard let part = rest.readSlice(length: size) else { break }
                var due = NIODeadline.now()
                if flow.bytesPerSecond > 0 {
                    queue.freeAt =
                        max(queue.freeAt, due)
                        + .nanoseconds(Int64(size) * 1_000_000_000 / Int64(flow.bytesPerSecond))
                    due = queue.freeAt
                }
                queue.parts.append((part, max(due + delay, queue.parts.last?.due ?? due)))
                queue.byteCount += size
            }
        }
        forward()
    }

    func ended(_ side: FaultProxy.Side) {
        change(side) { $0.hasEnded = true }
        forward()
    }

    /// Passes on what is due, and asks for more.
    func forward() {
        let behaviour = proxy.behaviour
        pass(.client, behaviour.outward)
        pass(.server, behaviour.homeward)
    }

    private func pass(_ side: FaultProxy.Side, _ flow: FaultProxy.Flow) {
        guard vanished == nil, !flow.isStalled, let from = channel(side),
            let to = channel(side == .client ? .server : .client)
        else { return }
        let now = NIODeadline.now()
        var later: NIODeadline?
        change(side) { queue in
            while let part = queue.parts.first, part.due <= now {
                queue.parts.removeFirst()
                queue.byteCount -= part.bytes.readableBytes
                to.write(part.bytes, promise: nil)
            }
            if queue.parts.isEmpty, queue.hasEnded {
                to.flush()
                to.close(mode: .output, promise: nil)
            }
            if let next = queue.parts.first?.due, !queue.isScheduled {
                queue.isScheduled = true
                later = next
            }
        }
        to.flush()
        if (side == .client ? outward : homeward).byteCount < Self.capacity { from.read() }
        if let later {
            client.eventLoop.scheduleTask(deadline: later) { [self] in
                change(side) { $0.isScheduled = false }
                forward()
            }
        }
    }

    private func change(_ side: FaultProxy.Side, _ body: (inout Queue) -> Void) {
        if side == .client { body(&outward) } else { body(&homeward) }
    }

    private func channel(_ side: FaultProxy.Side) -> (any Channel)? { side == .client ? client : server }

    // MARK: - Ends

    func cut(reset: Bool) {
        for channel in [client, server].compactMap({ $0 }) {
            if reset {
                // Closing a socket that lingers for no time sends RST.
                (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
                    .whenComplete { _ in channel.close(promise: nil) }
            } else {
                channel.close(promise: nil)
            }
        }
    }

    /// Takes one side away without telling the other.
    func vanish(_ side: FaultProxy.Side) {
        vanished = side
        channel(side)?.close(promise: nil)
        channel(side == .client ? .server : .client)?.read()
    }

    func closed(_ side: FaultProxy.Side) {
        guard vanished != side else { return }
        client.close(promise: nil)
        server?.close(promise: nil)
        proxy.forget(self)
    }
}

/// Hands a socket's bytes to its pair.
final class ProxyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let pair: ProxiedPair
    private let side: FaultProxy.Side

    init(_ pair: ProxiedPair, _ side: FaultProxy.Side) {
        self.pair = pair
        self.side = side
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        pair.received(unwrapInboundIn(data), from: side)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { pair.ended(side) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
