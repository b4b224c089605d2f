import BPF
import ByteCodec
import CPlatform
import CRecord
import CollectorProtocol
import Glibc
import Logging
import Spool
import Tracepoints

// The kernel's counters, told so that hits = stored + counted + lost at every place of a stream.
extension Streamer {
    func counters(of slot: UInt32) -> [ps_counters] {
        var values = [ps_counters](repeating: ps_counters(), count: Int(PS_TRACEPOINTS))
        for tracepoint in Tracepoint.allCases {
            values[Int(tracepoint.rawValue)] = maps.counters(slot: slot, tracepoint: tracepoint.rawValue)
        }
        return values
    }

    func readCounters() -> [UInt32: [ps_counters]] {
        var snapshot: [UInt32: [ps_counters]] = [:]
        for slot in processes.keys { snapshot[slot] = counters(of: slot) }
        return snapshot
    }

    /// Reports counters that were read before the ring was drained: `submitted` of them is in the stream by now.
    ///
    /// - Parameter isRead: whether everything that was in the ring at that time has been taken out of it.
    func writeCounters(
        _ snapshot: [UInt32: [ps_counters]], isRead: Bool, at now: UInt64, final: Bool = false
    ) {
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
                let taken = value.submitted - min(value.submitted, process.lostUser[index])
                if isRead, taken > process.consumed[index] {
                    lostBefore(tracepoint, taken - process.consumed[index], process, now, stream)
                }
                process.reported[index] = value
                let kept = max(taken, process.consumed[index])
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

    /// Declares events that the kernel has counted, that are not in the ring any more, and that the stream does not
    /// have: a streamer before this one took them, and the spool has lost what it wrote.
    ///
    /// The stream's count goes on with them, so that the aggregator, which may have some of them, finds out how many
    /// it lacks.
    private func lostBefore(
        _ tracepoint: Tracepoint, _ count: UInt64, _ process: ObservedProcess, _ now: UInt64,
        _ stream: NodeStream
    ) {
        log.error(
            "the spool has lost events that were taken out of the ring",
            metadata: ["node": "\(stream.name)", "tracepoint": "\(tracepoint.name)", "count": "\(count)"])
        stream.builder.countLost(run: process.run, tracepoint: tracepoint.rawValue, count: count)
        process.consumed[Int(tracepoint.rawValue)] += count
        gap(GapReason.spoolCorrupt, tracepoint, count, process, now, stream)
    }

    /// Tells the state of a node's processes at the front of a segment, so that whoever starts after us knows
    /// what has been reported. The counters are those that the stream adds up to at this place.
    func writeCheckpoint(_ node: Int) {
        let stream = streams[node]
        for process in Array(processes.values) + finished.values where process.node == node {
            stream.write(
                .processStart(process.start(clock)), run: process.run, monotonic: clock.monotonic())
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
            if process.isExitTold { tellExit(process, stream) }
        }
    }

    func tellExit(_ process: ObservedProcess, _ stream: NodeStream) {
        process.isExitTold = true
        stream.write(
            .processExit(.init(exitedMonotonic: clock.shown(process.exitedAt))), run: process.run,
            monotonic: clock.monotonic())
    }

    func gap(
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
    func reportUnmatched(at now: UInt64) {
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
}
