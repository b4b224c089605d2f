import CRecord
import CollectorProtocol
import Tracepoints

/// A node's process as the streamer follows it: one run.
final class ObservedProcess {
    let slot: UInt32
    let node: Int
    let run: UInt64
    let pid: UInt32
    let startTicks: UInt64
    let startedAt: UInt64
    let binary: BinaryIdentity
    let exe: String
    /// Since when its hits are taken: later than its start when it was nobody's at first.
    let observedFrom: UInt64

    /// Records of this run put into the stream, by raw value of the tracepoint; over streamer restarts too.
    var consumed = [UInt64](repeating: 0, count: Int(PS_TRACEPOINTS))
    /// The kernel's counters when last reported.
    var reported = [ps_counters](repeating: ps_counters(), count: Int(PS_TRACEPOINTS))
    /// Records that were dropped before the attacher had said whose they were.
    var lostUser = [UInt64](repeating: 0, count: Int(PS_TRACEPOINTS))
    /// Events under policy `count` already in count records.
    var countedInRecords = [UInt64](repeating: 0, count: Int(PS_TRACEPOINTS))
    /// Since when each tracepoint is covered without gap; 0 when it is not.
    var coveredSince = [UInt64](repeating: 0, count: Int(PS_TRACEPOINTS))
    /// Up to when a streamer before this one has told of the coverage: what lies before is not told again.
    var toldUntil = [UInt64](repeating: 0, count: Int(PS_TRACEPOINTS))
    /// Tracepoints whose coverage ended because the attacher was silent.
    var suspended: Set<UInt8> = []
    /// When counted events were last reported.
    var countedAt: UInt64 = 0
    /// When the counters were last read.
    var reportedAt: UInt64
    /// Once the process has ended: the ring position behind everything it can have written.
    var drainTo: UInt64?
    var exitedAt: UInt64 = 0
    /// Its end is in the stream.
    var isExitTold = false
    /// The number of the last record about it, once it has ended and everything is sealed.
    var lastNumber: UInt64 = .max

    init(
        slot: UInt32, node: Int, run: UInt64, pid: UInt32, startTicks: UInt64, binary: BinaryIdentity,
        exe: String, observedFrom: UInt64
    ) {
        self.slot = slot
        self.node = node
        self.run = run
        self.pid = pid
        self.startTicks = startTicks
        startedAt = Self.startedAt(ticks: startTicks)
        self.binary = binary
        self.exe = exe
        self.observedFrom = max(observedFrom, startedAt)
        reportedAt = self.observedFrom
    }

    /// CLOCK_MONOTONIC of a start time in clock ticks, to the tick.
    static func startedAt(ticks: UInt64) -> UInt64 { ticks * 10_000_000 }
}

extension ObservedProcess {
    /// Who it is, for the stream.
    func start(_ clock: AgentClock) -> ProcessStart {
        ProcessStart(
            pid: UInt64(pid), startTicks: startTicks, startedMonotonic: clock.shown(startedAt),
            executable: exe, device: binary.device, inode: binary.inode)
    }

    /// The counters of a tracepoint with `kept` events in the stream, or nil when it was never hit.
    func entry(_ tracepoint: Tracepoint, kept: UInt64) -> CounterEntry? {
        let index = Int(tracepoint.rawValue)
        let lost = reported[index]
        let hits =
            kept + countedInRecords[index] + lost.lost_ring + lost.lost_unreadable + lostUser[index]
        guard hits > 0 else { return nil }
        return CounterEntry(
            tracepoint: tracepoint.rawValue, hits: hits, counted: countedInRecords[index],
            lostRing: lost.lost_ring, lostUnreadable: lost.lost_unreadable, lostUser: lostUser[index])
    }

    /// Counts records put into the stream, by raw value of the tracepoint.
    func consumed(_ counts: InlineArray<32, UInt64>) {
        for index in consumed.indices { consumed[index] += counts[index] }
    }

    /// Whether counted events are due to be reported: once a minute.
    func countDue(_ now: UInt64) -> Bool { now >= countedAt + 60_000_000_000 }
}
