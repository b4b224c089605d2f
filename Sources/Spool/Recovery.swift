import ByteCodec
import CollectorProtocol

/// Reads a spool folder as a crash may have left it; the rules are ``Spool``'s.
struct Recovery {
    private(set) var segments: [Segment] = []
    private(set) var newest: Spool.Batch?
    private(set) var tallies: [Tally] = []
    private(set) var cutOff = 0
    private let streamID: UInt64?
    private let fileSystem: any SpoolFileSystem

    static func run(
        folder: String, streamID: UInt64?, _ fileSystem: any SpoolFileSystem
    ) throws(SpoolError) -> Recovery {
        try fileSystem.makeFolder(folder)
        var recovery = Recovery(streamID: streamID, fileSystem: fileSystem)
        let names = try fileSystem.names(in: folder).sorted()
        for name in names where Segment.isLeftOver(name) { try fileSystem.remove(folder + "/" + name) }
        // From the newest backwards: one that was begun and never got a whole batch is not the newest.
        for name in names.reversed() where Segment.isName(name) { try recovery.open(folder + "/" + name) }
        recovery.segments.reverse()
        try recovery.removeCovered()
        return recovery
    }

    private init(streamID: UInt64?, fileSystem: any SpoolFileSystem) {
        self.streamID = streamID
        self.fileSystem = fileSystem
    }

    private mutating func open(_ path: String) throws(SpoolError) {
        let isNewest = segments.isEmpty
        var segment = Segment(try fileSystem.open(path, .existing), path: path)
        segment.size = try segment.file.size()
        var end = 0
        func add(_ header: BatchHeader, at place: Int) {
            segment.entries.append(Segment.Entry(header, at: place))
            end = place + header.byteCount
        }
        // The last header was believed, and with it its length.
        var isBelieved = false
        while true {
            if let header = try header(in: segment, at: end) {
                // Numbers that go on without a hole are believed; whatever else they are may be the damage.
                let isPlain =
                    header.firstSequence == segment.expected && header.kind == .events
                    && header.lastSequence < segments.last?.first ?? .max
                isBelieved = isPlain && !isNewest
                var isWhole = isBelieved
                if !isWhole { isWhole = try take(segment.file.read(at: end, count: header.byteCount)) }
                if isWhole {
                    add(header, at: end)
                    continue
                }
            }
            if isBelieved, let last = segment.entries.last {
                isBelieved = false
                if try !take(segment.file.read(at: last.offset, count: last.length)) {
                    segment.entries.removeLast()
                    end = last.offset
                }
            }
            guard let (header, place) = try batchBehindDamage(in: segment, from: end + 1) else { break }
            add(header, at: place)
        }
        if isNewest, end < segment.size {
            cutOff += segment.size - end
            if end > 0 { try segment.file.truncate(to: end) }
            segment.size = end
        }
        if segment.entries.isEmpty { try fileSystem.remove(path) } else { segments.append(segment) }
    }

    /// What seems to be a batch of this stream at `position`, by its header alone.
    private func header(in segment: Segment, at position: Int) throws(SpoolError) -> BatchHeader? {
        let rest = segment.size - position
        guard rest >= BatchHeader.encodedByteCount else { return nil }
        let head = try segment.file.read(at: position, count: BatchHeader.encodedByteCount)
        guard let header = try? BatchHeader.read(head.span.raw), header.byteCount <= rest,
            follows(header, segment)
        else { return nil }
        return header
    }

    /// Whether it is of this stream and its numbers come after those before it.
    private func follows(_ header: BatchHeader, _ segment: Segment) -> Bool {
        header.firstSequence > segment.last && (streamID == nil || header.streamID == streamID)
    }

    /// Whether `bytes` are a whole batch; the newest segment's last one is ``newest``.
    private mutating func take(_ bytes: [UInt8]) -> Bool {
        guard let reader = try? BatchReader(bytes.span.raw) else { return false }
        guard segments.isEmpty else { return true }
        // Counts are kept by ring epoch: those of an earlier one say nothing of this one.
        if newest?.header.ringEpoch != reader.header.ringEpoch { tallies.removeAll() }
        tallies.append(contentsOf: reader.tallies)
        newest = Spool.Batch(header: reader.header, bytes: bytes)
        return true
    }

    private mutating func batchBehindDamage(
        in segment: Segment, from position: Int
    ) throws(SpoolError) -> (BatchHeader, Int)? {
        guard streamID != nil, position < segment.size else { return nil }
        let rest = try segment.file.read(at: position, count: segment.size - position)
        let magic = UInt8(truncatingIfNeeded: BatchHeader.magic)
        var from = rest.startIndex
        while let place = rest[from...].firstIndex(of: magic) {
            from = place + 1
            guard let header = try? BatchHeader.read(rest.span.raw.extracting(place...)),
                header.byteCount <= rest.count - place, follows(header, segment),
                take(Array(rest[place..<place + header.byteCount]))
            else { continue }
            return (header, position + place)
        }
        return nil
    }

    /// Removes what an older segment covers: it was merged into that, and then came the crash.
    private mutating func removeCovered() throws(SpoolError) {
        var covered: UInt64 = 0
        for index in segments.indices {
            segments[index].entries.removeAll { $0.last <= covered }
            covered = max(covered, segments[index].last)
        }
        for segment in segments where segment.entries.isEmpty { try fileSystem.remove(segment.path) }
        segments.removeAll(where: \.entries.isEmpty)
    }
}
