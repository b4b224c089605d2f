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
        let names = try list(folder)
        for (index, name) in names.enumerated() {
            try recovery.open(folder + "/" + name, isNewest: index == names.count - 1)
        }
        return recovery
    }

    /// The header of a batch whose every byte is as it was sealed, or nil.
    static func verified(_ bytes: RawSpan) -> BatchHeader? {
        (try? BatchReader(bytes))?.header
    }

    private mutating func open(_ path: String, isNewest: Bool) throws(SpoolError) {
        let file = try SegmentFile(path: path, flags: 0)
        let size = file.size
        var segment = Spool.Segment(file: file)
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
            segment.entries.append(
                Spool.Entry(
                    first: header.firstSequence, last: header.lastSequence, offset: segment.size,
                    length: header.byteCount))
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
        }
        return names.sorted()
    }
}
