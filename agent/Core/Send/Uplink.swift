import CollectorProtocol
import Glibc
import Logging
import NIOCore
import NIOPosix
import Spool
import Synchronization
import Tracepoints

/// Keeps one connection to the aggregator and sends what is in the spools over it.
///
/// Everything happens on one event loop. A lost connection is made again, after 0.2 s at first and 5 s at most;
/// meanwhile the spools grow, and the nodes notice nothing.
final class Uplink: Sendable {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let host: String
    private let port: Int
    private let clock: AgentClock
    private let streams: [UplinkStream]
    private let source: Hello.Source
    private let configuration: AgentConfiguration
    private let link: UplinkMailbox
    private let log: Logger
    private let bootID: BootID
    private let stopping = Atomic(false)
    private let state = Mutex(State())

    private struct State {
        var channel: (any Channel)?
        var failures = 0
    }

    init(
        _ configuration: AgentConfiguration, clock: AgentClock, streams: [UplinkStream], source: Hello.Source,
        link: UplinkMailbox, log: Logger
    ) throws {
        let parts = configuration.aggregator.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count >= 2, let port = Int(parts[parts.count - 1]), (1...65535).contains(port) else {
            throw AgentError(
                doing: "reading the aggregator's address \"\(configuration.aggregator)\"",
                reason: "it has no port",
                remedy: "write host:port, such as 127.0.0.1:9735")
        }
        host = parts.dropLast().joined(separator: ":").trimmingBrackets
        self.port = port
        self.configuration = configuration
        self.clock = clock
        self.streams = streams
        self.source = source
        self.link = link
        self.log = log
        bootID = try HostIdentity.bootID()
    }

    /// Begins connecting.
    func start() {
        link.setWake { [self] in
            guard let channel = state.withLock({ $0.channel }) else { return }
            channel.pipeline.fireUserInboundEventTriggered(UplinkHandler.BatchesSpooled())
        }
        connect()
    }

    /// Whether the aggregator has committed everything in the spools.
    var isDrained: Bool {
        streams.allSatisfy { ($0.spool.newestSequence <= link.watermark(of: $0.streamID) ?? 0) }
    }

    /// Waits until everything is committed, `seconds` at most, then says goodbye.
    func stop(drainingFor seconds: Int) {
        let deadline = NIODeadline.now() + .seconds(Int64(seconds))
        while !isDrained, NIODeadline.now() < deadline { usleep(10_000) }
        stopping.store(true, ordering: .releasing)
        if let channel = state.withLock({ $0.channel }) {
            try? channel.pipeline.triggerUserOutboundEvent(UplinkHandler.Leave()).wait()
            try? channel.close().wait()
        }
        try? group.syncShutdownGracefully()
    }

    private func connect() {
        guard !stopping.load(ordering: .acquiring) else { return }
        let handler: @Sendable () -> UplinkHandler = { [self] in
            UplinkHandler(
                hello: hello(), clock: clock, streams: streams, link: link, log: log,
                opened: { [self] in state.withLock { $0.failures = 0 } })
        }
        ClientBootstrap(group: group)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connectTimeout(.seconds(5))
            .channelInitializer { channel in
                // TLS comes in front of this handler.
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(handler())
                }
            }
            .connect(host: host, port: port)
            .whenComplete { [self] result in
                switch result {
                case .success(let channel):
                    state.withLock { $0.channel = channel }
                    channel.closeFuture.whenComplete { [self] _ in
                        state.withLock { $0.channel = nil }
                        connectLater("the connection was lost")
                    }
                case .failure(let error): connectLater("\(error)")
                }
            }
    }

    private func connectLater(_ why: String) {
        guard !stopping.load(ordering: .acquiring) else { return }
        let failures = state.withLock { state in
            state.failures += 1
            return state.failures
        }
        if failures == 1 || failures.isMultiple(of: 20) {
            log.warning(
                "the aggregator cannot be reached; events are kept in the spool",
                metadata: ["aggregator": "\(configuration.aggregator)", "error": "\(why)"])
        }
        let delay = min(5000, 100 << min(failures, 6)) + Int.random(in: 0..<100)
        group.next().scheduleTask(in: .milliseconds(Int64(delay))) { [self] in connect() }
    }

    private func hello() -> Hello {
        Hello(
            agentID: configuration.agent, agentVersion: AgentVersion.text, kernel: HostIdentity.kernel,
            bootID: bootID,
            source: source,
            nodes: streams.map {
                Hello.Node(
                    name: $0.node, streamID: $0.streamID, nextSequence: $0.spool.newestSequence + 1,
                    oldestSequence: $0.spool.oldestSequence)
            },
            policy: Tracepoint.allCases.map {
                Hello.Policy(
                    tracepoint: $0.rawValue,
                    mode: CaptureMode(rawValue: configuration.policy.mode($0).rawValue))
            })
    }
}

extension String {
    /// `[::1]` without its brackets.
    fileprivate var trimmingBrackets: String {
        hasPrefix("[") && hasSuffix("]") ? String(dropFirst().dropLast()) : self
    }
}
