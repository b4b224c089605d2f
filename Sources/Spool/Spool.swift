internal import ByteCodec
public import CollectorProtocol
import Glibc
import Synchronization

/// A durable queue of sealed batches of one stream, in the order of their sequence numbers.
///
/// On disk: a folder of segments named after the first sequence number they hold, twenty digits and `.batches`.
/// A segment is batches one behind the other, the same bytes that travel, each with its length and CRC32C in its
/// header; there is no other framing, so a segment can be replayed into a database as it is.
///
/// Rules of recovery, applied when a folder is opened:
/// - a segment is walked from header to header; where a header is damaged the rest of that segment is cut off;
/// - the newest segment is checked byte by byte, and a torn batch at its end is cut off;
/// - what is cut off leaves a hole in the sequence numbers, and a hole is declared with a gap batch when its turn
///   to be sent comes: nothing disappears without a record of it.
///
/// A segment is removed when everything in it is acknowledged. The newest stays, since its last batch says how
/// far ring and counters had been taken over. When the folder is to shrink without acknowledgement, the oldest
/// segment is replaced by a gap batch that names what it held: written beside it, synced, renamed over it.
public final class Spool: Sendable {
    /// A batch as it was appended.
    public struct Batch: Sendable {
        /// Its header.
        public let header: BatchHeader
        /// All its bytes.
        public let bytes: [UInt8]
    }

    struct Entry {
        let first: UInt64
        let last: UInt64
        let offset: Int
        let length: Int
    }

    struct Segment {
        var file: SegmentFile
        var entries: [Entry] = []
        var size = 0
        var first: UInt64 { entries.first?.first ?? 0 }
        var last: UInt64 { entries.last?.last ?? 0 }
    }

    struct State: ~Copyable {
        var segments: [Segment] = []
        var acknowledged: UInt64 = 0
        var unsynced = false
        var unsyncedFolder = false
    }

    /// A segment is closed when it has grown past this many bytes.
    public let segmentBytes: Int
    let folder: String
    let state: Mutex<State>
    /// The newest batch on disk when the folder was opened, if there was one.
    public let recovered: Batch?
    /// All tallies of the newest segment when the folder was opened, in order: the last of each run and
    /// tracepoint is its cumulative count.
    public let recoveredTallies: [Tally]
    /// Bytes cut off when the folder was opened.
    public let bytesCutOff: Int

    /// Opens or makes the spool in `folder`.
    public init(folder: String, segmentBytes: Int = 16 << 20) throws(SpoolError) {
        self.folder = folder
        self.segmentBytes = segmentBytes
        let recovery = try Recovery.run(folder: folder)
        recovered = recovery.newest
        recoveredTallies = recovery.tallies
        bytesCutOff = recovery.cutOff
        state = Mutex(State(segments: recovery.segments))
    }

    /// Appends a sealed batch; it is in the page cache when this returns and on disk after ``sync()``.
    ///
    /// Returns whether the batch began a new segment.
    @discardableResult
    public func append(_ header: BatchHeader, _ bytes: borrowing RawSpan) throws(SpoolError) -> Bool {
        let full = state.withLock { $0.segments.last.map { $0.size >= segmentBytes } ?? true }
        if full {
            let file = try SegmentFile.create(folder: folder, first: header.firstSequence)
            state.withLock { state in
                state.segments.append(Segment(file: file))
                state.unsyncedFolder = true
                Self.dropAcknowledged(&state)
            }
        }
        let target = state.withLock { $0.segments[$0.segments.count - 1] }
        try target.file.write(bytes, at: target.size)
        state.withLock { state in
            let newest = state.segments.count - 1
            state.segments[newest].entries.append(
                Entry(
                    first: header.firstSequence, last: header.lastSequence, offset: target.size,
                    length: bytes.byteCount))
            state.segments[newest].size += bytes.byteCount
            state.unsynced = true
        }
        return full
    }

    /// Whether the next append begins a new segment.
    public var nextBeginsSegment: Bool {
        state.withLock { $0.segments.last.map { $0.size >= segmentBytes } ?? true }
    }

    /// What follows `sequence`: the batch that holds the next number, or where the sequence goes on if there is
    /// a hole, or nil at the end.
    public enum Next: Sendable {
        /// The batch with `sequence` + 1.
        case batch(Batch)
        /// Everything after `sequence` and before this number is not here.
        case hole(before: UInt64)
    }

    /// Looks up what follows `sequence`. Damaged batches are dropped here and show as a hole.
    public func next(after sequence: UInt64) throws(SpoolError) -> Next? {
        while true {
            let found = state.withLock { state -> (SegmentFile, Entry)? in
                for segment in state.segments where segment.last > sequence {
                    if let index = segment.entries.firstIndex(where: { $0.last > sequence }) {
                        return (segment.file, segment.entries[index])
                    }
                }
                return nil
            }
            guard let (file, entry) = found else { return nil }
            guard entry.first == sequence + 1 else {
                if entry.first > sequence { return .hole(before: entry.first) }
                // The aggregator's watermark lies inside a batch: never so, unless the spool is another's.
                throw SpoolError(
                    doing: "resuming after sequence \(sequence)", path: folder,
                    reason: "the watermark lies inside the batch \(entry.first)–\(entry.last)",
                    remedy: "the state folder belongs to another stream: move it away")
            }
            let bytes = try file.read(at: entry.offset, count: entry.length)
            if let header = Recovery.verified(bytes.span.raw) {
                return .batch(Batch(header: header, bytes: bytes))
            }
            state.withLock { state in
                for index in state.segments.indices {
                    state.segments[index].entries.removeAll { $0.first == entry.first }
                }
            }
        }
    }

    /// Everything up to `sequence` is committed at the aggregator and may go.
    public func acknowledge(through sequence: UInt64) {
        state.withLock { state in
            state.acknowledged = max(state.acknowledged, sequence)
            Self.dropAcknowledged(&state)
        }
    }

    private static func dropAcknowledged(_ state: inout State) {
        while state.segments.count > 1, state.segments[0].last <= state.acknowledged {
            state.segments[0].file.remove()
            state.segments.removeFirst()
        }
    }

    /// Bytes on disk.
    public var byteCount: Int { state.withLock { $0.segments.reduce(0) { $0 + $1.size } } }

    /// The first number still here, or 0.
    public var oldestSequence: UInt64 {
        state.withLock { $0.segments.first { !$0.entries.isEmpty }?.first ?? 0 }
    }

    /// Waits until everything appended is on disk.
    public func sync() throws(SpoolError) {
        let (file, withFolder) = state.withLock { state -> (SegmentFile?, Bool) in
            defer {
                state.unsynced = false
                state.unsyncedFolder = false
            }
            return (state.unsynced ? state.segments.last?.file : nil, state.unsyncedFolder)
        }
        if let file { try file.sync() }
        if withFolder { try SegmentFile.syncFolder(folder) }
    }

    /// Replaces the oldest segment by a gap batch and returns the bytes won, or 0 when only the newest is left.
    public func dropOldestSegment(reason: String) throws(SpoolError) -> Int {
        let oldest = state.withLock { state in
            state.segments.count > 1 && !state.segments[0].entries.isEmpty ? state.segments[0] : nil
        }
        guard let oldest else { return 0 }
        // A segment that is already a lone gap is merged with its successor.
        let isGap = oldest.entries.count == 1 && oldest.size < 4096
        let merged = state.withLock { state in
            isGap && state.segments.count > 2 ? [state.segments[0], state.segments[1]] : [state.segments[0]]
        }
        guard !(isGap && merged.count == 1) else { return 0 }
        let bytes = try GapSegment.bytes(replacing: merged, reason: reason)
        guard let header = Recovery.verified(bytes.span.raw) else { return 0 }
        let file = try SegmentFile.replace(folder: folder, first: header.firstSequence, bytes: bytes)
        let before = merged.reduce(0) { $0 + $1.size }
        state.withLock { state in
            for segment in merged.dropFirst() { segment.file.remove() }
            state.segments.removeFirst(merged.count)
            state.segments.insert(
                Segment(
                    file: file,
                    entries: [
                        Entry(
                            first: header.firstSequence, last: header.lastSequence, offset: 0,
                            length: bytes.count)
                    ], size: bytes.count), at: 0)
        }
        return before - bytes.count
    }
}

extension Spool {
    /// The first number of the newest segment, or 0 when there is none.
    public var newestSegmentFirst: UInt64 { state.withLock { $0.segments.last?.first ?? 0 } }
}

extension Spool {
    /// The last number that was ever appended and is still here, or 0.
    public var newestSequence: UInt64 { state.withLock { $0.segments.last?.last ?? 0 } }
}
