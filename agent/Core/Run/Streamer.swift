import BPF
import ByteCodec
import CPlatform
import CRecord
import CollectorProtocol
import Glibc
public import Logging
import Spool
import Tracepoints

/// The unprivileged half of the agent on its own thread: ring in, spool out.
///
/// A flush seals the batches of all nodes, writes them to the spools, only then tells the kernel that the ring may be
/// reused, and only then lets the batches be sent. A streamer that dies in between finds its records again and skips
/// what a stream already has; what its spool has lost was not sent either.
public final class Streamer {
    let configuration: AgentConfiguration
    let clock: AgentClock
    let log: Logger
    let maps: CaptureMaps
    let ring: RingReader
    let epoch: UInt64
    let bootID: BootID
    let layouts = EventLayouts.ring
    let link: UplinkMailbox
    var streams: [NodeStream] = []
    /// Index into ``streams`` by the attacher's node index.
    var streamOfNode: [UInt32: Int] = [:]
    var processes: [UInt32: ObservedProcess] = [:]
    var recoveredTallies: [[TallyKey: UInt64]] = []
    var journal = Journal()
    /// The attacher's, while it lasts.
    var silence: AttacherSilence?
    /// Slots whose records are nobody's, and the ring position behind them.
    var gone: [UInt32: UInt64] = [:]
    /// Slots of processes that have ended, whose last records are not committed yet.
    var finished: [UInt32: ObservedProcess] = [:]
    /// Since when records have waited for the verdict on a slot.
    var waitingSince: [UInt32: UInt64] = [:]
    /// Records dropped without a verdict, which may come all the same.
    var dropped: [UInt32: [UInt64]] = [:]
    var refusedAt: UInt64 = 0
    var unmatched = [UInt64](repeating: 0, count: Int(PS_TRACEPOINTS))
    /// Hits without a slot that are reported in what has gathered since the last flush.
    var slotlessTold: [UInt32: UInt64] = [:]
    let startedAt = ps_monotonic_ns()

    struct TallyKey: Hashable {
        let run: UInt64
        let tracepoint: UInt8
    }

    /// How long a record may wait for the attacher's verdict on its process before it is counted as lost.
    static let verdictDeadline: UInt64 = 5_000_000_000
    /// Ended processes whose last records wait to be committed; beyond these they wait no longer.
    static let mostFinished = 128
    /// The ring's position is published early when so much of it has been read.
    static let publishBytes: UInt64 = 2 << 20

    /// Opens the maps the attacher has pinned, and the streams of the configured nodes.
    public init(_ configuration: AgentConfiguration, clock: AgentClock, link: UplinkMailbox, log: Logger)
        throws
    {
        self.configuration = configuration
        self.clock = clock
        self.link = link
        self.log = log
        bootID = try HostIdentity.bootID()
        maps = try CaptureMaps(directory: configuration.pinFolder)
        ring = try RingReader(path: configuration.pinFolder + "/ring")
        guard let meta = maps.meta.value(0) else {
            throw AgentError(
                doing: "opening the maps", reason: "they are empty", remedy: "start the attacher first")
        }
        epoch = meta.epoch
        for node in configuration.nodes {
            let stream = try NodeStream(
                name: node.name, state: configuration.state, bootID: bootID,
                segmentBytes: configuration.segmentBytes, holdsBack: true)
            var tallies: [TallyKey: UInt64] = [:]
            if stream.ringEpoch == epoch {
                for tally in stream.folder.spool.recoveredTallies {
                    tallies[TallyKey(run: tally.run, tracepoint: tally.tracepoint)] = tally.cumulative
                }
            }
            streams.append(stream)
            recoveredTallies.append(tallies)
        }
        for index in 0..<UInt32(meta.nodes) {
            guard let entry = maps.nodes.value(index) else { continue }
            let name = fixedText(entry.name)
            streamOfNode[index] = streams.firstIndex { $0.name == name }
        }
        for (index, stream) in streams.enumerated() {
            stream.lastWords = try stream.lastWords(
                before: epoch, realtime: clock.offset() + Int64(clock.monotonic()), isAlive: goesOn)
            // Counters may come before the first event of a new ring, and belong to it.
            stream.begin(epoch: epoch)
            stream.checkpoint = { [unowned self] in writeCheckpoint(index) }
        }
    }

    /// Whether a process that an earlier ring told of is still there.
    private func goesOn(_ run: EarlierRun) -> Bool {
        guard let pid = run.pid.flatMap({ Int32(exactly: $0) }) else { return false }
        return ProcessFacts(pid)?.startTicks == run.startTicks
    }

    /// What the uplink announces and reads from.
    public var sources: [UplinkStream] {
        streams.map { UplinkStream(node: $0.name, streamID: $0.folder.streamID, spool: $0.folder.spool) }
    }

    /// Reads, spools and reports until `stop` is raised, then writes what is left.
    public func run(until stop: StopSignal) throws {
        var schedule = Schedule()
        while true {
            let stopping = stop.isRaised
            if !stopping { ring.wait(milliseconds: 20) }
            do {
                try turn(&schedule, stopping)
                refusedAt = 0
            } catch let refusal as DiskRefusal where !stopping {
                // The ring keeps what comes, and the uplink goes on to send, which makes room: also what was there
                // before us, though the ring may have to be read once more from before its end.
                for stream in streams { stream.folder.spool.releaseRecovered() }
                link.batchesSpooled()
                let now = ps_monotonic_ns()
                if refusedAt == 0 || now > refusedAt + 60_000_000_000 {
                    log.error("the spool cannot be written; trying again", metadata: ["error": "\(refusal)"])
                    refusedAt = now
                }
                usleep(100_000)
            }
            if stopping { break }
        }
        for stream in streams { try stream.folder.close() }
    }

    struct Schedule {
        var flush: UInt64 = 0
        var report: UInt64 = 0
        var status: UInt64 = 0
    }

    func turn(_ schedule: inout Schedule, _ stopping: Bool) throws {
        for stream in streams {
            try stream.writeUnwritten()
            // While the disk refuses a lease nothing may be added to what is already a batch.
            if stream.builder.byteCount > NodeStream.batchBytes { try stream.seal() }
        }
        if schedule.flush == 0 { try setClocks() }
        let now = ps_monotonic_ns()
        try readJournal()
        try readSlots()
        if now >= schedule.status { try sweepSlots() }
        let report = now >= schedule.report || stopping
        watchAttacher(at: now)
        let snapshot = report ? readCounters() : [:]
        // What has been counted by now lies before this.
        let end = ring.producerPosition
        try drain()
        guard now >= schedule.flush || ring.position - ring.publishedPosition > Self.publishBytes || report
        else { return }
        if report {
            writeCounters(snapshot, isRead: ring.position >= end, at: now)
            schedule.report = now + 1_000_000_000
        }
        try finishEnded()
        if now >= schedule.status {
            try writeStatus(at: now)
            schedule.status = now + 5_000_000_000
        }
        try flush()
        schedule.flush = now + UInt64(configuration.batchInterval) * 1_000_000
    }
}
