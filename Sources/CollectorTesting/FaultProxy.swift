import NIOCore
import NIOPosix
import Synchronization

/// A TCP proxy on loopback that does to connections what networks do: it delays, throttles, stalls, flips bits, cuts,
/// and leaves one side believing that the other is still there.
///
/// What it does is set while connections run and holds for the bytes that come from then on. Bits are flipped by a
/// seed. Everything happens on one event loop.
public final class FaultProxy: Sendable {
    /// What happens to bytes in one direction.
    public struct Flow: Sendable {
        /// Milliseconds that bytes take.
        public var delay = 0
        /// Bytes a second; 0 for as many as there are.
        public var bytesPerSecond = 0
        /// One bit is flipped in about so many bytes; 0 for none.
        public var flipsOneBitIn = 0
        /// Bytes wait until this is no longer so, as in an outage.
        public var isStalled = false

        /// Bytes as they are, at once.
        public init() {}
    }

    /// What happens to connections.
    public struct Behaviour: Sendable {
        /// From who has connected to where the proxy leads.
        public var outward = Flow()
        /// Back.
        public var homeward = Flow()
        /// Whether new connections are closed at once.
        public var refuses = false

        /// A plain proxy.
        public init() {}

        /// The same in both directions.
        public init(both: (inout Flow) -> Void) {
            both(&outward)
            both(&homeward)
        }
    }

    /// A side of the proxied connections.
    public enum Side: Sendable {
        /// Who has connected.
        case client
        /// Where the proxy leads.
        case server
    }

    struct State {
        var behaviour = Behaviour()
        var port: Int
        var generator: SeededGenerator
        var pairs: [ObjectIdentifier: ProxiedPair] = [:]
        var accepted = 0
    }

    /// The port it listens on.
    public let port: Int
    let state: Mutex<State>
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let listener: any Channel

    /// Listens on a port of its own and leads to `port` of this host.
    public init(to port: Int, seed: UInt64) throws {
        let state = State(port: port, generator: SeededGenerator(seed: seed))
        self.state = Mutex(state)
        let accept = AcceptBox()
        listener = try ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                accept.proxy.withLock { $0 }?.accepted(channel)
                    ?? channel.close()
            }
            .bind(host: "127.0.0.1", port: 0).wait()
        self.port = listener.localAddress?.port ?? 0
        accept.proxy.withLock { $0 = self }
    }

    /// Lets the listener know a proxy that is not there yet when the listener is made.
    private final class AcceptBox: Sendable {
        let proxy = Mutex<FaultProxy?>(nil)
    }

    /// What it does from now on.
    public var behaviour: Behaviour {
        get { state.withLock { $0.behaviour } }
        set {
            state.withLock { $0.behaviour = newValue }
            group.next().execute { for pair in self.pairs { pair.forward() } }
        }
    }

    /// Where new connections lead.
    public var target: Int {
        get { state.withLock { $0.port } }
        set { state.withLock { $0.port = newValue } }
    }

    /// Connections accepted so far.
    public var acceptedConnections: Int { state.withLock { $0.accepted } }

    var pairs: [ProxiedPair] { state.withLock { Array($0.pairs.values) } }

    /// Ends all connections; with `reset` as if the host had gone, bytes on the way included.
    public func cut(reset: Bool = false) {
        onLoop { for pair in self.pairs { pair.cut(reset: reset) } }
    }

    /// Ends the connections on one side; the other is not told, and is never answered again.
    public func leaveHalfOpen(closing side: Side) {
        onLoop { for pair in self.pairs { pair.vanish(side) } }
    }

    private func onLoop(_ body: @escaping @Sendable () -> Void) {
        try? group.next().submit(body).wait()
    }

    /// Ends everything.
    public func stop() {
        try? listener.close().wait()
        cut()
        try? group.syncShutdownGracefully()
    }

    private func accepted(_ client: any Channel) -> EventLoopFuture<Void> {
        let (refuses, port) = state.withLock { state in
            state.accepted += 1
            return (state.behaviour.refuses, state.port)
        }
        guard !refuses else { return client.close() }
        let pair = ProxiedPair(self, client)
        state.withLock { $0.pairs[ObjectIdentifier(pair)] = pair }
        client.closeFuture.whenComplete { _ in pair.closed(.client) }
        let from = NIOLoopBound(ProxyHandler(pair, .client), eventLoop: client.eventLoop)
        return client.eventLoop.makeCompletedFuture {
            try client.pipeline.syncOperations.addHandler(from.value)
        }.map {
            pair.connect(port)
        }
    }

    func forget(_ pair: ProxiedPair) {
        state.withLock { $0.pairs[ObjectIdentifier(pair)] = nil }
    }

    /// Flips bits of bytes that pass, as `flow` says.
    func damaged(_ bytes: ByteBuffer, _ flow: Flow) -> ByteBuffer {
        guard flow.flipsOneBitIn > 0, bytes.readableBytes > 0 else { return bytes }
        var bytes = bytes
        state.withLock { state in
            var place = Int.random(in: 0..<2 * flow.flipsOneBitIn, using: &state.generator)
            while place < bytes.readableBytes {
                let index = bytes.readerIndex + place
                let bit = UInt8(1 << Int.random(in: 0..<8, using: &state.generator))
                bytes.setInteger((bytes.getInteger(at: index, as: UInt8.self) ?? 0) ^ bit, at: index)
                place += Int.random(in: 1...2 * flow.flipsOneBitIn, using: &state.generator)
            }
        }
        return bytes
    }
}
