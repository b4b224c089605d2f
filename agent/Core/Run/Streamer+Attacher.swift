import BPF
import CRecord
import Logging
import Tracepoints

// Whether the attacher is there: its programs go with it, and nobody but it can say that they are attached.
extension Streamer {
    /// How long the attacher may be silent before coverage is no longer claimed.
    static let attacherSilence: UInt64 = 2_000_000_000
    /// How much of the time before a record may in truth be without programs: the silence, and a turn.
    static let unnoticedSilence = attacherSilence + 500_000_000

    /// Ends coverage where the attacher was last heard, and lets it go on from there when the same attacher speaks again.
    ///
    /// Another attacher declares by itself what was missed, in the journal.
    func watchAttacher(at now: UInt64) {
        guard let meta = maps.meta.value(0), meta.heartbeat_ns != 0 else { return }
        let isSilent = now > meta.heartbeat_ns + Self.attacherSilence
        if isSilent, silence == nil {
            silence = AttacherSilence(
                since: meta.heartbeat_ns, pid: meta.attacher_pid, start: meta.attacher_start)
            suspendCoverage(at: meta.heartbeat_ns)
        } else if !isSilent, let before = silence {
            silence = nil
            let isSame = before.pid == meta.attacher_pid && before.start == meta.attacher_start
            for process in processes.values {
                isSame ? resume(process, before.since) : process.suspended.removeAll()
            }
        }
    }

    private func suspendCoverage(at end: UInt64) {
        log.warning("the attacher is silent; nobody knows whether its programs are attached")
        for (slot, process) in processes {
            for tracepoint in Tracepoint.allCases where process.coveredSince[Int(tracepoint.rawValue)] != 0 {
                closeCoverage(slot, tracepoint.rawValue, at: end)
                process.suspended.insert(tracepoint.rawValue)
            }
        }
    }

    /// It was only slow: the programs have been attached all the time.
    private func resume(_ process: ObservedProcess, _ since: UInt64) {
        for tracepoint in process.suspended.sorted() where process.coveredSince[Int(tracepoint)] == 0 {
            let from = max(since, process.observedFrom)
            process.coveredSince[Int(tracepoint)] = from
            streams[process.node].cover(tracepoint, process.run, from: from, to: 0, clock)
        }
        process.suspended.removeAll()
    }
}

/// An attacher that has not been heard for a while.
struct AttacherSilence {
    let since: UInt64
    let pid: UInt64
    let start: UInt64
}
