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
/// Everything happens on one event loop. A lost connection is made again, after 0.2 s at first and 5 s at most, 30 s
/// where one side refuses the other; meanwhile the spools grow, and the nodes notice nothing.
final class Uplink: Sendable {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let transport: UplinkTransport
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
        /// Why the connection there is will have ended, as far as is known.
        var end: UplinkEnd?
        /// What was told last about connections that fail.
        var told: String?
    }

    init(
        _ configuration: AgentConfiguration, clock: AgentClock, streams: [UplinkStream], source: Hello.Source,
        transport: UplinkTransport, link: UplinkMailbox, log: Logger
    ) throws {
        self.transport = transport
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
        ClientBootstrap(group: group)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connectTimeout(.seconds(5))
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    let presented = try transport.secure(channel)
                    try channel.pipeline.syncOperations.addHandler(handler(presented))
                }
            }
            .connect(host: transport.address.host, port: transport.address.port)
            .whenComplete { [self] result in
                switch result {
                case .success(let channel):
                    state.withLock { $0.channel = channel }
                    channel.closeFuture.whenComplete { [self] _ in
                        let end = state.withLock { state in
                            state.channel = nil
                            defer { state.end = nil }
                            return state.end
                        }
                        connectLater(
                            end ?? UplinkEnd(reason: "the connection was lost", hint: nil, isRefusal: false))
                    }
                case .failure(let error):
                    connectLater(UplinkEnd(reason: "\(error)", hint: nil, isRefusal: false))
                }
            }
    }

    private func handler(_ presented: AggregatorCertificate?) -> UplinkHandler {
        UplinkHandler(
            hello: hello(), clock: clock, streams: streams, link: link, log: log,
            events: UplinkHandler.Events(
                welcomed: { [self] in
                    state.withLock { ($0.failures, $0.told) = (0, nil) }
                    transport.welcomed()
                },
                failed: { [self] in transport.explain($0, presented) },
                // What is noticed first is the cause.
                ended: { [self] end in state.withLock { $0.end = $0.end ?? end } }))
    }

    private func connectLater(_ end: UplinkEnd) {
        guard !stopping.load(ordering: .acquiring) else { return }
        let (failures, isNews) = state.withLock { state in
            state.failures += 1
            defer { state.told = end.reason }
            return (state.failures, state.told != end.reason)
        }
        if isNews || failures.isMultiple(of: 20) {
            var about: Logger.Metadata = [
                "aggregator": "\(configuration.aggregator)", "error": "\(end.reason)",
            ]
            if let hint = end.hint { about["hint"] = "\(hint)" }
            log.warning(
                end.isRefusal
                    ? "no connection to the aggregator; events are kept in the spool"
                    : "the aggregator cannot be reached; events are kept in the spool", metadata: about)
        }
        let longest = end.isRefusal ? 30_000 : 5000
        let delay = min(longest, 100 << min(failures, 9)) + Int.random(in: 0..<100)
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
