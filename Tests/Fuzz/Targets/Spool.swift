import ByteCodec
import CollectorProtocol
import Framing
import Fuzzer
import Glibc
import Spool

/// A spool folder as a crash or a failing disk left it.
///
/// The first byte chooses what follows: the bytes of segments, as hostile as can be, or batches that an agent wrote
/// one behind the other and the damage that then was done to them.
@main
enum SpoolFolder {
    static func main() {
        // In memory, since a disk would be the slowest part by far.
        let folder = "/dev/shm/peerscope-fuzz-\(getpid())"
        fuzz { input in
            guard input.byteCount >= 1 else { return }
            let mode = input.byte(at: 0)
            let content = input.extracting(droppingFirst: 1)
            do throws(SpoolError) {
                if mode & 8 == 0 {
                    let bytes = mode & 4 == 0 ? Framing.sealedBatches(content) : content.copied()
                    try hostile(bytes, inSegments: 1 + Int(mode & 3), folder)
                } else {
                    try damaged(content, folder)
                }
            } catch {
                // A watermark inside a batch of events is refused; nothing else may be, as the disk is sound.
                precondition(error.reason.contains("watermark"), "\(error)")
            }
            remove(folder)
        }
    }

    /// Whatever the segments hold, the spool opens, gives what it has in ascending order, goes on writing, and
    /// shrinks.
    private static func hostile(_ bytes: [UInt8], inSegments count: Int, _ folder: String) throws(SpoolError)
    {
        remove(folder)
        unsafe mkdir(folder, 0o700)
        let part = bytes.count / count
        for index in 0..<count {
            let end = index == count - 1 ? bytes.count : (index + 1) * part
            write([UInt8](bytes[index * part..<end]), segment: UInt64(index + 1), folder)
        }
        let spool = try Spool(folder: folder, segmentBytes: 512)
        let found = try batches(of: spool)
        precondition(spool.bytesCutOff <= bytes.count)
        try append(to: spool, after: max(spool.newestSequence, found.last?.header.lastSequence ?? 0))
        try spool.sync()
        spool.acknowledge(through: found.first?.header.lastSequence ?? 0)
        while try spool.dropOldestSegment(reason: "fuzz") > 0 {}
        _ = try batches(of: spool)
        _ = try batches(of: try Spool(folder: folder, segmentBytes: 512))
    }

    /// What was written and is whole comes back as it was, in order, and the same when the spool is opened again;
    /// what was damaged is a hole.
    private static func damaged(_ script: RawSpan, _ folder: String) throws(SpoolError) {
        remove(folder)
        var reader = ByteReader(script)
        var written: [UInt64: [UInt8]] = [:]
        let batchCount = 1 + Int((try? reader.u8()) ?? 0) % 12
        do {
            let spool = try Spool(folder: folder, segmentBytes: 300)
            for _ in 0..<batchCount {
                let next = spool.newestSequence + 1
                let numbers = UInt64((try? reader.u8()) ?? 0) % 5
                written[next] = try append(to: spool, after: next - 1, numbers: numbers)
            }
        }
        damage(reader, folder)
        let spool = try Spool(folder: folder, segmentBytes: 300)
        let found = try batches(of: spool)
        for batch in found {
            precondition(written[batch.header.firstSequence] == batch.bytes, "what comes back was written")
        }
        let again = try batches(of: try Spool(folder: folder, segmentBytes: 300))
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

    private static func write(_ bytes: [UInt8], segment: UInt64, _ folder: String) {
        let name = String(segment)
        let digits = String(repeating: "0", count: 20 - name.utf8.count) + name
        let file = unsafe open("\(folder)/\(digits).batches", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        precondition(file >= 0, "/dev/shm can be written")
        let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
        precondition(count == bytes.count)
        close(file)
    }

    /// Damages the segments as the rest of the script says: a place in them, counted through all, and what is
    /// changed there; 255 cuts the newest segment instead. A folder is damaged in six places at most.
    private static func damage(_ script: ByteReader, _ folder: String) {
        var reader = script
        let names = names(in: folder).sorted()
        let files = names.map { name in unsafe open("\(folder)/\(name)", O_RDWR) }
        defer { for file in files { close(file) } }
        let sizes = files.map { Int(lseek($0, 0, Int32(SEEK_END))) }
        for _ in 0..<6 {
            guard var place = (try? reader.u16()).map(Int.init), let change = try? reader.u8() else { return }
            if change == 255, let file = files.last, let size = sizes.last {
                ftruncate(file, off_t(place % (size + 1)))
                continue
            }
            for (file, size) in zip(files, sizes) {
                if place < size {
                    var byte: UInt8 = 0
                    if unsafe pread(file, &byte, 1, off_t(place)) == 1 {
                        byte ^= change
                        unsafe pwrite(file, &byte, 1, off_t(place))
                    }
                    break
                }
                place -= size
            }
        }
    }

    private static func names(in folder: String) -> [String] {
        guard let directory = unsafe opendir(folder) else { return [] }
        defer { unsafe _ = closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            names.append(
                unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
                    unsafe name.withMemoryRebound(to: CChar.self, capacity: 256) {
                        unsafe String(cString: $0)
                    }
                })
        }
        return names.filter { $0 != "." && $0 != ".." }
    }

    private static func remove(_ folder: String) {
        for name in names(in: folder) { unsafe _ = unlink("\(folder)/\(name)") }
        unsafe _ = rmdir(folder)
    }
}
