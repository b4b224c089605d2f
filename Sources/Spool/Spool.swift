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
/// segment is replaced by a gap batch for each ring epoch that counts what it held: written beside it, synced,
/// renamed over it. Where the watermark reaches into a gap, as after a power loss, the rest of the gap is sent.
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

        init(_ header: BatchHeader, at offset: Int) {
            first = header.firstSequence
            last = header.lastSequence
            self.offset = offset
            length = header.byteCount
        }
    }

    struct Segment {
        var file: SegmentFile
        var entries: [Entry] = []
        var size = 0
        /// It was dropped, and declares what it held.
        var isGap = false
        var first: UInt64 { entries.first?.first ?? 0 }
        var last: UInt64 { entries.last?.last ?? 0 }
    }

    struct State: ~Copyable {
        var segments: [Segment] = []
        var acknowledged: UInt64 = 0
        /// Segments written to since they were last synced.
        var unsynced: [SegmentFile] = []
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
        let full = nextBeginsSegment
        if full {
            let file = try SegmentFile.create(folder: folder, first: header.firstSequence)
            state.withLock { state in
                state.segments.append(Segment(file: file))
                state.unsyncedFolder = true
                Self.dropAcknowledged(&state)
            }
        }
        // Not the segment itself: a second reference would make the append below copy its entries.
        let (file, size) = state.withLock { state in
            let newest = state.segments.count - 1
            return (state.segments[newest].file, state.segments[newest].size)
        }
        try file.write(bytes, at: size)
        state.withLock { state in
            let newest = state.segments.count - 1
            state.segments[newest].entries.append(Entry(header, at: size))
            state.segments[newest].size += bytes.byteCount
            if state.unsynced.last !== file { state.unsynced.append(file) }
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
                guard let segment = state.segments.first(where: { $0.last > sequence }) else { return nil }
                return (segment.file, segment.entries[segment.entries.partitioned { $0.last > sequence }])
            }
            guard let (file, entry) = found else { return nil }
            if entry.first > sequence + 1 { return .hole(before: entry.first) }
            let bytes = try file.read(at: entry.offset, count: entry.length)
            if let header = Recovery.verified(bytes.span.raw) {
                if entry.first == sequence + 1 { return .batch(Batch(header: header, bytes: bytes)) }
                // What the aggregator holds reaches into a gap: its rest is declared.
                if let rest = GapSegment.rest(of: bytes, after: sequence) { return .batch(rest) }
                // It lies inside a batch of events: never so, unless the spool is another's.
                throw SpoolError(
                    doing: "resuming after sequence \(sequence)", path: folder,
                    reason: "the watermark lies inside the batch \(entry.first)–\(entry.last)",
                    remedy: "the state folder belongs to another stream: move it away")
            }
            state.withLock { state in
                for index in state.segments.indices where state.segments[index].file === file {
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
        let (files, withFolder) = state.withLock { state in
            defer {
                state.unsynced = []
                state.unsyncedFolder = false
            }
            return (state.unsynced, state.unsyncedFolder)
        }
        do throws(SpoolError) {
            for file in files { try file.sync() }
            if withFolder { try SegmentFile.syncFolder(folder) }
        } catch {
            state.withLock { state in
                state.unsynced = files + state.unsynced
                state.unsyncedFolder = state.unsyncedFolder || withFolder
            }
            throw error
        }
    }

    /// Replaces the oldest segment by a gap and returns the bytes won, or 0 when only the newest is left.
    ///
    /// What is acknowledged is left out of the gap: it is stored, not lost.
    public func dropOldestSegment(reason: String) throws(SpoolError) -> Int {
        let (replaced, acknowledged) = state.withLock { state -> ([Segment], UInt64) in
            guard state.segments.count > 1 else { return ([], 0) }
            // A segment that has become a gap already is merged with its successor.
            let count = state.segments[0].isGap ? 2 : 1
            return (Array(state.segments.prefix(count)), state.acknowledged)
        }
        guard let oldest = replaced.first, !oldest.isGap || state.withLock({ $0.segments.count > 2 }) else {
            return 0
        }
        let gap = try GapSegment(replacing: replaced, after: acknowledged, reason: reason)
        // Where not one batch can be read there is a hole, which is declared when its turn comes.
        var merged: [Segment] = []
        if gap.entries.isEmpty {
            oldest.file.remove()
        } else {
            var segment = Segment(file: try SegmentFile.replace(path: oldest.file.path, bytes: gap.bytes))
            segment.entries = gap.entries
            segment.size = gap.bytes.count
            segment.isGap = true
            merged = [segment]
        }
        for segment in replaced.dropFirst() { segment.file.remove() }
        state.withLock { state in
            // An acknowledgement may have removed the first of them meanwhile.
            state.segments.removeAll { segment in replaced.contains { $0.file === segment.file } }
            state.segments.insert(contentsOf: merged, at: 0)
            Self.dropAcknowledged(&state)
        }
        return replaced.reduce(0) { $0 + $1.size } - gap.bytes.count
    }
}

extension Spool {
    /// The first number of the newest segment, or 0 when there is none.
    public var newestSegmentFirst: UInt64 { state.withLock { $0.segments.last?.first ?? 0 } }
}

extension Spool {
    /// The last number that was ever appended and is still here, or 0.
    public var newestSequence: UInt64 {
        state.withLock { $0.segments.last { !$0.entries.isEmpty }?.last ?? 0 }
    }
}

extension RandomAccessCollection where Index == Int {
    /// The first index whose element, and so each that follows, is `beyond`; the end when there is none.
    fileprivate func partitioned(_ beyond: (Element) -> Bool) -> Int {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = (low + high) / 2
            if beyond(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
