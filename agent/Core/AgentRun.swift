import CPlatform
import CollectorProtocol
import Glibc
public import Logging
import Spool
import Synchronization

/// The streamer's process: a source that fills spools, and an uplink that empties them.
public struct AgentRun {
    private let configuration: AgentConfiguration
    private let clock: AgentClock
    private let log: Logger

    /// Prepares a run; nothing is opened yet.
    public init(_ configuration: AgentConfiguration, clock: AgentClock, log: Logger) {
        self.configuration = configuration
        self.clock = clock
        self.log = log
    }

    /// Streams what the eBPF programs capture until `stop` is raised.
    public func stream(until stop: StopSignal) throws {
        guard !configuration.nodes.isEmpty else {
            throw AgentError(
                doing: "starting the streamer", reason: "no node is configured",
                remedy: "add one under `nodes`")
        }
        log.notice("source: eBPF", metadata: ["pins": "\(configuration.pinFolder)"])
        Self.raiseFileLimit()
        // The key may be root's.
        let transport = try UplinkTransport(configuration, log: log)
        try dropPrivileges()
        try Files.makeFolder(configuration.state, mode: 0o700)
        let link = UplinkMailbox()
        let streamer: Streamer
        do {
            streamer = try Streamer(configuration, clock: clock, link: link, log: log)
        } catch let error where "\(error)".contains("No such file") {
            throw AgentError(
                doing: "opening the maps in \(configuration.pinFolder)", reason: "there are none",
                remedy:
                    "start `peerscope-agent attach` with the same configuration first, or feed a capture file with --capture"
            )
        }
        let uplink = try Uplink(
            configuration, clock: clock, streams: streamer.sources, source: .ebpf, transport: transport,
            link: link, log: log)
        let syncing = SpoolSync(streamer.sources.map(\.spool), configuration, log: log)
        uplink.start()
        try streamer.run(until: stop)
        uplink.stop(drainingFor: 5)
        syncing.stop()
    }

    /// Streams a capture file, then waits for `stop`, or with `exitWhenDone` until everything is committed.
    public func stream(
        capture path: String, startingAt start: Int64?, exitWhenDone: Bool, until stop: StopSignal
    ) throws {
        log.notice("source: capture file, no eBPF", metadata: ["capture": "\(path)"])
        let capture = try CaptureSource(path: path)
        let transport = try UplinkTransport(configuration, log: log)
        try dropPrivileges()
        try Files.makeFolder(configuration.state, mode: 0o700)
        let link = UplinkMailbox()
        let feed = try CaptureFeed(capture, configuration: configuration, startingAt: start, log: log)
        let uplink = try Uplink(
            configuration, clock: clock, streams: feed.sources, source: .capture, transport: transport,
            link: link, log: log)
        let syncing = SpoolSync(feed.sources.map(\.spool), configuration, log: log)
        uplink.start()
        try feed.feed(link, until: stop)
        while !stop.isRaised, !(exitWhenDone && uplink.isDrained) { usleep(20_000) }
        uplink.stop(drainingFor: 5)
        syncing.stop()
    }

    /// A spool keeps a file open for each segment, which in a long outage are more than the usual 1024.
    private static func raiseFileLimit() {
        var limit = rlimit()
        let files = __rlimit_resource_t(7)  // RLIMIT_NOFILE
        guard unsafe getrlimit(files, &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = unsafe setrlimit(files, &limit)
    }

    /// An agent started by root becomes the configured user; in any case it keeps no capability.
    private func dropPrivileges() throws(AgentError) {
        var account: SystemUser?
        if getuid() == 0, let user = configuration.user {
            let found = try SystemUser(named: user)
            try Files.makeFolder(configuration.state, mode: 0o700)
            guard unsafe chown(configuration.state, found.uid, found.gid) == 0 else {
                throw Files.failure("giving \(configuration.state) to user \(user)")
            }
            account = found
        }
        try Capabilities.keepOnly([], becoming: account)
        if getuid() == 0 {
            log.warning(
                "running as root, whose files it can read and change although it has no capabilities",
                metadata: ["hint": "set `user`, or start it as another user"])
        }
    }
}

/// Forces spooled batches to disk and takes acknowledged ones off it, on a thread of its own, so that a slow disk
/// delays neither ring nor network.
final class SpoolSync: Sendable {
    private let stopped = Atomic(false)

    init(_ spools: [Spool], _ configuration: AgentConfiguration, log: Logger) {
        let interval = UInt32(configuration.spoolInterval)
        let syncs = configuration.spoolSync == .interval
        AgentThread.start("spool-sync") { [self] in
            var toldAt: UInt64 = 0
            while !stopped.load(ordering: .acquiring) {
                usleep(interval * 1000)
                for spool in spools {
                    do {
                        if syncs { try spool.sync() }
                        try spool.removeAcknowledged()
                    } catch {
                        // A disk that is full or read-only stays so for a while.
                        let now = ps_monotonic_ns()
                        guard toldAt == 0 || now > toldAt + 60_000_000_000 else { continue }
                        toldAt = now
                        log.error(
                            "the spool cannot be kept on disk; trying again", metadata: ["error": "\(error)"])
                    }
                }
            }
        }
    }

    func stop() { stopped.store(true, ordering: .releasing) }
}

/// A named thread.
enum AgentThread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    static func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let context = unsafe Unmanaged.passRetained(Body(body)).toOpaque()
        var thread = pthread_t()
        let result = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context)
        if result == 0 {
            unsafe ps_name_thread(UInt(thread), name)
            pthread_detach(thread)
        }
    }
}
