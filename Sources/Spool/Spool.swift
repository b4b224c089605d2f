internal import ByteCodec
public import CollectorProtocol
import Synchronization

/// A durable queue of sealed batches of one stream, in the order of their sequence numbers.
///
/// # On disk
///
/// A folder of segments named after the first sequence number they hold, twenty digits and `.batches`. A segment is
/// batches one behind the other, the same bytes that travel, each with its length and CRC32C in its header; there
/// is no other framing, so a segment can be replayed into a database as it is. Batches are only ever appended to
/// the newest segment; when that has grown past ``segmentBytes`` the next batch begins another.
///
/// # What is on disk when
///
/// An appended batch is in the page cache, so that it outlives the process, and on disk after ``sync()``, so that
/// it outlives the power. After a failed sync nothing is known of what was written since the last good one (Linux
/// may report success the next time without having written it), so it is written again first.
///
/// Acknowledged segments are removed by ``removeAcknowledged()``, never the newest, whose last batch says how far
/// ring and counters had been taken over, and never before a later one has a synced batch and a synced name: at
/// any moment a crash leaves a newest segment. When the folder is to shrink without acknowledgement,
/// ``dropOldestSegment(reason:)`` replaces the oldest segment by one with gap batches that count its events, and with
/// the agent's own records that nothing later says again: written beside it, synced, renamed over it, the folder
/// synced; only then are segments removed that were merged into it.
///
/// # What may be sent
///
/// With `holdsBack`, ``next(after:)`` shows what was appended only after ``release()``. A streamer releases batches when
/// it has given their place in the ring free, those of a streamer before it among them: what was sent can then not
/// come out of the ring once more, whatever happens to the spool.
///
/// # Recovery, when a folder is opened
///
/// - A segment is walked from header to header. The newest, where a crash can have torn what was not synced, is
///   checked byte by byte; in the others a batch is checked when its turn to be sent comes.
/// - Damage costs the batches it touches: behind it the walk goes on at the next bytes that are a whole batch of
///   this stream with a later number and a right checksum. Nothing can be found behind damage in the stream of an
///   unknown id, since peers choose part of what batches hold.
/// - What follows the last whole batch of the newest segment is cut off; a segment without a whole batch is removed.
/// - Segments whose numbers an older segment has are removed: they were merged into it, then came the crash. Only
///   batches whose checksum is right count for that.
/// - What is missing for any of these reasons is a hole in the sequence numbers, and ``next(after:)`` shows it when
///   its turn comes, so that it is declared: nothing disappears without a record of it, and nothing is sent twice.
/// - Where the watermark reaches into a batch, which happens to a gap after a power failure and to events when the
///   folder was set back, the rest of the batch's numbers is declared.
public final class Spool: Sendable {
    /// A batch as it was appended.
    public struct Batch: Sendable {
        /// Its header.
        public let header: BatchHeader
        /// All its bytes.
        public let bytes: [UInt8]
    }

    struct State: ~Copyable {
        var segments: [Segment] = []
        var acknowledged: UInt64 = 0
        /// What follows is held back.
        var released: UInt64 = .max
        /// The batch that could not be read when it was asked for last, and how often in a row.
        var unreadable: (first: UInt64, times: Int) = (0, 0)
    }

    /// A segment is closed when it has grown past this many bytes.
    public let segmentBytes: Int
    let folder: String
    let fileSystem: any SpoolFileSystem
    private let holdsBack: Bool
    let state: Mutex<State>
    /// Held by whoever syncs, replaces or removes: recovery relies on the order in which that is done. Never
    /// waited for by reading and appending.
    let disk = Mutex(())
    /// The newest batch on disk when the folder was opened, if there was one.
    public let recovered: Batch?
    /// All tallies of the newest segment and of the newest batch's ring epoch when the folder was opened, in order:
    /// the last of each run and tracepoint is its cumulative count.
    public let recoveredTallies: [Tally]
    /// Bytes cut off when the folder was opened.
    public let bytesCutOff: Int

    /// Opens or makes the spool in `folder`.
    ///
    /// - Parameters:
    ///   - streamID: the stream whose batches it holds; others are taken for damage. nil when it is not known.
    ///   - holdsBack: whether batches wait for ``release()``, also those that are there already.
    public init(
        folder: String, streamID: UInt64? = nil, segmentBytes: Int = 16 << 20, holdsBack: Bool = false,
        fileSystem: any SpoolFileSystem = HostFileSystem()
    ) throws(SpoolError) {
        self.folder = folder
        self.holdsBack = holdsBack
        self.segmentBytes = segmentBytes
        self.fileSystem = fileSystem
        let recovery = try Recovery.run(folder: folder, streamID: streamID, fileSystem)
        recovered = recovery.newest
        recoveredTallies = recovery.tallies
        bytesCutOff = recovery.cutOff
        state = Mutex(State(segments: recovery.segments, released: holdsBack ? 0 : .max))
    }

    /// Lets everything appended so far be sent.
    public func release() {
        guard holdsBack else { return }
        state.withLock { state in state.released = max(state.released, state.segments.last?.last ?? 0) }
    }

    /// Lets what was there when the folder was opened be sent.
    public func releaseRecovered() {
        guard let newest = recovered?.header.lastSequence else { return }
        state.withLock { $0.released = max($0.released, newest) }
    }

    /// Appends a sealed batch; it is in the page cache when this returns and on disk after ``sync()``.
    ///
    /// With `toNewest` it goes behind the batch before it even when that segment is full. Returns whether the
    /// batch began a new segment. After an error nothing has changed.
    @discardableResult
    public func append(
        _ header: BatchHeader, _ bytes: borrowing RawSpan, toNewest: Bool = false
    ) throws(SpoolError) -> Bool {
        // Not the segment itself: a second reference would make the append below copy its entries.
        let newest = state.withLock { state in
            state.segments.last.map { (file: $0.file, size: $0.size) }
        }
        guard let newest, toNewest || newest.size < segmentBytes else {
            try beginSegment(header, bytes)
            return true
        }
        do throws(SpoolError) {
            try newest.file.write(bytes, at: newest.size)
        } catch {
            // Part of a batch would be cut off by recovery as well: this is only tidier.
            try? newest.file.truncate(to: newest.size)
            throw error
        }
        state.withLock { state in
            let index = state.segments.count - 1
            state.segments[index].entries.append(Segment.Entry(header, at: newest.size))
            state.segments[index].size += bytes.byteCount
        }
        return false
    }

    /// A segment is one only once it has a batch: one that was begun and got none holds no state to go on from.
    private func beginSegment(_ header: BatchHeader, _ bytes: borrowing RawSpan) throws(SpoolError) {
        let path = folder + "/" + Segment.name(header.firstSequence)
        let file = try fileSystem.open(path, .empty)
        do throws(SpoolError) {
            try file.write(bytes, at: 0)
        } catch {
            try? fileSystem.remove(path)
            throw error
        }
        var segment = Segment(file, path: path)
        segment.entries = [Segment.Entry(header, at: 0)]
        segment.size = bytes.byteCount
        state.withLock { $0.segments.append(segment) }
    }

    /// Whether the next append begins a new segment.
    public var nextBeginsSegment: Bool {
        state.withLock { $0.segments.last.map { $0.size >= segmentBytes } ?? true }
    }

    /// Everything up to `sequence` is committed at the aggregator and may go.
    public func acknowledge(through sequence: UInt64) {
        state.withLock { $0.acknowledged = max($0.acknowledged, sequence) }
    }

    /// Bytes on disk.
    public var byteCount: Int { state.withLock { $0.segments.reduce(0) { $0 + $1.size } } }

    /// The first number still here, or 0.
    public var oldestSequence: UInt64 {
        state.withLock { $0.segments.first { !$0.entries.isEmpty }?.first ?? 0 }
    }

    /// The first number of the newest segment, or 0 when there is none.
    public var newestSegmentFirst: UInt64 { state.withLock { $0.segments.last?.first ?? 0 } }

    /// The last number that was ever appended and is still here, or 0.
    public var newestSequence: UInt64 {
        state.withLock { $0.segments.last { !$0.entries.isEmpty }?.last ?? 0 }
    }
}
