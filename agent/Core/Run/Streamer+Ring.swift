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
    func drain() throws {
        let now = ps_monotonic_ns()
        try ring.drain { record, position in
            let head = try RingRecordHead(record)
            if processes[head.slot] != nil {
                try take(head, record, position)
                return true
            }
            // All of it has been told.
            if finished[head.slot] != nil { return true }
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

    func take(_ head: RingRecordHead, _ record: RawSpan, _ position: UInt64) throws {
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
}
