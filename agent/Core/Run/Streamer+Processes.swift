import BPF
import ByteCodec
import CPlatform
import CRecord
import CollectorProtocol
import Glibc
import Logging
import Spool
import Tracepoints

// Which slots are nodes of ours, from their first record to their last counters.
extension Streamer {
    func readSlots() throws {
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
    func sweepSlots() throws {
        for slot in 0..<UInt32(PS_SLOTS) where gone[slot] == nil && finished[slot] == nil {
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

    func stream(ofNode index: UInt32) -> Int? {
        if let known = streamOfNode[index] { return known }
        guard let entry = maps.nodes.value(index) else { return nil }
        streamOfNode[index] = streams.firstIndex { $0.name == fixedText(entry.name) }
        return streamOfNode[index]
    }

    func adopt(_ slot: UInt32, _ entry: ps_slot) throws {
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
        if process.isExitTold {
            // A streamer before this one has said all of it, and could not wait until that was committed.
            process.lastNumber = stream.folder.spool.newestSequence
            finished[slot] = process
            return
        }
        for (index, count) in (dropped[slot] ?? []).enumerated() { process.lostUser[index] += count }
        forgetVerdict(slot)
        processes[slot] = process
        stream.write(
            .processStart(process.start(clock)), run: run, monotonic: clock.monotonic())
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
    func finishEnded() throws {
        for (slot, process) in processes {
            guard let drainTo = process.drainTo, ring.position >= drainTo else { continue }
            writeCounters(
                [slot: counters(of: slot)], isRead: true, at: ps_monotonic_ns(), final: true)
            for tracepoint in Tracepoint.allCases {
                closeCoverage(slot, tracepoint.rawValue, at: process.exitedAt)
            }
            tellExit(process, streams[process.node])
            processes[slot] = nil
            process.lastNumber = .max
            finished[slot] = process
        }
    }

    /// Gives back slots: from then on the attacher may give them to another process.
    ///
    /// That of a process of ours once its last records are committed, since until then the slot is what they can be
    /// told from again when the spool loses them; those of others once the ring is published past them.
    func giveBackSlots() {
        for (slot, process) in finished {
            let stream = streams[process.node]
            let committed = link.watermark(of: stream.folder.streamID) ?? 0
            guard process.lastNumber <= committed || finished.count > Self.mostFinished else { continue }
            setDrained(slot)
            stream.builder.forget(run: process.run)
            finished[slot] = nil
        }
        for (slot, position) in gone where ring.publishedPosition >= position {
            setDrained(slot)
            forgetVerdict(slot)
            gone[slot] = nil
        }
    }

    func setDrained(_ slot: UInt32) {
        guard var entry = maps.slots.value(slot) else { return }
        entry.state = PS_SLOT_DRAINED.rawValue
        do { try maps.slots.set(slot, entry) } catch {
            log.error("cannot give a slot back", metadata: ["error": "\(error)"])
        }
    }
}
