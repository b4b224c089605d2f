import ByteCodec
import CollectorProtocol
import CollectorTesting
import Glibc
import Spool
import Testing

/// Segments whose bits flip, that lose their ends or are gone, and disks that refuse.
@Suite("A damaged spool")
struct DamageTests {
    /// Where a batch lies on disk.
    struct Place {
        let numbers: ClosedRange<UInt64>
        let path: String
        let range: Range<Int>
        let bytes: [UInt8]
    }

    let disk = SimulatedFileSystem(seed: 1)
    static let folder = "/spool"
    static let streamID: UInt64 = 7

    func open() throws -> Spool {
        try Spool(folder: Self.folder, streamID: Self.streamID, segmentBytes: 2000, fileSystem: disk)
    }

    /// `count` batches of three numbers, several to a segment, and where each is.
    func fill(_ spool: Spool, _ count: Int, padding: (Int) -> Int = { _ in 200 }) throws -> [Place] {
        var places: [Place] = []
        var builder = BatchBuilder(node: "n1", streamID: Self.streamID, bootID: .zero)
        builder.setClock(clk: 1, baseMonotonic: 1000, baseRealtime: 2000)
        var path = ""
        var offset = 0
        for index in 0..<count {
            for _ in 0..<3 {
                ControlRecord.processStart(
                    .init(
                        pid: UInt64(index), startTicks: 0, startedMonotonic: 0,
                        executable: String(repeating: "x", count: padding(index)), device: 0, inode: 0)
                ).encode(into: &builder, run: 42, monotonic: 1000)
            }
            var bytes = ByteWriter()
            let header = builder.seal(
                firstSequence: UInt64(3 * index + 1), ringEpoch: 5, ringEnd: UInt64(index), into: &bytes)
            if try spool.append(header, bytes.bytes.span.raw) {
                let digits = String(header.firstSequence)
                path =
                    "\(Self.folder)/" + String(repeating: "0", count: 20 - digits.count) + digits + ".batches"
                offset = 0
            }
            places.append(
                Place(
                    numbers: header.firstSequence...header.lastSequence, path: path,
                    range: offset..<offset + bytes.count, bytes: bytes.bytes))
            offset += bytes.count
        }
        return places
    }

    /// All that comes after `sequence`; holes as nil.
    func contents(_ spool: Spool, after sequence: UInt64 = 0) throws -> [(ClosedRange<UInt64>, [UInt8]?)] {
        var found: [(ClosedRange<UInt64>, [UInt8]?)] = []
        var last = sequence
        while let next = try spool.next(after: last) {
            switch next {
            case .hole(let before): found.append((last + 1...before - 1, nil))
            case .batch(let batch):
                found.append((batch.header.firstSequence...batch.header.lastSequence, batch.bytes))
            }
            guard let end = found.last?.0.upperBound, end > last, found.count < 1000 else {
                Issue.record("the stream does not go on after \(last)")
                return found
            }
            last = end
        }
        return found
    }

    @Test(
        "gives every batch that no damage touches, and shows the others as holes of exactly their numbers",
        arguments: 1...300)
    func anyDamage(_ seed: Int) throws {
        let places = try fill(try open(), 30, padding: { [10, 200, 90][$0 % 3] })
        var generator = SeededGenerator(seed: UInt64(seed))
        var damaged: [String: [Range<Int>]] = [:]
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            guard let place = places.randomElement(using: &generator) else { return }
            let path = place.path
            let size = disk.bytes(of: path)?.count ?? 0
            guard size > 0 else { continue }
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                // Headers more often than chance would have it.
                let offset = place.range.lowerBound + Int.random(in: 0..<40, using: &generator)
                flip(path, at: offset, &damaged, &generator)
            case 1: flip(path, at: Int.random(in: 0..<size, using: &generator), &damaged, &generator)
            case 2:
                let left = Int.random(in: 0..<size, using: &generator)
                disk.damage(path) { $0.removeLast($0.count - min($0.count, left)) }
                damaged[path, default: []].append(left..<Int.max)
            default:
                let start = Int.random(in: 0..<size, using: &generator)
                let end = min(size, start + 300)
                disk.damage(path) { bytes in
                    for index in start..<min(end, bytes.count) { bytes[index] = 0 }
                }
                damaged[path, default: []].append(start..<end)
            }
        }
        let spool = try open()
        let found = try contents(spool)
        let untouched = places.filter { place in
            !(damaged[place.path] ?? []).contains { $0.overlaps(place.range) }
        }
        for place in untouched {
            let same = found.contains { $0.0 == place.numbers && $0.1 == place.bytes }
            #expect(same, "\(place.numbers) in \(place.path) at \(place.range); damage \(damaged)")
        }
        for (numbers, bytes) in found where bytes != nil {
            #expect(places.contains { $0.numbers == numbers && $0.bytes == bytes })
        }
        let end = untouched.last?.numbers.upperBound ?? 0
        #expect(found.last?.0.upperBound ?? 0 >= end)
        #expect(found.last?.0.upperBound ?? 0 <= 90)
    }

    private func flip(
        _ path: String, at offset: Int, _ damaged: inout [String: [Range<Int>]],
        _ generator: inout SeededGenerator
    ) {
        let bit = UInt8(1 << Int.random(in: 0..<8, using: &generator))
        disk.damage(path) { if $0.indices.contains(offset) { $0[offset] ^= bit } }
        damaged[path, default: []].append(offset..<offset + 1)
    }

    @Test("does not take numbers from a damaged header: one flipped bit declares no gap of millions")
    func flippedNumber() throws {
        let places = try fill(try open(), 12)
        // The highest byte of first_seq and last_seq of a batch in the first segment.
        let header = places[1].range.lowerBound
        disk.damage(places[1].path) { bytes in
            bytes[header + 16 + 5] ^= 1
            bytes[header + 24 + 5] ^= 1
        }
        let found = try contents(try open())
        #expect(found.map(\.0) == places.map(\.numbers))
        #expect(found.filter { $0.1 == nil }.map(\.0) == [4...6])
    }

    @Test("believes no length of a damaged header, which would swallow the batches behind it")
    func flippedLength() throws {
        let places = try fill(try open(), 12)
        let header = places[0].range.lowerBound
        // 256 bytes longer.
        disk.damage(places[0].path) { $0[header + 9] ^= 1 }
        let found = try contents(try open())
        #expect(found.filter { $0.1 == nil }.map(\.0) == [1...3])
        #expect(found.count == 12)
    }

    @Test("keeps what follows a damaged first batch of the newest segment, and where to go on")
    func damagedFront() throws {
        var places = try fill(try open(), 12)
        while let last = places.last, places.filter({ $0.path == last.path }).count < 3 {
            places.removeLast()
        }
        let newest = places.filter { $0.path == places.last?.path }
        disk.damage(newest[0].path) { $0[100] ^= 1 }
        let spool = try open()
        #expect(spool.newestSequence == 36)
        #expect(spool.recovered?.header.ringEnd == 11)
        #expect(try contents(spool).filter { $0.1 == nil }.map(\.0) == [newest[0].numbers])
    }

    @Test("takes no batch of another stream for its own, also none that a payload holds")
    func forgedBatch() throws {
        let spool = try open()
        var forged = BatchBuilder(node: "n1", streamID: Self.streamID + 1, bootID: .zero)
        forged.setClock(clk: 1, baseMonotonic: 1, baseRealtime: 1)
        ControlRecord.processExit(.init(exitedMonotonic: 1)).encode(into: &forged, run: 1, monotonic: 1)
        var inner = ByteWriter()
        forged.seal(firstSequence: 2, ringEpoch: 1, ringEnd: 1, into: &inner)
        var builder = BatchBuilder(node: "n1", streamID: Self.streamID, bootID: .zero)
        builder.setClock(clk: 1, baseMonotonic: 1, baseRealtime: 1)
        builder.begin(kind: 1, run: 1, tid: 1, monotonic: 1)
        builder.payload(inner.bytes.span.raw)
        builder.end()
        var bytes = ByteWriter()
        let header = builder.seal(firstSequence: 1, ringEpoch: 1, ringEnd: 1, into: &bytes)
        try spool.append(header, bytes.bytes.span.raw)
        disk.damage("\(Self.folder)/00000000000000000001.batches") { $0[20] ^= 1 }
        #expect(try contents(open()).isEmpty)
    }

    @Test("gives up a batch that cannot be read three times, and goes on behind it")
    func unreadable() throws {
        let spool = try open()
        _ = try fill(spool, 3)
        disk.errors.areReadsRefused = true
        for _ in 0..<2 { #expect(throws: SpoolError.self) { try spool.next(after: 0) } }
        // At the third it is given up, and the next one's turn has come.
        #expect(throws: SpoolError.self) { try spool.next(after: 0) }
        disk.errors.areReadsRefused = false
        #expect(try contents(spool).map(\.0) == [1...3, 4...6, 7...9])
        #expect(try contents(spool).first?.1 == nil)
    }

    @Test("declares the rest of a batch of events into which the watermark reaches")
    func watermarkInsideBatch() throws {
        let spool = try open()
        _ = try fill(spool, 3)
        guard case .batch(let rest)? = try spool.next(after: 4) else {
            Issue.record("the stream is stuck")
            return
        }
        #expect(rest.header.kind == .gap)
        #expect(rest.header.firstSequence == 5)
        #expect(rest.header.lastSequence == 6)
        #expect(try contents(spool, after: 6).map(\.0) == [7...9])
    }

    @Test("writes again what a failed sync has forgotten")
    func failedSync() throws {
        let spool = try open()
        let places = try fill(spool, 2)
        disk.errors.oneIn = 1
        #expect(throws: SpoolError.self) { try spool.sync() }
        disk.errors.oneIn = 0
        try spool.sync()
        disk.restart(after: .power)
        #expect(try contents(open()).map(\.1) == places.map(\.bytes))
    }

    @Test("keeps what it has when the disk is full or read-only, and goes on when it is not")
    func refusingDisk() throws {
        let spool = try open()
        let places = try fill(spool, 5)
        let last = places[4].bytes
        let header = try BatchHeader.read(last.span.raw)
        let used = spool.byteCount
        for refusal in [ENOSPC, EROFS] {
            disk.errors.capacity = refusal == ENOSPC ? used + 10 : .max
            disk.errors.isReadOnly = refusal == EROFS
            for begins in [false, true] {
                var code: Int32 = 0
                do {
                    if begins {
                        // A segment that is begun and refused leaves nothing.
                        let fresh = try Spool(
                            folder: Self.folder + "2", streamID: Self.streamID, fileSystem: disk)
                        try fresh.append(header, last.span.raw)
                    } else {
                        try spool.append(header, last.span.raw)
                    }
                } catch { code = error.code }
                #expect(code == refusal)
            }
            #expect(spool.byteCount == used)
        }
        disk.errors = .init()
        #expect(try contents(open()).map(\.1) == places.map(\.bytes))
        #expect(try disk.names(in: Self.folder + "2").isEmpty)
    }

    @Test(
        "drops its oldest segment without a gap file where the disk has no room for one, and shows the hole")
    func fullWhileDropping() throws {
        let spool = try open()
        _ = try fill(spool, 12)
        disk.errors.capacity = spool.byteCount
        let won = try spool.dropOldestSegment(reason: GapReason.spoolBound)
        #expect(won > 0)
        disk.errors = .init()
        let found = try contents(spool)
        #expect(found.first?.0.lowerBound == 1)
        #expect(found.first?.1 == nil)
        #expect(found.last?.0.upperBound == 36)
    }
}
