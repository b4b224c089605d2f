internal import ByteCodec
internal import Tracepoints

/// Walks the records of a batch, in order.
///
/// It finds each record's end by itself, so a caller may read as much of ``Record/body`` as it likes. After
/// an error every further call throws the same error.
public struct RecordCursor: ~Escapable {
    private let bytes: RawSpan
    private var reader: ByteReader
    private let header: BatchHeader
    private let stringCount: Int
    private let runs: [UInt64]
    private let threads: [BatchReader.Thread]
    private let layouts = RecordLayout.byKind
    private var index = 0
    private var monotonic: UInt64

    @_lifetime(copy bytes)
    init(
        _ bytes: RawSpan, header: BatchHeader, stringCount: Int, runs: [UInt64],
        threads: [BatchReader.Thread]
    ) {
        self.bytes = bytes
        reader = ByteReader(bytes)
        self.header = header
        self.stringCount = stringCount
        self.runs = runs
        self.threads = threads
        monotonic = header.baseMonotonic
    }

    /// The next record, or nil behind the last.
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func next() throws(BatchError) -> Record? {
        guard index < header.count else {
            guard header.kind == .gap || reader.isAtEnd else {
                throw .badHeader(
                    rule: "\(header.count) records to fill the record bytes, \(reader.remaining) are left")
            }
            return nil
        }
        var ahead = reader
        let front: Front
        do { front = try Front(&ahead) } catch { throw .badBytes(place: "record", index: index, error) }
        let time = monotonic &+ UInt64(bitPattern: front.delta)
        guard time <= UInt64(Int64.max) else { throw bad(front.kind, "a time below 2⁶³ ns") }
        var run: UInt64?
        var tid: UInt32 = 0
        if front.thread > 0 {
            guard front.thread <= UInt64(threads.count) else {
                throw bad(front.kind, "a thread of the table")
            }
            let thread = threads[Int(front.thread) - 1]
            run = runs[thread.run]
            tid = thread.tid
        } else if Tracepoint(rawValue: front.kind) != nil {
            throw bad(front.kind, "a thread, as every tracepoint event has")
        }
        let start = ahead.offset
        try skipBody(of: front, &ahead)
        let record = Record(
            kind: front.kind, flags: front.flags, sequence: header.firstSequence + UInt64(index),
            monotonic: time, run: run, tid: tid, body: ByteReader(bytes.extracting(start..<ahead.offset)))
        reader = ahead
        monotonic = time
        index += 1
        return record
    }

    private struct Front {
        let kind: UInt8
        let flags: RecordFlags
        let thread: UInt64
        let delta: Int64

        @_lifetime(reader: copy reader)
        init(_ reader: inout ByteReader) throws(ByteCodecError) {
            kind = try reader.u8()
            flags = RecordFlags(rawValue: try reader.u8())
            thread = try reader.varint()
            delta = try reader.zigzag()
        }
    }

    @_lifetime(reader: copy reader)
    private func skipBody(of front: Front, _ reader: inout ByteReader) throws(BatchError) {
        guard let layout = layouts[Int(front.kind)] else { throw bad(front.kind, "a known kind") }
        let absent = front.flags.contains(.optionalAbsent) ? RecordLayout.optionalFields(of: front.kind) : 0
        for position in 0..<(layout.count - absent) {
            do {
                try RecordLayout.skip(layout[position], in: &reader, stringCount: stringCount)
            } catch {
                switch error {
                case .bytes(let error): throw .badBytes(place: "record", index: index, error)
                case .string(let string):
                    throw bad(front.kind, "a string of the table, found index \(string)")
                }
            }
        }
    }

    private func bad(_ kind: UInt8, _ rule: String) -> BatchError {
        .badRecord(index: index, kind: kind, rule: rule)
    }
}
