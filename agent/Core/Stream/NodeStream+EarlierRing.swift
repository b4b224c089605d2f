import ByteCodec
import CollectorProtocol
import Spool

/// A process that an earlier ring's records tell of and whose end they do not.
struct EarlierRun {
    let run: UInt64
    var pid: UInt64?
    var startTicks: UInt64 = 0
    var hasExited = false
    /// CLOCK_MONOTONIC of the last record of it, as the stream shows it.
    var lastSeen: UInt64 = 0
    /// Since when each tracepoint is covered, where that is open.
    var covered: [UInt8: UInt64] = [:]
    /// Where the coverage of each tracepoint ended, where nothing has opened it again. Before a process's end only the
    /// attacher's silence does that.
    var uncoveredSince: [UInt8: UInt64] = [:]

    fileprivate mutating func take(_ record: ControlRecord) {
        switch record {
        case .processStart(let start):
            pid = start.pid
            startTicks = start.startTicks
        case .processExit: hasExited = true
        case .coverage(let coverage):
            let isOpen = coverage.toMonotonic == 0
            covered[coverage.tracepoint] = isOpen ? coverage.fromMonotonic : nil
            uncoveredSince[coverage.tracepoint] = isOpen ? nil : coverage.toMonotonic
        default: break
        }
    }
}

// A ring that is gone, with the host's power or by somebody's hand, took events with it that nobody can count any more.
// What it was about is ended in its own terms: its clock, its epoch, its boot.
extension NodeStream {
    /// The last words about an earlier ring's processes, sealed when ``seal(firstSequence:)`` gives them numbers.
    struct LastWords {
        private var builder: BatchBuilder
        private let ring: BatchHeader

        var count: Int { builder.recordCount }

        fileprivate init(
            _ runs: [EarlierRun], _ ring: BatchHeader, node: String, realtime: Int64,
            _ isAlive: (EarlierRun) -> Bool
        ) {
            self.ring = ring
            builder = BatchBuilder(node: node, streamID: ring.streamID, bootID: ring.bootID)
            builder.setClock(
                clk: ring.clk, baseMonotonic: ring.baseMonotonic, baseRealtime: ring.baseRealtime)
            // Now, had that clock gone on.
            let now = Int64(clamping: ring.baseMonotonic) + max(0, realtime - ring.baseRealtime)
            for run in runs where !run.hasExited {
                // The programs may have been gone for as long as an attacher's silence goes unnoticed.
                let seen = run.lastSeen - min(run.lastSeen, Streamer.unnoticedSilence)
                let end = max(seen, UInt64(now))
                for (tracepoint, from) in run.covered.sorted(by: { $0.key < $1.key }) {
                    ControlRecord.coverage(
                        .init(tracepoint: tracepoint, fromMonotonic: from, toMonotonic: max(from, seen))
                    ).encode(into: &builder, run: run.run, monotonic: seen)
                }
                // The streamer may have gone on for long without an attacher.
                for (tracepoint, from) in run.uncoveredSince.sorted(by: { $0.key < $1.key })
                where from < seen {
                    ControlRecord.gap(
                        .init(
                            reason: "ring_lost", tracepoint: tracepoint, fromMonotonic: from,
                            toMonotonic: seen, count: nil)
                    ).encode(into: &builder, run: run.run, monotonic: seen)
                }
                ControlRecord.gap(
                    .init(
                        reason: "ring_lost", tracepoint: 0, fromMonotonic: seen, toMonotonic: end, count: nil)
                ).encode(into: &builder, run: run.run, monotonic: seen)
                if !isAlive(run) {
                    ControlRecord.processExit(.init(exitedMonotonic: seen)).encode(
                        into: &builder, run: run.run, monotonic: seen)
                }
            }
        }

        /// The batch; to be called once, if there is anything to tell.
        mutating func seal(firstSequence: UInt64) -> (BatchHeader, [UInt8]) {
            var bytes = ByteWriter()
            let header = builder.seal(
                firstSequence: firstSequence, ringEpoch: ring.ringEpoch, ringEnd: ring.ringEnd, into: &bytes)
            return (header, bytes.bytes)
        }
    }

    /// What is to be said of the ring before `epoch`, if the newest segment tells of one; to be asked for first of all.
    ///
    /// - Parameters:
    ///   - realtime: CLOCK_REALTIME now, ns.
    ///   - isAlive: whether a process of this boot goes on, and comes up again in the new ring.
    func lastWords(
        before epoch: UInt64, realtime: Int64, isAlive: (EarlierRun) -> Bool
    ) throws -> LastWords? {
        guard let ring = folder.spool.recovered?.header, ring.ringEpoch != 0, ring.ringEpoch != epoch else {
            return nil
        }
        var runs: [EarlierRun] = []
        try forEachNewest { reader in
            guard reader.header.ringEpoch == ring.ringEpoch else { return }
            var records = reader.records()
            while let record = try records.next() {
                guard let run = record.run else { continue }
                let place = runs.firstIndex { $0.run == run } ?? runs.count
                if place == runs.count { runs.append(EarlierRun(run: run)) }
                runs[place].lastSeen = max(runs[place].lastSeen, record.monotonic)
                if let control = try ControlRecord(record, in: reader) { runs[place].take(control) }
            }
        }
        let words = LastWords(runs, ring, node: name, realtime: realtime, isAlive)
        return words.count > 0 ? words : nil
    }
}
