import ByteCodec
import CollectorProtocol
import Synchronization

extension Spool {
    /// What follows `sequence`: the batch that holds the next number, or where the sequence goes on if there is
    /// a hole, or nil at the end.
    public enum Next: Sendable {
        /// The batch that begins with `sequence` + 1.
        case batch(Batch)
        /// Everything after `sequence` and before this number is not here.
        case hole(before: UInt64)
    }

    /// Readings of a batch that may fail before it is given up and shows as a hole.
    static let readAttempts = 3

    /// Looks up what follows `sequence`. Damaged batches are dropped here and show as a hole.
    ///
    /// - Parameter includingHeldBack: whether batches are shown that must not be sent yet.
    public func next(after sequence: UInt64, includingHeldBack: Bool = false) throws(SpoolError) -> Next? {
        while true {
            let found = state.withLock { state -> (any SpoolFile, Segment.Entry)? in
                guard let segment = state.segments.first(where: { $0.last > sequence }) else { return nil }
                let entry = segment.entries[segment.entries.partitioned { $0.last > sequence }]
                return includingHeldBack || entry.first <= state.released ? (segment.file, entry) : nil
            }
            guard let (file, entry) = found else { return nil }
            // Read in any case: what the header alone says of its numbers may be the damage.
            guard let bytes = try read(entry, of: file),
                let header = (try? BatchReader(bytes.span.raw))?.header, header.firstSequence == entry.first,
                header.lastSequence == entry.last
            else {
                drop(entry, of: file)
                continue
            }
            if entry.first > sequence + 1 { return .hole(before: entry.first) }
            if entry.first == sequence + 1 { return .batch(Batch(header: header, bytes: bytes)) }
            // The aggregator has the first of its numbers, from us or from who we were before we were set back.
            guard let rest = CondensedSegment.rest(of: bytes, after: sequence) else {
                drop(entry, of: file)
                continue
            }
            return .batch(rest)
        }
    }

    /// The entry's bytes, or nil when they have been unreadable so often that they are given up.
    private func read(_ entry: Segment.Entry, of file: any SpoolFile) throws(SpoolError) -> [UInt8]? {
        do {
            return try file.read(at: entry.offset, count: entry.length)
        } catch {
            let times = state.withLock { state in
                let before = state.unreadable.first == entry.first ? state.unreadable.times : 0
                state.unreadable = (entry.first, before + 1)
                return before + 1
            }
            guard times >= Self.readAttempts else { throw error }
            return nil
        }
    }

    private func drop(_ entry: Segment.Entry, of file: any SpoolFile) {
        state.withLock { state in
            for index in state.segments.indices where state.segments[index].file === file {
                state.segments[index].entries.removeAll { $0.offset == entry.offset }
            }
        }
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
