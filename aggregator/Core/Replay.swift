internal import ByteCodec
internal import CollectorProtocol
internal import Foundation
public import Logging
internal import PostgreSQL
internal import Synchronization

/// Stores saved spool segments in a database, through the same writers that live batches go through.
public enum SegmentReplay {
    /// What came of a replay.
    public struct Outcome: Sendable, Equatable {
        /// Batches stored now.
        public var stored = 0
        /// Batches that the database had already.
        public var known = 0
        /// Bytes at the end of files that are no whole batch: torn tails.
        public var tornBytes = 0
    }

    /// Replays `files`, each a segment of concatenated batches, in order.
    ///
    /// Sequence numbers missing between them are declared as gaps, as the agent would have declared them.
    public static func run(
        _ settings: Aggregator.Settings, files: [String], logger: Logger, report: (String) -> Void = { _ in }
    ) throws -> Outcome {
        let pool = try WriterPool(settings, acceptsAnyAge: true, logger: logger)
        let feeder = Feeder(pool)
        var outcome = Outcome()
        do {
            for file in files {
                guard let data = FileManager.default.contents(atPath: file) else {
                    throw AggregatorError("\(file) cannot be read", hint: "name spool segments of an agent")
                }
                outcome.tornBytes += try feeder.feed([UInt8](data))
                report("\(file): \(feeder.submitted) batches so far")
            }
        } catch {
            pool.stop()
            throw error
        }
        pool.stop()
        let unstored = feeder.unstored
        guard unstored == 0 else {
            throw AggregatorError(
                "\(unstored) streams were not stored to their end",
                hint: "were all their segments named, in order?")
        }
        outcome.stored = feeder.submitted
        outcome.known = feeder.known
        return outcome
    }

    /// Cuts files into batches and hands them to the writers, with a bound on what waits.
    private final class Feeder {
        private let pool: WriterPool
        private let origin = ReplayOrigin()
        private var streams: [UInt64: (key: StreamKey, node: String, position: UInt64)] = [:]
        /// The last number handed to the writers, by stream.
        private var submittedTo: [UInt64: UInt64] = [:]
        private(set) var submitted = 0
        private(set) var known = 0
        private static let bound = 64 << 20

        init(_ pool: WriterPool) { self.pool = pool }

        var unstored: Int {
            submittedTo.count { origin.position(of: $0.key) < $0.value }
        }

        func feed(_ bytes: [UInt8]) throws -> Int {
            var offset = 0
            while offset < bytes.count {
                let rest = bytes.span.raw.extracting(offset..<bytes.count)
                guard let header = try? BatchHeader.read(rest), header.byteCount <= rest.byteCount else {
                    break
                }
                let batch = Array(bytes[offset..<offset + header.byteCount])
                offset += header.byteCount
                try submit(batch)
            }
            return bytes.count - offset
        }

        private func submit(_ bytes: [UInt8]) throws {
            let header: BatchHeader
            let node: String
            do {
                let batch = try BatchReader(bytes.span.raw)
                header = batch.header
                node = batch.nodeName
            }
            var stream = try streams[header.streamID] ?? register(header, node)
            if header.lastSequence <= stream.position {
                known += 1
                return
            }
            if header.firstSequence > stream.position + 1 {
                let gap = BatchBuilder.gapBatch(
                    node: node, streamID: header.streamID, bootID: header.bootID, clk: header.clk,
                    baseMonotonic: header.baseMonotonic, baseRealtime: header.baseRealtime,
                    first: stream.position + 1, last: header.firstSequence - 1,
                    reason: GapReason.sequenceSkip, tallies: [], ringEpoch: header.ringEpoch)
                try post(gap, stream.key, node)
            }
            try post(bytes, stream.key, node)
            submitted += 1
            submittedTo[header.streamID] = header.lastSequence
            stream.position = header.lastSequence
            streams[header.streamID] = stream
        }

        private func post(_ bytes: [UInt8], _ key: StreamKey, _ node: String) throws {
            origin.waitUntilWaiting(below: Self.bound)
            let header = try BatchHeader.read(bytes.span.raw)
            origin.add(header)
            let writers = pool.writers
            writers[Int(UInt32(bitPattern: key.node)) % writers.count].mailbox.post(
                .batch(
                    QueuedBatch(key: key, nodeName: node, header: header, bytes: bytes, origin: origin)))
        }

        private func register(
            _ header: BatchHeader, _ node: String
        ) throws -> (key: StreamKey, node: String, position: UInt64) {
            let hello = Hello(
                agentID: "replay", agentVersion: Aggregator.version, kernel: "", bootID: header.bootID,
                source: .capture,
                nodes: [
                    .init(name: node, streamID: header.streamID, nextSequence: 1, oldestSequence: 0)
                ])
            let answer = Mutex<Registration?>(nil)
            let ready = DispatchSemaphore(value: 0)
            let box = Box(answer, ready)
            pool.writers[0].mailbox.post(.errand(.register(hello, reply: { box.put($0) })))
            guard let stream = box.take()?.streams.first else {
                throw AggregatorError("stream \(header.streamID) could not be registered")
            }
            streams[header.streamID] = (stream.key, node, stream.position.durableSequence)
            return (stream.key, node, stream.position.durableSequence)
        }
    }

    /// An answer that comes from another thread.
    private final class Box: Sendable {
        private let answer: Mutex<Registration?>
        private let ready: DispatchSemaphore

        init(_ answer: consuming Mutex<Registration?>, _ ready: DispatchSemaphore) {
            self.answer = answer
            self.ready = ready
        }

        func put(_ registration: Registration) {
            answer.withLock { $0 = registration }
            ready.signal()
        }

        func take() -> Registration? {
            ready.wait()
            return answer.withLock { $0 }
        }
    }
}

/// Follows how far a replay's streams have come.
final class ReplayOrigin: BatchOrigin {
    private struct Progress {
        var positions: [UInt64: UInt64] = [:]
        var waiting: [(stream: UInt64, last: UInt64, bytes: Int)] = []
        var bytes: Int { waiting.reduce(0) { $0 + $1.bytes } }
    }

    private let progress = Mutex(Progress())
    private let moved = NSCondition()

    func add(_ header: BatchHeader) {
        progress.withLock {
            $0.waiting.append((header.streamID, header.lastSequence, header.byteCount))
        }
    }

    func position(of stream: UInt64) -> UInt64 { progress.withLock { $0.positions[stream] ?? 0 } }

    func waitUntilWaiting(below bound: Int) {
        moved.lock()
        defer { moved.unlock() }
        while progress.withLock({ $0.bytes >= bound }) { moved.wait() }
    }

    func committed(_ positions: [StreamPosition]) {
        progress.withLock { progress in
            for position in positions {
                progress.positions[position.streamID] = position.durableSequence
                progress.waiting.removeAll {
                    $0.stream == position.streamID && $0.last <= position.durableSequence
                }
            }
        }
        moved.lock()
        moved.broadcast()
        moved.unlock()
    }

    /// Somebody else writes the same stream: what waits of it is given up.
    func fenced(_ position: StreamPosition) {
        progress.withLock { progress in
            progress.waiting.removeAll { $0.stream == position.streamID }
        }
        moved.lock()
        moved.broadcast()
        moved.unlock()
    }

    func quarantined(streamID: UInt64, first: UInt64, last: UInt64, reason: String) {}
}
