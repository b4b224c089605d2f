import ByteCodec
import CollectorProtocol
import Glibc

/// Reads a spool folder as a crash may have left it.
struct Recovery {
    var segments: [Spool.Segment] = []
    var newest: Spool.Batch?
    var tallies: [Tally] = []
    var cutOff = 0

    static func run(folder: String) throws(SpoolError) -> Recovery {
        try makeFolder(folder)
        var recovery = Recovery()
        // From the newest backwards: one that was begun and never got a whole batch is not the newest.
        for name in try list(folder).reversed() {
            try recovery.open(folder + "/" + name, isNewest: recovery.segments.isEmpty)
        }
        recovery.segments.reverse()
        recovery.dropCovered()
        return recovery
    }

    /// Removes segments that a gap before them has taken the place of: they were merged, and then came the crash.
    private mutating func dropCovered() {
        var covered: UInt64 = 0
        segments.removeAll { segment in
            guard segment.last <= covered else {
                covered = segment.last
                return false
            }
            segment.file.remove()
            return true
        }
    }

    /// The header of a batch whose every byte is as it was sealed, or nil.
    static func verified(_ bytes: RawSpan) -> BatchHeader? {
        (try? BatchReader(bytes))?.header
    }

    private mutating func open(_ path: String, isNewest: Bool) throws(SpoolError) {
        let file = try SegmentFile(path: path, flags: 0)
        let size = file.size
        var segment = Spool.Segment(file: file)
        segment.isGap = true
        while segment.size < size {
            let rest = size - segment.size
            let head = try file.read(at: segment.size, count: min(BatchHeader.encodedByteCount, rest))
            guard let header = try? BatchHeader.read(head.span.raw), header.byteCount <= rest,
                header.byteCount >= BatchHeader.encodedByteCount
            else { break }
            if isNewest {
                let bytes = try file.read(at: segment.size, count: header.byteCount)
                guard let reader = try? BatchReader(bytes.span.raw) else { break }
                tallies.append(contentsOf: reader.tallies)
                newest = Spool.Batch(header: header, bytes: bytes)
            }
            segment.entries.append(Spool.Entry(header, at: segment.size))
            segment.isGap = segment.isGap && header.kind == .gap
            segment.size += header.byteCount
        }
        if segment.size < size {
            cutOff += size - segment.size
            if isNewest { try file.truncate(to: segment.size) }
        }
        if segment.entries.isEmpty { file.remove() } else { segments.append(segment) }
    }

    private static func makeFolder(_ folder: String) throws(SpoolError) {
        guard unsafe mkdir(folder, 0o700) == 0 || errno == EEXIST else {
            throw SpoolError(doing: "making the spool folder", path: folder, errno: errno)
        }
    }

    private static func list(_ folder: String) throws(SpoolError) -> [String] {
        guard let directory = unsafe opendir(folder) else {
            throw SpoolError(doing: "reading the spool folder", path: folder, errno: errno)
        }
        defer { unsafe _ = closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
                unsafe name.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name.hasSuffix(".batches"), name.utf8.count == 28 { names.append(name) }
            // A replacement that a crash kept from being renamed into place.
            if name.hasSuffix(".batches.new") { unsafe _ = unlink(folder + "/" + name) }
        }
        return names.sorted()
    }
}
