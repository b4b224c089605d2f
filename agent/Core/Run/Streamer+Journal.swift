import BPF
import ByteCodec
import CPlatform
import CRecord
import CollectorProtocol
import Glibc
import Logging
import Spool
import Tracepoints

// What the attacher did, as coverage and blind gaps of each process.
extension Streamer {
    func readJournal() throws {
        for entry in journal.readNew(maps) {
            for stream in streams { stream.write(probe: entry, clock) }
            for slot in processes.keys { try apply(entry, to: slot) }
        }
    }

    /// Opens, reopens or ends the coverage of one tracepoint for a process of the entry's binary.
    func apply(_ entry: Journal.Entry, to slot: UInt32) throws {
        guard let process = processes[slot], process.binary == entry.binary else { return }
        let index = Int(entry.tracepoint)
        guard entry.attached else {
            // The attacher before this one had attached it, and this one does not.
            if process.coveredSince[index] < entry.at {
                closeCoverage(slot, entry.tracepoint, at: entry.blindFrom)
                process.suspended.remove(entry.tracepoint)
            }
            return
        }
        // Told before: by this streamer, or by one before it.
        guard max(process.coveredSince[index], process.toldUntil[index]) < entry.at else { return }
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

    func closeCoverage(_ slot: UInt32, _ tracepoint: UInt8, at end: UInt64) {
        guard let process = processes[slot], process.coveredSince[Int(tracepoint)] != 0 else { return }
        let since = process.coveredSince[Int(tracepoint)]
        // It may have been opened again behind a gap that was noticed after the process had ended.
        streams[process.node].cover(tracepoint, process.run, from: since, to: max(since, end), clock)
        processes[slot]?.coveredSince[Int(tracepoint)] = 0
    }
}
