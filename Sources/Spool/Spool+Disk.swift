import ByteCodec
import Glibc
import Synchronization

// What is forced to disk, and what is taken off it, in the order that recovery relies on.
extension Spool {
    /// What a sync has to do for a segment.
    private struct Unsynced {
        let file: any SpoolFile
        let from: Int
        let to: Int
        let isSuspect: Bool
        let isNamed: Bool
    }

    /// Waits until everything appended is on disk.
    public func sync() throws(SpoolError) {
        try disk.withLock { _ throws(SpoolError) in try syncAll() }
    }

    /// Removes the segments that hold nothing but what is acknowledged; the newest stays.
    public func removeAcknowledged() throws(SpoolError) {
        try disk.withLock { _ throws(SpoolError) in
            while let oldest = removable() {
                if !oldest.isFollowedDurably { try syncAll() }
                try fileSystem.remove(oldest.path)
                state.withLock { $0.segments.removeAll { $0.file === oldest.file } }
            }
        }
    }

    private func removable() -> (file: any SpoolFile, path: String, isFollowedDurably: Bool)? {
        state.withLock { state in
            guard state.segments.count > 1, state.segments[0].last <= state.acknowledged else { return nil }
            let oldest = state.segments[0]
            return (oldest.file, oldest.path, state.segments.dropFirst().contains(where: \.isDurable))
        }
    }

    private func syncAll() throws(SpoolError) {
        let work = state.withLock { state in
            state.segments.filter { $0.synced < $0.size || !$0.isNamed }.map {
                Unsynced(
                    file: $0.file, from: $0.synced, to: $0.size, isSuspect: $0.isSuspect, isNamed: $0.isNamed)
            }
        }
        // One that cannot be synced does not keep the others off the disk.
        var failure: SpoolError?
        for part in work where part.from < part.to {
            do throws(SpoolError) {
                if part.isSuspect { try writeAgain(part) }
                try part.file.sync()
                update(part.file) { segment in
                    segment.synced = max(segment.synced, part.to)
                    segment.isSuspect = false
                }
            } catch {
                update(part.file) { $0.isSuspect = true }
                failure = failure ?? error
            }
        }
        if work.contains(where: { !$0.isNamed }) {
            try fileSystem.syncFolder(folder)
            for part in work { update(part.file) { $0.isNamed = true } }
        }
        if let failure { throw failure }
    }

    /// The page cache still has it, and no longer takes it for unwritten.
    private func writeAgain(_ part: Unsynced) throws(SpoolError) {
        let bytes = try part.file.read(at: part.from, count: part.to - part.from)
        try part.file.write(bytes.span.raw, at: part.from)
    }

    private func update(_ file: any SpoolFile, _ change: (inout Segment) -> Void) {
        state.withLock { state in
            guard let index = state.segments.firstIndex(where: { $0.file === file }) else { return }
            change(&state.segments[index])
        }
    }

    /// Replaces the oldest segment by a gap and returns the bytes won, or 0 when only the newest is left or another
    /// thread is busy with the disk.
    ///
    /// What is acknowledged is left out of the gap: it is stored, not lost. Where the disk is too full for the gap,
    /// the segment goes without one and leaves a hole, which is declared when its turn comes.
    public func dropOldestSegment(reason: String) throws(SpoolError) -> Int {
        try disk.withLockIfAvailable { _ throws(SpoolError) in try dropOldest(reason) } ?? 0
    }

    private func dropOldest(_ reason: String) throws(SpoolError) -> Int {
        let (replaced, acknowledged) = state.withLock { state -> ([Segment], UInt64) in
            // A segment that has become a gap already is merged with its successor.
            let count = state.segments.first?.isGap == true ? 2 : 1
            guard state.segments.count > count else { return ([], 0) }
            return (Array(state.segments.prefix(count)), state.acknowledged)
        }
        guard let oldest = replaced.first else { return 0 }
        let gap = GapSegment(replacing: replaced, after: acknowledged, reason: reason)
        var merged: [Segment] = []
        if !gap.entries.isEmpty, let file = try gapFile(oldest.path, gap.bytes) {
            var segment = Segment(file, path: oldest.path)
            segment.entries = gap.entries
            segment.size = gap.bytes.count
            segment.isGap = true
            segment.synced = gap.bytes.count
            segment.isNamed = true
            merged = [segment]
        } else {
            let isFollowedDurably = state.withLock {
                $0.segments.dropFirst(replaced.count).contains(where: \.isDurable)
            }
            if !isFollowedDurably { try syncAll() }
            try fileSystem.remove(oldest.path)
        }
        state.withLock { state in
            state.segments.removeAll { segment in replaced.contains { $0.file === segment.file } }
            state.segments.insert(contentsOf: merged, at: 0)
        }
        for segment in replaced.dropFirst() { try fileSystem.remove(segment.path) }
        return replaced.reduce(0) { $0 + $1.size } - merged.reduce(0) { $0 + $1.size }
    }

    /// nil when there is no room for it.
    private func gapFile(_ path: String, _ bytes: [UInt8]) throws(SpoolError) -> (any SpoolFile)? {
        do { return try fileSystem.replace(path, with: bytes) } catch {
            guard error.code == ENOSPC || error.code == EDQUOT else { throw error }
            try? fileSystem.remove(path + ".new")
            return nil
        }
    }
}
