internal import CPlatform
internal import CollectorProtocol
internal import Foundation
internal import Identity
public import Logging
internal import NIOCore
internal import NIOPosix
internal import PostgreSQL

/// A running aggregator: a listener, its connections, and the writers behind them.
public final class Aggregator: Sendable {
    /// The version of this build.
    public static let version = "0.1.0"

    /// What it is told.
    public struct Settings: Sendable {
        /// libpq's connection string.
        public var conninfo: String
        /// Address to listen on.
        public var host = "127.0.0.1"
        /// Port to listen on; 0 lets the system choose.
        public var port = 9735
        /// Threads that write, each with a connection of its own.
        public var writers = 2
        /// Which payloads are stored.
        public var payloads = PayloadPolicy.study
        /// Address entries beyond Core's token bucket that are kept, per node and day.
        public var addressBudget: Int64 = 100_000
        /// Where batches go that can never be stored.
        public var dataDirectory: String
        /// The fewest seconds between two digests of the fleet's days; nil leaves these and retention to others.
        public var digestSeconds: Double?
        /// Bytes that an agent may have on their way while there is memory for all.
        public var windowBytes: UInt32 = 32 << 20
        /// From whom connections without TLS are accepted.
        public var plaintext = PlaintextRule.loopback
        /// `host:port` where agents are told to connect; nil for where the aggregator listens.
        public var advertise: String?
        /// How many connections there may be.
        public var limits = ConnectionLimits()
        /// How long certificates last.
        var lifetimes = CertificateLifetimes()

        /// Settings with everything else at its default.
        public init(conninfo: String, dataDirectory: String) {
            self.conninfo = conninfo
            self.dataDirectory = dataDirectory
        }
    }

    private let acceptor: MultiThreadedEventLoopGroup
    private let group: MultiThreadedEventLoopGroup
    private let listener: any Channel
    private let gate: Gate
    private let writers: WriterPool
    private let upkeep: [PeriodicJob]

    /// Where it listens, as `address:port`.
    public let address: String
    /// The port it listens on.
    public let port: Int

    /// Checks the folder and the database, makes certificates where they are missing, starts the writers and listens.
    public static func start(_ settings: Settings, logger: Logger) throws -> Aggregator {
        let writers = try WriterPool(settings, logger: logger)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: min(2, System.coreCount))
        // A flood of connections takes no time from those that are there.
        let acceptor = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let folder = TLSFolder(dataDirectory: settings.dataDirectory)
            var limits = settings.limits
            limits.total = min(limits.total, FileLimit.raise() - FileLimit.others)
            let gate = Gate(
                try ServerCredentials(
                    folder, settings.lifetimes, addresses: ownAddresses(settings), logger: logger),
                settings.plaintext, limits, logger: logger)
            let intake = Intake(
                writers.writers, aggregatorID: ProcessInfo.processInfo.hostName,
                WindowBudget(
                    bytes: limits.batchBytes, largest: settings.windowBytes, perAgent: limits.perAgent),
                logger: logger)
            let listener: any Channel
            do { listener = try listen(settings, limits, acceptor, group, gate, intake) } catch {
                throw explain(error, settings)
            }
            let upkeep = settings.digestSeconds.map {
                Upkeep.jobs(settings.conninfo, digestSeconds: $0, logger: logger)
            }
            let aggregator = Aggregator(
                acceptor, group, listener, gate, writers, upkeep ?? [], settings)
            try IdentityFile.write(
                (settings.advertise ?? advertised(settings, aggregator.port)) + "\n", to: folder.address,
                .open)
            for job in aggregator.upkeep { job.start() }
            gate.open(listener)
            aggregator.announce(settings, logger)
            return aggregator
        } catch {
            writers.stop()
            try? acceptor.syncShutdownGracefully()
            try? group.syncShutdownGracefully()
            throw error
        }
    }

    private static func listen(
        _ settings: Settings, _ limits: ConnectionLimits, _ acceptor: MultiThreadedEventLoopGroup,
        _ group: MultiThreadedEventLoopGroup, _ gate: Gate, _ intake: Intake
    ) throws -> any Channel {
        try ServerBootstrap(group: acceptor, childGroup: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptHandler(gate, limits))
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(TransportHandler(gate, intake))
                }
            }
            .bind(host: settings.host, port: settings.port).wait()
    }

    private init(
        _ acceptor: MultiThreadedEventLoopGroup, _ group: MultiThreadedEventLoopGroup,
        _ listener: any Channel, _ gate: Gate, _ writers: WriterPool, _ upkeep: [PeriodicJob],
        _ settings: Settings
    ) {
        self.acceptor = acceptor
        self.group = group
        self.listener = listener
        self.gate = gate
        self.writers = writers
        self.upkeep = upkeep
        port = listener.localAddress?.port ?? settings.port
        address = "\(settings.host):\(listener.localAddress?.port ?? settings.port)"
    }

    private func announce(_ settings: Settings, _ logger: Logger) {
        switch settings.plaintext {
        case .anywhere:
            logger.warning(
                "INSECURE: connections without TLS are accepted from everywhere; whoever reaches this port can claim to be any node, and can be read on the way",
                metadata: ["listening": "\(address)"])
        case .loopback where HostAddress.isLoopback(listener.localAddress?.ipAddress ?? ""):
            logger.notice("agents on this host may connect with TLS or in plaintext")
        case .loopback, .never: logger.notice("agents have to connect with TLS and a certificate")
        }
    }

    /// The addresses in the server's certificate.
    private static func ownAddresses(_ settings: Settings) -> [String] {
        var addresses = [ProcessInfo.processInfo.hostName, "localhost"]
        if let advertised = settings.advertise.flatMap(AggregatorConfiguration.endpoint) {
            addresses.append(advertised.0)
        }
        if !HostAddress.isWildcard(settings.host) { addresses.append(settings.host) }
        var seen = Set<String>()
        return addresses.filter { !$0.isEmpty && seen.insert($0).inserted }
    }

    /// Where agents are told to connect unless somebody says.
    private static func advertised(_ settings: Settings, _ port: Int) -> String {
        let host = HostAddress.isWildcard(settings.host) ? ProcessInfo.processInfo.hostName : settings.host
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// Stops accepting, stores what has arrived, says goodbye and closes.
    public func stop() {
        try? listener.close().wait()
        gate.close()
        for job in upkeep { job.stop() }
        writers.stop()
        for channel in gate.connected {
            channel.pipeline.fireUserInboundEventTriggered(
                EndConnection(code: .shuttingDown, reason: "the aggregator is stopping"))
        }
        let deadline = Date(timeIntervalSinceNow: 2)
        while !gate.connected.isEmpty, Date() < deadline { Thread.sleep(forTimeInterval: 0.02) }
        try? acceptor.syncShutdownGracefully()
        try? group.syncShutdownGracefully()
    }

    private static func explain(_ error: any Error, _ settings: Settings) -> AggregatorError {
        let place = "\(settings.host):\(settings.port)"
        if let error = error as? IOError, error.errnoCode == EADDRINUSE {
            return AggregatorError(
                "\(place) is in use", hint: "stop whatever listens there, or choose another with --listen")
        }
        return AggregatorError(
            "cannot listen on \(place): \(error)", hint: "choose an address of this host with --listen")
    }
}
