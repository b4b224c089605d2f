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
/// A flush seals the batches of all nodes, writes them to the spools and only then tells the kernel that the ring
/// may be reused. A streamer that dies in between finds its records again and skips what a stream already has.
public final class Streamer {
    private let configuration: AgentConfiguration
    private let clock: AgentClock
    private let log: Logger
    private let maps: CaptureMaps
    private let ring: RingReader
    private let epoch: UInt64
    private let bootID: BootID
    private let transcriber = RecordTranscriber()
    private let link: UplinkMailbox
    private var streams: [NodeStream] = []
    /// Index into ``streams`` by the attacher's node index.
    private var streamOfNode: [UInt32: Int] = [:]
    private var processes: [UInt32: ObservedProcess] = [:]
    private var recoveredTallies: [[TallyKey: UInt64]] = []
    private var journal = Journal()
    /// Slots whose records are nobody's, and the ring position behind them.
    private var gone: [UInt32: UInt64] = [:]
    /// Slots whose last counters are in a stream that is not flushed yet.
    private var finished: Set<UInt32> = []
    /// Since when records have waited for the verdict on a slot.
    private var waitingSince: [UInt32: UInt64] = [:]
    /// Records dropped without a verdict, which may come all the same.
    private var dropped: [UInt32: [UInt64]] = [:]
    private var refusedAt: UInt64 = 0
    private var unmatched = [UInt64](repeating: 0, count: Int(PS_TRACEPOINTS))
    /// Hits without a slot that are reported in what has gathered since the last flush.
    private var slotlessTold: [UInt32: UInt64] = [:]
    private let startedAt = ps_monotonic_ns()

    private struct TallyKey: Hashable {
        let run: UInt64
        let tracepoint: UInt8
    }

    /// How long a record may wait for the attacher's verdict on its process before it is counted as lost.
    static let verdictDeadline: UInt64 = 5_000_000_000
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
            let stream = try NodeStream(name: node.name, state: configuration.state, bootID: bootID)
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
            // Counters may come before the first event of a new ring, and belong to it.
            stream.begin(epoch: epoch)
            stream.checkpoint = { [unowned self] in writeCheckpoint(index) }
        }
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
                // The ring keeps what comes, and the uplink goes on to send, which makes room.
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

    private struct Schedule {
        var flush: UInt64 = 0
        var report: UInt64 = 0
        var status: UInt64 = 0
    }

    private func turn(_ schedule: inout Schedule, _ stopping: Bool) throws {
        for stream in streams { try stream.writeUnwritten() }
        // Before the first record there has to be a clock.
        if schedule.flush == 0 { try flush() }
        let now = ps_monotonic_ns()
        try readJournal()
        try readSlots()
        if now >= schedule.status { try sweepSlots() }
        let report = now >= schedule.report || stopping
        let snapshot = report ? readCounters() : [:]
        try drain()
        guard now >= schedule.flush || ring.position - ring.publishedPosition > Self.publishBytes || report
        else { return }
        if report {
            try writeCounters(snapshot, at: now)
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

    // MARK: Flush

    private func flush() throws {
        try writeClockSamples()
        reportUnmatched(at: ps_monotonic_ns())
        let monotonic = clock.monotonic()
        let offset = clock.offset()
        for stream in streams {
            try stream.seal()
            try stream.advanceClock(monotonic: monotonic, offset: offset)
            if let sequence = link.watermark(of: stream.folder.streamID) {
                try stream.folder.jump(past: sequence)
            }
        }
        if configuration.spoolSync == .always {
            for stream in streams { try stream.sync() }
        }
        ring.publish()
        giveBackSlots()
        for (tracepoint, count) in slotlessTold { try maps.slotlessTold.set(tracepoint, count) }
        slotlessTold.removeAll()
        do { try keepBound() } catch {
            log.error("the spool cannot be kept within its bound", metadata: ["error": "\(error)"])
        }
        link.batchesSpooled()
    }

    /// Keeps all spools together under the configured size.
    private func keepBound() throws {
        var total = streams.reduce(0) { $0 + $1.folder.spool.byteCount }
        while total > configuration.spoolBytes {
            guard let largest = streams.max(by: { $0.folder.spool.byteCount < $1.folder.spool.byteCount })
            else { return }
            let won = try largest.folder.spool.dropOldestSegment(reason: "spool_bound")
            guard won > 0 else { return }
            total -= won
            log.warning(
                "the spool is full: the oldest events are dropped and declared",
                metadata: ["node": "\(largest.name)", "bytes": "\(won)"])
        }
    }

    private func writeClockSamples() throws {
        for sample in link.takeClockSamples() {
            for stream in streams {
                stream.write(.clockSample(sample.record), run: nil, monotonic: sample.monotonic)
            }
        }
    }

    private func writeStatus(at now: UInt64) throws {
        let resident = HostIdentity.residentBytes()
        for stream in streams {
            stream.write(
                .agentStatus(
                    .init(
                        spoolBytes: UInt64(stream.folder.spool.byteCount), residentBytes: resident,
                        ringUsedBytes: ring.producerPosition - ring.publishedPosition,
                        uptimeMilliseconds: (now - startedAt) / 1_000_000)), run: nil,
                monotonic: clock.shown(now))
        }
    }

    // MARK: Ring

    private func drain() throws {
        let now = ps_monotonic_ns()
        try ring.drain { record, position in
            let head = try RingRecordHead(record)
            if processes[head.slot] != nil {
                try take(head, record, position)
                return true
            }
            // Unknown slot: the attacher's verdict decides.
            guard let entry = maps.slots.value(head.slot) else { return true }
            switch entry.state {
            case PS_SLOT_MATCHED.rawValue, PS_SLOT_EXITED.rawValue:
                try adopt(head.slot, entry)
                if processes[head.slot] != nil { try take(head, record, position) }
            case PS_SLOT_FOREIGN.rawValue: forgetVerdict(head.slot)
            case PS_SLOT_GONE.rawValue: drop(head, position)
            default:
                let since = waitingSince[head.slot] ?? now
                waitingSince[head.slot] = since
                guard now > since + Self.verdictDeadline else { return false }
                if drop(head, position) {
                    let none = [UInt64](repeating: 0, count: Int(PS_TRACEPOINTS))
                    dropped[head.slot, default: none][Int(head.tracepoint)] += 1
                }
            }
            return true
        }
    }

    /// Counts a record of nobody's, once: the first stream's ring position tells after a restart.
    @discardableResult
    private func drop(_ head: RingRecordHead, _ position: UInt64) -> Bool {
        guard let stream = streams.first, !stream.has(position: position, epoch: epoch) else { return false }
        unmatched[Int(head.tracepoint)] += 1
        stream.took(position: position, epoch: epoch)
        return true
    }

    private func forgetVerdict(_ slot: UInt32) {
        waitingSince[slot] = nil
        dropped[slot] = nil
    }

    private func take(_ head: RingRecordHead, _ record: RawSpan, _ position: UInt64) throws {
        guard let process = processes[head.slot] else { return }
        let stream = streams[process.node]
        guard !stream.has(position: position, epoch: epoch) else { return }
        if stream.builder.byteCount + record.byteCount + 512 > NodeStream.batchBytes { try stream.seal() }
        guard transcriber.transcribe(head, record, run: process.run, clock: clock, into: &stream.builder)
        else {
            throw AgentError(
                doing: "reading the ring",
                reason: "a record of tracepoint \(head.tracepoint) has the wrong size",
                remedy: "attacher and streamer must be of the same version")
        }
        stream.took(position: position, epoch: epoch)
        process.consumed[Int(head.tracepoint)] += 1
    }

    // MARK: Processes

    private func readSlots() throws {
        var pid: UInt32? = nil
        while let next = maps.slotByProcess.key(after: pid) {
            pid = next
            guard let slot = maps.slotByProcess.value(next), processes[slot] == nil,
                let entry = maps.slots.value(slot), entry.state == PS_SLOT_MATCHED.rawValue
            else { continue }
            try adopt(slot, entry)
        }
        for (slot, process) in processes where process.drainTo == nil {
            guard let entry = maps.slots.value(slot), entry.state == PS_SLOT_EXITED.rawValue else { continue }
            processes[slot]?.drainTo = ring.producerPosition
            processes[slot]?.exitedAt = entry.exited_ns
        }
    }

    /// Finds what no record in the ring and no process any more leads to: slots that ended while nobody read.
    private func sweepSlots() throws {
        for slot in 0..<UInt32(PS_SLOTS) where gone[slot] == nil && !finished.contains(slot) {
            guard let entry = maps.slots.value(slot) else { continue }
            if entry.state == PS_SLOT_EXITED.rawValue, processes[slot] == nil {
                try adopt(slot, entry)
                processes[slot]?.drainTo = ring.producerPosition
                processes[slot]?.exitedAt = entry.exited_ns
                // Another configuration's node.
                if processes[slot] == nil { gone[slot] = ring.producerPosition }
            } else if entry.state == PS_SLOT_GONE.rawValue {
                gone[slot] = ring.producerPosition
            }
        }
    }

    private func stream(ofNode index: UInt32) -> Int? {
        if let known = streamOfNode[index] { return known }
        guard let entry = maps.nodes.value(index) else { return nil }
        streamOfNode[index] = streams.firstIndex { $0.name == fixedText(entry.name) }
        return streamOfNode[index]
    }

    private func adopt(_ slot: UInt32, _ entry: ps_slot) throws {
        guard let node = stream(ofNode: entry.node) else { return }
        let stream = streams[node]
        let run = RunID.make(
            streamID: stream.folder.streamID, bootID: bootID, pid: UInt64(entry.tgid),
            startTicks: entry.start_ticks)
        let process = ObservedProcess(
            slot: slot, node: node, run: run, pid: entry.tgid, startTicks: entry.start_ticks,
            binary: BinaryIdentity(device: entry.dev, inode: entry.inode), exe: fixedText(entry.exe),
            observedFrom: entry.foreign_ns == 0 ? 0 : entry.matched_ns)
        for tracepoint in Tracepoint.allCases {
            let key = TallyKey(run: run, tracepoint: tracepoint.rawValue)
            let consumed = recoveredTallies[node][key] ?? 0
            process.consumed[Int(tracepoint.rawValue)] = consumed
            if consumed > 0 {
                stream.builder.setCumulative(run: run, tracepoint: tracepoint.rawValue, value: consumed)
            }
        }
        let isKnown = try stream.restore(process, clock)
        for (index, count) in (dropped[slot] ?? []).enumerated() { process.lostUser[index] += count }
        forgetVerdict(slot)
        processes[slot] = process
        stream.write(
            .processStart(
                .init(
                    pid: UInt64(entry.tgid), startTicks: entry.start_ticks,
                    startedMonotonic: clock.shown(process.startedAt), executable: process.exe,
                    device: entry.dev,
                    inode: entry.inode)), run: run, monotonic: clock.monotonic())
        if entry.foreign_ns != 0, !isKnown {
            stream.write(
                .gap(
                    .init(
                        reason: "unmatched_process", tracepoint: 0,
                        fromMonotonic: clock.shown(process.startedAt),
                        toMonotonic: clock.shown(process.observedFrom), count: nil)), run: run,
                monotonic: clock.monotonic())
        }
        for entry in journal.entries { try apply(entry, to: slot) }
        log.info(
            "streaming a process",
            metadata: ["node": "\(stream.name)", "pid": "\(entry.tgid)", "run": "\(run)"])
    }

    /// Ends the runs whose process has gone and whose last record has been read.
    private func finishEnded() throws {
        for (slot, process) in processes {
            guard let drainTo = process.drainTo, ring.position >= drainTo else { continue }
            try writeCounters([slot: counters(of: slot)], at: ps_monotonic_ns(), final: true)
            let stream = streams[process.node]
            let now = clock.monotonic()
            for tracepoint in Tracepoint.allCases {
                closeCoverage(slot, tracepoint.rawValue, at: process.exitedAt)
            }
            stream.write(
                .processExit(.init(exitedMonotonic: clock.shown(process.exitedAt))), run: process.run,
                monotonic: now)
            processes[slot] = nil
            finished.insert(slot)
        }
    }

    /// Gives back slots once everything of them is flushed and the ring is published past them: from then on
    /// the attacher may give them to another process.
    private func giveBackSlots() {
        for slot in finished {
            setDrained(slot)
        }
        finished.removeAll()
        for (slot, position) in gone where ring.publishedPosition >= position {
            setDrained(slot)
            forgetVerdict(slot)
            gone[slot] = nil
        }
    }

    private func setDrained(_ slot: UInt32) {
        guard var entry = maps.slots.value(slot) else { return }
        entry.state = PS_SLOT_DRAINED.rawValue
        do { try maps.slots.set(slot, entry) } catch {
            log.error("cannot give a slot back", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Counters

    private func counters(of slot: UInt32) -> [ps_counters] {
        var values = [ps_counters](repeating: ps_counters(), count: Int(PS_TRACEPOINTS))
        for tracepoint in Tracepoint.allCases {
            values[Int(tracepoint.rawValue)] = maps.counters(slot: slot, tracepoint: tracepoint.rawValue)
        }
        return values
    }

    private func readCounters() -> [UInt32: [ps_counters]] {
        var snapshot: [UInt32: [ps_counters]] = [:]
        for slot in processes.keys { snapshot[slot] = counters(of: slot) }
        return snapshot
    }

    /// Reports counters that were read before the ring was drained: `submitted` of them is in the stream by now.
    private func writeCounters(_ snapshot: [UInt32: [ps_counters]], at now: UInt64, final: Bool = false)
        throws
    {
        for (slot, values) in snapshot {
            guard let process = processes[slot] else { continue }
            let stream = streams[process.node]
            var entries: [CounterEntry] = []
            for tracepoint in Tracepoint.allCases {
                let index = Int(tracepoint.rawValue)
                let value = values[index]
                let before = process.reported[index]
                if value.counted > process.countedInRecords[index], final || process.countDue(now) {
                    stream.write(
                        .count(
                            .init(
                                tracepoint: tracepoint.rawValue,
                                count: value.counted - process.countedInRecords[index])),
                        run: process.run, monotonic: clock.shown(now))
                    process.countedInRecords[index] = value.counted
                }
                let lost = value.lost_ring - min(value.lost_ring, before.lost_ring)
                if lost > 0 { gap("ring_full", tracepoint, lost, process, now, stream) }
                let unreadable = value.lost_unreadable - min(value.lost_unreadable, before.lost_unreadable)
                if unreadable > 0 { gap("unreadable", tracepoint, unreadable, process, now, stream) }
                process.reported[index] = value
                let early = process.lostUser[index]
                let kept = max(value.submitted - min(value.submitted, early), process.consumed[index])
                if let entry = process.entry(tracepoint, kept: kept) { entries.append(entry) }
            }
            if process.countDue(now) { process.countedAt = now }
            process.reportedAt = now
            if !entries.isEmpty {
                stream.write(
                    .counters(.init(entries: entries)), run: process.run, monotonic: clock.shown(now))
            }
        }
    }

    /// Tells the state of a node's processes at the front of a segment, so that whoever starts after us knows
    /// what has been reported. The counters are those that the stream adds up to at this place.
    private func writeCheckpoint(_ node: Int) {
        let stream = streams[node]
        for process in processes.values where process.node == node {
            let entries = Tracepoint.allCases.compactMap {
                process.entry($0, kept: process.consumed[Int($0.rawValue)])
            }
            stream.write(
                .counters(.init(entries: entries)), run: process.run,
                monotonic: max(clock.shown(process.reportedAt), stream.clockBase))
            for tracepoint in Tracepoint.allCases {
                let since = process.coveredSince[Int(tracepoint.rawValue)]
                if since != 0 { stream.cover(tracepoint.rawValue, process.run, from: since, to: 0, clock) }
            }
        }
    }

    private func gap(
        _ reason: String, _ tracepoint: Tracepoint, _ count: UInt64, _ process: ObservedProcess,
        _ now: UInt64,
        _ stream: NodeStream
    ) {
        let from = max(process.reportedAt, process.startedAt)
        stream.write(
            .gap(
                .init(
                    reason: reason, tracepoint: tracepoint.rawValue, fromMonotonic: clock.shown(from),
                    toMonotonic: clock.shown(now), count: count)), run: process.run,
            monotonic: clock.shown(now))
        let index = Int(tracepoint.rawValue)
        let since = process.coveredSince[index]
        // Two causes in one report interrupt the coverage once.
        guard since != 0, since != now else { return }
        stream.cover(tracepoint.rawValue, process.run, from: since, to: max(since, from), clock)
        process.coveredSince[index] = now
        stream.cover(tracepoint.rawValue, process.run, from: now, to: 0, clock)
    }

    /// Events of processes that ended before anybody could say whose they were, and of those that got no slot.
    private func reportUnmatched(at now: UInt64) {
        guard let stream = streams.first, stream.clockBase != 0 else { return }
        for tracepoint in Tracepoint.allCases {
            let index = Int(tracepoint.rawValue)
            var missed: UInt64 = 0
            maps.slotless.perProcessor(UInt32(index)) { missed += $0 }
            let told = slotlessTold[UInt32(index)] ?? maps.slotlessTold.value(UInt32(index)) ?? 0
            for (reason, count) in [
                ("unmatched_process", unmatched[index]), ("no_slot", missed - min(missed, told)),
            ]
            where count > 0 {
                stream.write(
                    .gap(
                        .init(
                            reason: reason, tracepoint: tracepoint.rawValue,
                            fromMonotonic: clock.shown(max(startedAt, now - min(now, 10_000_000_000))),
                            toMonotonic: clock.shown(now), count: count)), run: nil,
                    monotonic: clock.shown(now))
            }
            unmatched[index] = 0
            if missed > told { slotlessTold[UInt32(index)] = missed }
        }
    }

    // MARK: The attacher's journal

    private func readJournal() throws {
        for entry in journal.readNew(maps) {
            for stream in streams { stream.write(probe: entry, clock) }
            for slot in processes.keys { try apply(entry, to: slot) }
        }
    }

    /// Opens or reopens the coverage of one tracepoint for a process of the entry's binary.
    private func apply(_ entry: Journal.Entry, to slot: UInt32) throws {
        guard entry.attached, let process = processes[slot], process.binary == entry.binary else { return }
        let index = Int(entry.tracepoint)
        // Told before: by this streamer, or by one before it.
        guard process.coveredSince[index] == 0 || process.coveredSince[index] < entry.at else { return }
        let stream = streams[process.node]
        let from = max(entry.at, process.observedFrom)
        if entry.blindFrom != 0, entry.blindFrom < entry.at, process.observedFrom < entry.at {
            let blindFrom = max(entry.blindFrom, process.observedFrom)
            if process.coveredSince[index] != 0 {
                stream.cover(
                    entry.tracepoint, process.run, from: process.coveredSince[index],
                    to: max(process.coveredSince[index], blindFrom), clock)
            }
            stream.write(
                .gap(
                    .init(
                        reason: "blind", tracepoint: entry.tracepoint, fromMonotonic: clock.shown(blindFrom),
                        toMonotonic: clock.shown(entry.at), count: nil)), run: process.run,
                monotonic: clock.monotonic())
        }
        process.coveredSince[index] = from
        stream.cover(entry.tracepoint, process.run, from: from, to: 0, clock)
    }

    private func closeCoverage(_ slot: UInt32, _ tracepoint: UInt8, at end: UInt64) {
        guard let process = processes[slot], process.coveredSince[Int(tracepoint)] != 0 else { return }
        streams[process.node].cover(
            tracepoint, process.run, from: process.coveredSince[Int(tracepoint)], to: end, clock)
        processes[slot]?.coveredSince[Int(tracepoint)] = 0
    }
}
