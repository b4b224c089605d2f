public import ArgumentParser
import Glibc

/// The command line of a stand-in node, and what it does.
public struct ReplayOptions: ParsableArguments {
    /// What `--help` says below the abstract.
    public static let discussion = """
        Fires the USDT tracepoints of Bitcoin Core from a recorded capture, with the same names, arguments, \
        types and semaphores, in the recorded rhythm. To bpftrace or an agent it is a node.

        The record (--record) has a line per event, mono_ns,tracepoint,observed,index,line: CLOCK_MONOTONIC \
        immediately before the probe; 1 when the semaphore was raised, 0 when nobody was attached, empty for \
        a tracepoint without a semaphore. It survives SIGTERM and, apart from empty lines at its end, kill -9. \
        A raised semaphore does not say who is attached.

        SIGTERM and SIGINT end the replay in good order, with status 0. Status 1: failed; 64: wrong usage.
        """

    @Argument(help: "The capture, .jsonl or .jsonl.gz: one event a line.", completion: .file())
    var capture: String

    @Option(help: "The node whose events are fired.")
    var node: String

    @Option(help: "Written when ready, removed at exit.", completion: .file())
    var pidFile: String?

    @Option(help: "How many times faster than recorded.")
    var speed: Double = 1

    @Option(
        help: ArgumentHelp(
            """
            CLOCK_MONOTONIC of the capture's first event of any node: give several nodes the same. \
            By default 100 ms after this one is ready.
            """, valueName: "mono-ns"))
    var startAt: UInt64?

    @Option(help: "Load instead of rhythm: events a second, 0 for as many as possible. Needs --count.")
    var rate: Double?

    @Option(help: "With --rate: how many events, starting again from the first when they are through.")
    var count: Int?

    @Option(help: "Where to write what was fired and when (CSV).", completion: .file())
    var record: String?

    @Option(help: "Where to write the summary (JSON).", completion: .file())
    var summary: String?

    @Option(help: "Seconds to stay after the last event.")
    var linger: Double = 0

    @Option(
        name: [.customLong("datadir"), .customLong("datadir", withSingleDash: true)],
        help: "Not used; there so that an agent finds it in the command line, as it does bitcoind's.")
    var datadir: String?

    /// Made by ArgumentParser.
    public init() {}

    /// Refuses what makes no sense together.
    public func validate() throws {
        guard speed > 0, speed.isFinite else { throw ValidationError("--speed must be above 0.") }
        guard linger >= 0, linger < 1e9 else { throw ValidationError("--linger must be 0 or more seconds.") }
        guard (rate == nil) == (count == nil) else {
            throw ValidationError("--rate and --count go together.")
        }
        guard rate ?? 0 >= 0, (rate ?? 0).isFinite else { throw ValidationError("--rate must be 0 or more.") }
        guard count ?? 1 > 0 else { throw ValidationError("--count must be above 0.") }
        if rate != nil, speed != 1 { throw ValidationError("--speed has no meaning with --rate.") }
    }

    /// Reads the capture, fires it, says what was done.
    public func replay(with probes: NodeProbes) throws {
        StopRequest.listen()
        MonotonicClock.removeTimerSlack()
        if rate == nil { MonotonicClock.goFirst() }
        // Early, as a node does: whoever looks at processes has only so much patience with one that is nobody's.
        if let pidFile { try WholeFile.write(Array("\(getpid())\n".utf8), to: pidFile, what: "pid file") }
        defer { if let pidFile { WholeFile.remove(pidFile) } }
        let loaded = try Capture.load(capture, node: node, probes: probes)
        let memory = ArgumentMemory(loaded.arguments)
        let total = count ?? loaded.events.count
        let plan = { (schedule: Schedule) in
            Replay(capture: loaded, probes: probes, schedule: schedule, count: total)
        }
        let truth = try record.map {
            try TruthRecord(path: $0, capacity: plan(.unpaced).recordCapacity, probes: probes)
        }
        let start = startAt ?? MonotonicClock.now + 100_000_000
        report("ready: pid \(getpid()) is \(node), \(total) events, starting at \(start)")
        if case let now = MonotonicClock.now, now > start {
            let late = tenths(now - start, unit: 1_000_000_000)
            warn("--start-at passed \(late) s ago: events due before now are fired at once")
        }
        if rate != nil { MonotonicClock.wait(until: start) }
        let replay = plan(schedule(start: start, origin: loaded.firstMonotonic))
        let done = replay.run(node: node, memory: memory, record: truth)
        try truth?.finish()
        if let summary { try WholeFile.write(try done.json(), to: summary, what: "summary") }
        report(done.table)
        if done.completed, linger > 0 {
            report("staying \(linger) s")
            MonotonicClock.wait(until: MonotonicClock.now + UInt64(linger * 1e9))
        }
        if StopRequest.isMade { report("stopped by signal \(StopRequest.received)") }
    }

    private func schedule(start: UInt64, origin: UInt64) -> Schedule {
        switch rate {
        case nil: .recorded(start: start, origin: origin, speed: speed)
        case .some(0): .unpaced
        case .some(let perSecond): .rate(start: start, perSecond: perSecond)
        }
    }

    /// A line on standard output, at once even when that is a file.
    private func report(_ text: String) {
        print(text)
        fflush(nil)
    }

    private func warn(_ text: String) {
        let line = Array("warning: \(text)\n".utf8)
        _ = unsafe line.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
