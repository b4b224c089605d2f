internal import CPlatform
internal import CollectorProtocol
internal import Foundation
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
        /// Bytes that an agent may have on their way.
        public var windowBytes: UInt32 = 32 << 20

        /// Settings with everything else at its default.
        public init(conninfo: String, dataDirectory: String) {
            self.conninfo = conninfo
            self.dataDirectory = dataDirectory
        }
    }

    private let group: MultiThreadedEventLoopGroup
    private let listener: any Channel
    private let intake: Intake
    private let writers: WriterPool
    private let upkeep: [PeriodicJob]

    /// Where it listens, as `address:port`.
    public let address: String
    /// The port it listens on.
    public let port: Int

    /// Checks the folder and the database, starts the writers and listens.
    public static func start(_ settings: Settings, logger: Logger) throws -> Aggregator {
        let writers = try WriterPool(settings, logger: logger)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: min(2, System.coreCount))
        let intake = Intake(
            writers.writers,
            IntakeLimits(windowBytes: settings.windowBytes, aggregatorID: ProcessInfo.processInfo.hostName))
        do {
            let listener = try ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 256)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        // TLS goes here, in front of everything else.
                        try channel.pipeline.syncOperations.addHandler(AgentHandler(intake, logger))
                    }
                }
                .bind(host: settings.host, port: settings.port).wait()
            let upkeep = settings.digestSeconds.map {
                Upkeep.jobs(settings.conninfo, digestSeconds: $0, logger: logger)
            }
            for job in upkeep ?? [] { job.start() }
            return Aggregator(group, listener, intake, writers, upkeep ?? [], settings)
        } catch {
            writers.stop()
            try? group.syncShutdownGracefully()
            throw Self.explain(error, settings)
        }
    }

    private init(
        _ group: MultiThreadedEventLoopGroup, _ listener: any Channel, _ intake: Intake,
        _ writers: WriterPool, _ upkeep: [PeriodicJob], _ settings: Settings
    ) {
        self.group = group
        self.listener = listener
        self.intake = intake
        self.writers = writers
        self.upkeep = upkeep
        port = listener.localAddress?.port ?? settings.port
        address = "\(settings.host):\(listener.localAddress?.port ?? settings.port)"
    }

    /// Stops accepting, stores what has arrived, says goodbye and closes.
    public func stop() {
        try? listener.close().wait()
        for job in upkeep { job.stop() }
        writers.stop()
        for channel in intake.open {
            channel.pipeline.fireUserInboundEventTriggered(ShutdownEvent())
        }
        let deadline = Date(timeIntervalSinceNow: 2)
        while !intake.open.isEmpty, Date() < deadline { Thread.sleep(forTimeInterval: 0.02) }
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
