internal import ByteCodec
internal import Tracepoints

/// Reads the tables between a batch's header and its records.
///
/// Each count is bounded by the bytes that are left before memory is reserved for it.
enum BatchTables {
    struct Counts {
        let strings, runs, threads, tallies, recordBytes: Int
    }

    /// Verifies the checksum and reads the counts at the header's end; leaves `reader` at the first table.
    @_lifetime(reader: copy reader)
    static func counts(_ reader: inout ByteReader, of bytes: RawSpan) throws(BatchError) -> Counts {
        let stored: UInt32
        let counts: Counts
        do {
            try reader.skip(4)
            stored = try reader.u32()
            try reader.skip(88)
            counts = Counts(
                strings: Int(try reader.u32()), runs: Int(try reader.u32()), threads: Int(try reader.u32()),
                tallies: Int(try reader.u32()), recordBytes: Int(try reader.u32()))
            try reader.skip(4)
        } catch {
            throw .badBytes(place: "header", index: 0, error)
        }
        let computed = CRC32C.checksum(bytes.extracting(8..<bytes.byteCount))
        guard stored == computed else { throw .wrongChecksum(stored: stored, computed: computed) }
        return counts
    }

    @_lifetime(reader: copy reader)
    static func runs(_ count: Int, _ reader: inout ByteReader) throws(BatchError) -> [UInt64] {
        try check("runs", count, 8, reader.remaining)
        var runs: [UInt64] = []
        runs.reserveCapacity(count)
        for index in 0..<count {
            let run: UInt64
            do { run = try reader.u64() } catch { throw .badBytes(place: "run", index: index, error) }
            guard run <= UInt64(Int64.max) else {
                throw .badTable(table: "runs", index: index, rule: "a run_id of 63 bits")
            }
            runs.append(run)
        }
        return runs
    }

    @_lifetime(reader: copy reader)
    static func threads(
        _ count: Int, _ reader: inout ByteReader, runs: Int
    ) throws(BatchError) -> [BatchReader.Thread] {
        try check("threads", count, 2, reader.remaining)
        var threads: [BatchReader.Thread] = []
        threads.reserveCapacity(count)
        for index in 0..<count {
            let run: UInt64
            let tid: UInt64
            do {
                run = try reader.varint()
                tid = try reader.varint()
            } catch { throw .badBytes(place: "thread", index: index, error) }
            guard run < UInt64(runs), let tid = UInt32(exactly: tid) else {
                throw .badTable(
                    table: "threads", index: index, rule: "a run of the table and a tid of 32 bits")
            }
            threads.append(BatchReader.Thread(run: Int(run), tid: tid))
        }
        return threads
    }

    /// - Parameter records: the records of the batch, of which each is one event at most; nil for a gap batch, whose
    ///   tallies may speak of more than its numbers.
    @_lifetime(reader: copy reader)
    static func tallies(
        _ count: Int, _ reader: inout ByteReader, runs: [UInt64], records: Int?
    ) throws(BatchError) -> [Tally] {
        try check("tallies", count, 4, reader.remaining)
        var unclaimed = records.map(UInt64.init) ?? .max
        var tallies: [Tally] = []
        tallies.reserveCapacity(count)
        for index in 0..<count {
            let run: UInt64
            let tracepoint: UInt8
            let delta: UInt64
            let cumulative: UInt64
            do {
                run = try reader.varint()
                tracepoint = try reader.u8()
                delta = try reader.varint()
                cumulative = try reader.varint()
            } catch { throw .badBytes(place: "tally", index: index, error) }
            guard run < UInt64(runs.count), Tracepoint(rawValue: tracepoint) != nil else {
                throw .badTable(
                    table: "tallies", index: index, rule: "a run of the table and a known tracepoint")
            }
            guard records == nil || delta <= unclaimed else {
                throw .badTable(table: "tallies", index: index, rule: "no more events than records")
            }
            unclaimed &-= delta
            tallies.append(
                Tally(run: runs[Int(run)], tracepoint: tracepoint, delta: delta, cumulative: cumulative))
        }
        return tallies
    }

    private static func check(_ table: String, _ count: Int, _ size: Int, _ remaining: Int) throws(BatchError)
    {
        guard count <= remaining / size else {
            throw .badTable(
                table: table, index: 0,
                rule: "at most \(remaining / size) entries in \(remaining) bytes, found \(count)")
        }
    }
}
