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

    /// Condenses the oldest segment to what must stay known of it and returns the bytes won, or 0 when only the newest
    /// is left or another thread is busy with the disk.
    ///
    /// What is acknowledged is left out: it is stored, not lost. A segment that has little more to lose is merged with
    /// its successor. Where the disk is too full for the replacement, the segment goes without one and leaves a hole,
    /// which is declared when its turn comes.
    public func dropOldestSegment(reason: String) throws(SpoolError) -> Int {
        try disk.withLockIfAvailable { _ throws(SpoolError) in try dropOldest(reason) } ?? 0
    }

    private func dropOldest(_ reason: String) throws(SpoolError) -> Int {
        let (oldest, acknowledged) = state.withLock { state -> ([Segment], UInt64) in
            (Array(state.segments.dropLast().prefix(2)), state.acknowledged)
        }
        for count in 1...2 where count <= oldest.count {
            let replaced = Array(oldest.prefix(count))
            let size = replaced.reduce(0) { $0 + $1.size }
            let condensed = condense(replaced, after: acknowledged, reason)
            guard condensed.bytes.count <= size / 2 else { continue }
            return try replace(replaced, condensed)
        }
        return 0
    }

    private func condense(_ segments: [Segment], after acknowledged: UInt64, _ reason: String)
        -> CondensedSegment
    {
        let condensed = CondensedSegment(
            replacing: segments, after: acknowledged, reason: reason, keepsRecords: true)
        guard condensed.bytes.count > segmentBytes / 2 else { return condensed }
        // Not even these can be kept for ever.
        return CondensedSegment(replacing: segments, after: acknowledged, reason: reason, keepsRecords: false)
    }

    private func replace(_ replaced: [Segment], _ condensed: CondensedSegment) throws(SpoolError) -> Int {
        var merged: [Segment] = []
        let path = replaced[0].path
        if !condensed.entries.isEmpty, let file = try replacement(path, condensed.bytes) {
            var segment = Segment(file, path: path)
            segment.entries = condensed.entries
            segment.size = condensed.bytes.count
            segment.synced = condensed.bytes.count
            segment.isNamed = true
            merged = [segment]
        } else {
            let isFollowedDurably = state.withLock {
                $0.segments.dropFirst(replaced.count).contains(where: \.isDurable)
            }
            if !isFollowedDurably { try syncAll() }
            try fileSystem.remove(path)
        }
        state.withLock { state in
            state.segments.removeAll { segment in replaced.contains { $0.file === segment.file } }
            state.segments.insert(contentsOf: merged, at: 0)
        }
        for segment in replaced.dropFirst() { try fileSystem.remove(segment.path) }
        return replaced.reduce(0) { $0 + $1.size } - merged.reduce(0) { $0 + $1.size }
    }

    /// nil when there is no room for it.
    private func replacement(_ path: String, _ bytes: [UInt8]) throws(SpoolError) -> (any SpoolFile)? {
        do { return try fileSystem.replace(path, with: bytes) } catch {
            guard error.code == ENOSPC || error.code == EDQUOT else { throw error }
            try? fileSystem.remove(path + ".new")
            return nil
        }
    }
}
