import BPF
import ByteCodec
import CPlatform
import CRecord
import CollectorProtocol
import Glibc
import Logging
import Spool
import Tracepoints

// What has gathered becomes batches, batches go into the spools, and then the ring is released.
extension Streamer {
    /// Before the first record there has to be a clock.
    ///
    /// The uplink may have measured already: its samples wait for the first flush.
    func setClocks() throws {
        for stream in streams {
            try stream.advanceClock(monotonic: clock.monotonic(), offset: clock.offset())
        }
    }

    func flush() throws {
        try writeClockSamples()
        reportUnmatched(at: ps_monotonic_ns())
        let monotonic = clock.monotonic()
        let offset = clock.offset()
        for stream in streams {
            try stream.seal()
            for process in finished.values
            where streams[process.node] === stream && process.lastNumber == .max {
                process.lastNumber = stream.folder.nextSequence - 1
            }
            try stream.advanceClock(monotonic: monotonic, offset: offset)
            if let sequence = link.watermark(of: stream.folder.streamID) { try stream.jump(past: sequence) }
        }
        if configuration.spoolSync == .always {
            for stream in streams { try stream.sync() }
        }
        ring.publish()
        for stream in streams { stream.folder.spool.release() }
        giveBackSlots()
        for (tracepoint, count) in slotlessTold { try maps.slotlessTold.set(tracepoint, count) }
        slotlessTold.removeAll()
        do { try keepBound() } catch {
            log.error("the spool cannot be kept within its bound", metadata: ["error": "\(error)"])
        }
        link.batchesSpooled()
    }

    /// Keeps all spools together under the configured size.
    func keepBound() throws {
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

    func writeClockSamples() throws {
        for sample in link.takeClockSamples() {
            for stream in streams {
                stream.write(.clockSample(sample.record), run: nil, monotonic: sample.monotonic)
            }
        }
    }

    func writeStatus(at now: UInt64) throws {
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
}
