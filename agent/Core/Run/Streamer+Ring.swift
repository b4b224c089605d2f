import BPF
import ByteCodec
import CPlatform
import CRecord
import CollectorProtocol
import Glibc
import Logging
import Spool
import Tracepoints

// Records out of the ring, into the stream of the process they belong to.
extension Streamer {
    /// Takes what is in the ring by now.
    ///
    /// Records of a process mostly come one behind the other, and what they have in common is looked up once.
    func drain() throws {
        let end = ring.producerPosition
        let now = ps_monotonic_ns()
        while let process = try passStrays(to: end, at: now) {
            let stream = streams[process.node]
            var isFull = true
            while isFull {
                let known = stream.ringEpoch == epoch ? stream.ringEnd : 0
                let taken = try take(of: process, into: &stream.builder, from: known, to: end)
                if taken.last > 0 { stream.took(position: taken.last, epoch: epoch) }
                isFull = taken.isFull
                if isFull { try stream.seal() }
            }
        }
    }

    /// Deals with records of no process under observation, up to the first that is of one: whose it is, or nil where
    /// there is none before `end` or a verdict has to be waited for.
    private func passStrays(to end: UInt64, at now: UInt64) throws -> ObservedProcess? {
        var observed: ObservedProcess?
        try ring.drain(to: end) { record, position in
            let head = try RingRecordHead(record)
            observed = processes[head.slot]
            if observed != nil { return false }
            // All of it has been told.
            if finished[head.slot] != nil { return true }
            // Unknown slot: the attacher's verdict decides.
            guard let entry = maps.slots.value(head.slot) else { return true }
            switch entry.state {
            case PS_SLOT_MATCHED.rawValue, PS_SLOT_EXITED.rawValue:
                try adopt(head.slot, entry)
                observed = processes[head.slot]
                return observed == nil
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
        return observed
    }

    /// Puts the records of one process that come now into its stream's batch, past those that an earlier streamer took.
    ///
    /// - Returns: the ring position behind the last one taken, or 0, and whether the batch has to be sealed for the next.
    private func take(
        of process: ObservedProcess, into builder: inout BatchBuilder, from known: UInt64, to end: UInt64
    ) throws -> (last: UInt64, isFull: Bool) {
        var last: UInt64 = 0
        var isFull = false
        // Counted here first: each access to another object's counts would be checked.
        var counts = InlineArray<32, UInt64>(repeating: 0)
        defer { process.consumed(counts) }
        try ring.drain(to: end) { record, position in
            let head = try RingRecordHead(record)
            guard head.slot == process.slot else { return false }
            if position <= known { return true }
            switch builder.append(
                kind: head.tracepoint, flags: RecordFlags(rawValue: head.flags), run: process.run,
                tid: head.tid, monotonic: clock.shown(head.monotonic), record: record, layouts: layouts,
                limit: NodeStream.batchBytes - 512)
            {
            case .appended:
                last = position
                counts[Int(head.tracepoint)] += 1
                return true
            case .full:
                isFull = true
                return false
            case .malformed:
                throw AgentError(
                    doing: "reading the ring",
                    reason: "a record of tracepoint \(head.tracepoint) has the wrong size",
                    remedy: "attacher and streamer must be of the same version")
            }
        }
        return (last, isFull)
    }

    /// Counts a record of nobody's, once: the first stream's ring position tells after a restart.
    @discardableResult
    func drop(_ head: RingRecordHead, _ position: UInt64) -> Bool {
        guard let stream = streams.first, !stream.has(position: position, epoch: epoch) else { return false }
        unmatched[Int(head.tracepoint)] += 1
        stream.took(position: position, epoch: epoch)
        return true
    }

    func forgetVerdict(_ slot: UInt32) {
        waitingSince[slot] = nil
        dropped[slot] = nil
    }
}
