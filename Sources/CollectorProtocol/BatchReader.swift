internal import ByteCodec
internal import Tracepoints

/// A batch whose header, checksum and tables have been verified, borrowed from its bytes.
///
/// Nothing is handed out before the magic, the length, the CRC-32C and all bounds and indexes of the tables
/// hold. The records themselves are verified by ``RecordCursor`` as it walks them.
public struct BatchReader: ~Escapable {
    struct Thread {
        let run: Int
        let tid: UInt32
    }
    private struct Place {
        let start: UInt32
        let count: UInt32
    }

    /// The header.
    public let header: BatchHeader
    /// The node's name: string 0.
    public let nodeName: String
    /// The run ids, 63 bits each.
    public let runs: [UInt64]
    /// Events of this batch by run and tracepoint; in a gap batch, events that are lost.
    public let tallies: [Tally]
    private let bytes: RawSpan
    private let places: [Place]
    private let threads: [Thread]
    private let recordBytes: RawSpan

    /// Verifies `bytes`, which must be one batch and nothing else.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(BatchError) {
        let header = try BatchHeader.read(bytes)
        guard header.byteCount == bytes.byteCount else {
            throw .wrongLength(declared: header.byteCount, available: bytes.byteCount)
        }
        var reader = ByteReader(bytes)
        let counts = try BatchTables.counts(&reader, of: bytes)
        let places = try Self.strings(counts.strings, &reader)
        let runs = try BatchTables.runs(counts.runs, &reader)
        let threads = try BatchTables.threads(counts.threads, &reader, runs: runs.count)
        let tallies = try BatchTables.tallies(
            counts.tallies, &reader, runs: runs, records: header.kind == .gap ? nil : header.count)
        guard reader.remaining == counts.recordBytes else {
            throw .badHeader(
                rule: "\(reader.remaining) record bytes behind the tables, found \(counts.recordBytes)")
        }
        let name = bytes.extracting(Int(places[0].start)..<Int(places[0].start + places[0].count)).text()
        guard NodeName.isLegal(name) else {
            throw .badTable(table: "strings", index: 0, rule: "the node's name, 1 to 64 of A-Z a-z 0-9 . _ -")
        }
        self.header = header
        self.bytes = bytes
        self.places = places
        self.runs = runs
        self.threads = threads
        self.tallies = tallies
        nodeName = name
        recordBytes = bytes.extracting(reader.offset..<bytes.byteCount)
        if header.kind == .gap { _ = try gapReasonIndex() }
    }

    /// Strings in the table.
    public var stringCount: Int { places.count }

    /// String `index` of the table, which is below ``stringCount``; nothing for any other index.
    ///
    /// Indexes in records that a ``RecordCursor`` handed out are always in the table.
    @_lifetime(copy self)
    public func string(_ index: Int) -> RawSpan {
        guard places.indices.contains(index) else { return bytes.extracting(0..<0) }
        let place = places[index]
        return bytes.extracting(Int(place.start)..<Int(place.start) + Int(place.count))
    }

    /// Why a gap batch's numbers will never come; nil for a batch of events.
    public var gapReason: String? {
        guard header.kind == .gap, let index = try? gapReasonIndex() else { return nil }
        return string(index).text()
    }

    /// A cursor at the first record.
    @_lifetime(copy self)
    public func records() -> RecordCursor {
        RecordCursor(recordBytes, header: header, stringCount: places.count, runs: runs, threads: threads)
    }

    private func gapReasonIndex() throws(BatchError) -> Int {
        var reader = ByteReader(recordBytes)
        let index: UInt64
        do { index = try reader.varint() } catch { throw .badBytes(place: "gap reason", index: 0, error) }
        guard index < UInt64(places.count), reader.isAtEnd else {
            throw .badHeader(rule: "one string of the table as the reason of a gap batch")
        }
        return Int(index)
    }

    @_lifetime(reader: copy reader)
    private static func strings(_ count: Int, _ reader: inout ByteReader) throws(BatchError) -> [Place] {
        guard count >= 1, count <= reader.remaining else {
            throw .badTable(
                table: "strings", index: 0, rule: "1 … \(reader.remaining) strings, found \(count)")
        }
        var places: [Place] = []
        places.reserveCapacity(count)
        for index in 0..<count {
            do {
                let length = Int(clamping: try reader.varint())
                let start = reader.offset
                try reader.skip(length)
                places.append(Place(start: UInt32(start), count: UInt32(length)))
            } catch {
                throw .badBytes(place: "string", index: index, error)
            }
        }
        return places
    }
}

extension BatchReader {
    /// Reads a string index from a record's body and gives the string as text.
    @_lifetime(body: copy body)
    borrowing func text(_ body: inout ByteReader) throws(ByteCodecError) -> String {
        string(Int(clamping: try body.varint())).text()
    }
}
