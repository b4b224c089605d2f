import ByteCodec
import CollectorProtocol
import Framing
import Fuzzer
import Spool

/// A spool folder as a crash or a failing disk left it.
///
/// The first byte chooses what follows: the bytes of segments, as hostile as can be, or batches that an agent wrote
/// one behind the other and the damage that then was done to them.
@main
enum SpoolFolder {
    private static let folder = "spool"

    static func main() {
        fuzz { input in
            guard input.byteCount >= 1 else { return }
            let mode = input.byte(at: 0)
            let content = input.extracting(droppingFirst: 1)
            let disk = MemoryDisk()
            do throws(SpoolError) {
                if mode & 8 == 0 {
                    let bytes = mode & 4 == 0 ? Framing.sealedBatches(content) : content.copied()
                    try hostile(bytes, inSegments: 1 + Int(mode & 3), on: disk)
                } else {
                    try damaged(content, on: disk)
                }
            } catch {
                fatalError("the disk is sound, and yet: \(error)")
            }
        }
    }

    /// Whatever the segments hold, the spool opens, gives what it has in ascending order, goes on writing, and
    /// shrinks.
    private static func hostile(
        _ bytes: [UInt8], inSegments count: Int, on disk: MemoryDisk
    ) throws(SpoolError) {
        let part = bytes.count / count
        for index in 0..<count {
            let end = index == count - 1 ? bytes.count : (index + 1) * part
            disk.lay([UInt8](bytes[index * part..<end]), segment: UInt64(index + 1), in: folder)
        }
        let spool = try Spool(folder: folder, segmentBytes: 512, fileSystem: disk)
        let found = try batches(of: spool)
        precondition(spool.bytesCutOff <= bytes.count)
        try append(to: spool, after: max(spool.newestSequence, found.last?.header.lastSequence ?? 0))
        try spool.sync()
        spool.acknowledge(through: found.first?.header.lastSequence ?? 0)
        while try spool.dropOldestSegment(reason: "fuzz") > 0 {}
        _ = try batches(of: spool)
        _ = try batches(of: try Spool(folder: folder, segmentBytes: 512, fileSystem: disk))
    }

    /// What was written and is whole comes back as it was, in order, and the same when the spool is opened again;
    /// what was damaged is a hole.
    private static func damaged(_ script: RawSpan, on disk: MemoryDisk) throws(SpoolError) {
        var reader = ByteReader(script)
        var written: [UInt64: [UInt8]] = [:]
        let batchCount = 1 + Int((try? reader.u8()) ?? 0) % 12
        do {
            let spool = try Spool(folder: folder, streamID: 7, segmentBytes: 300, fileSystem: disk)
            for _ in 0..<batchCount {
                let next = spool.newestSequence + 1
                let numbers = UInt64((try? reader.u8()) ?? 0) % 5
                written[next] = try append(to: spool, after: next - 1, numbers: numbers)
            }
        }
        damage(disk, reader)
        let spool = try Spool(folder: folder, streamID: 7, segmentBytes: 300, fileSystem: disk)
        let found = try batches(of: spool)
        for batch in found {
            precondition(written[batch.header.firstSequence] == batch.bytes, "what comes back was written")
        }
        let again = try batches(
            of: try Spool(folder: folder, streamID: 7, segmentBytes: 300, fileSystem: disk))
        precondition(again.map(\.bytes) == found.map(\.bytes), "recovery after recovery changes nothing")

        // Dropped segments are declared, and the stream goes on behind them without a hole of its own.
        var last = spool.newestSequence
        if last > 0 {
            try append(to: spool, after: last)
            last += 1
        }
        while try spool.dropOldestSegment(reason: "fuzz") > 0 {}
        let shrunk = try batches(of: spool)
        precondition(shrunk.last?.header.lastSequence ?? 0 == last, "the newest number stays")
        for batch in shrunk where batch.header.kind == .events {
            precondition(written[batch.header.firstSequence] == batch.bytes, "what comes back was written")
        }
    }

    /// Appends a batch of so many numbers behind `sequence`, if there is room, and gives its bytes.
    @discardableResult
    private static func append(
        to spool: Spool, after sequence: UInt64, numbers: UInt64 = 0
    ) throws(SpoolError) -> [UInt8]? {
        guard sequence < UInt64(Int64.max) - 16 else { return nil }
        var bytes: [UInt8]
        if numbers == 0 {
            bytes = BatchBuilder.gapBatch(
                node: "n1", streamID: 7, bootID: .zero, clk: 1, baseMonotonic: 0, baseRealtime: 0,
                first: sequence + 1, last: sequence + 1, reason: "fuzz",
                tallies: [Tally(run: 42, tracepoint: 1, delta: 1, cumulative: sequence + 1)])
        } else {
            var builder = BatchBuilder(node: "n1", streamID: 7, bootID: .zero)
            builder.setClock(clk: 1, baseMonotonic: 0, baseRealtime: 0)
            for number in 1...numbers {
                builder.begin(kind: 17, run: 42, tid: 1, monotonic: number)
                builder.hash([UInt8](repeating: 7, count: 32).span.raw)
                builder.signed(1)
                builder.signed(1)
                builder.end()
            }
            var writer = ByteWriter()
            builder.seal(firstSequence: sequence + 1, ringEpoch: 1, ringEnd: sequence, into: &writer)
            bytes = writer.bytes
        }
        guard let header = try? BatchHeader.read(bytes.span.raw) else {
            preconditionFailure("a batch that was built has a header")
        }
        try spool.append(header, bytes.span.raw)
        return bytes
    }

    /// Every batch, by going from hole to hole.
    private static func batches(of spool: Spool) throws(SpoolError) -> [Spool.Batch] {
        var found: [Spool.Batch] = []
        var last: UInt64 = 0
        while let next = try spool.next(after: last) {
            switch next {
            case .batch(let batch):
                precondition(batch.header.firstSequence == last + 1, "numbers follow each other")
                precondition(batch.header.lastSequence > last, "and ascend")
                last = batch.header.lastSequence
                found.append(batch)
            case .hole(let before):
                precondition(before > last + 1, "a hole has numbers in it")
                last = before - 1
            }
        }
        return found
    }

    /// Damages the segments as the rest of the script says: a place in them, counted through all, and what is
    /// changed there; 255 cuts the newest segment instead. A folder is damaged in six places at most.
    private static func damage(_ disk: MemoryDisk, _ script: ByteReader) {
        var reader = script
        let files = disk.files.sorted { $0.key < $1.key }.map(\.value)
        for _ in 0..<6 {
            guard var place = (try? reader.u16()).map(Int.init), let change = try? reader.u8() else { return }
            if change == 255, let newest = files.last {
                newest.bytes.removeLast(newest.bytes.count - place % (newest.bytes.count + 1))
                continue
            }
            for file in files {
                if place < file.bytes.count {
                    file.bytes[place] ^= change
                    break
                }
                place -= file.bytes.count
            }
        }
    }
}

/// A disk in memory that never fails, for one thread.
private final class MemoryDisk: SpoolFileSystem, @unchecked Sendable {
    /// An open file.
    final class File: SpoolFile, @unchecked Sendable {
        var bytes: [UInt8] = []

        func size() -> Int { bytes.count }
        func read(at offset: Int, count: Int) -> [UInt8] {
            precondition(offset >= 0 && count >= 0 && offset <= bytes.count, "a place in the file")
            return [UInt8](bytes[offset..<min(bytes.count, offset + count)])
        }
        func write(_ run: RawSpan, at offset: Int) {
            precondition(offset <= bytes.count, "no hole in a file")
            bytes.removeLast(bytes.count - offset)
            bytes += run.copied()
        }
        func truncate(to size: Int) {
            precondition(size <= bytes.count, "a cut")
            bytes.removeLast(bytes.count - size)
        }
        func sync() {}
    }

    /// Files by path.
    private(set) var files: [String: File] = [:]

    /// Makes a segment of `bytes`.
    func lay(_ bytes: [UInt8], segment: UInt64, in folder: String) {
        let digits = String(segment)
        let file = File()
        file.bytes = bytes
        files["\(folder)/\(String(repeating: "0", count: 20 - digits.utf8.count))\(digits).batches"] = file
    }

    func makeFolder(_ path: String) {}
    func names(in folder: String) -> [String] {
        files.keys.map { String($0.dropFirst(folder.utf8.count + 1)) }
    }
    func open(_ path: String, _ mode: SpoolFileMode) throws(SpoolError) -> any SpoolFile {
        if mode == .empty { files[path] = File() }
        guard let file = files[path] else { preconditionFailure("\(path) is there") }
        return file
    }
    func rename(_ path: String, to new: String) {
        files[new] = files[path]
        files[path] = nil
    }
    func remove(_ path: String) { files[path] = nil }
    func syncFolder(_ path: String) {}
}
