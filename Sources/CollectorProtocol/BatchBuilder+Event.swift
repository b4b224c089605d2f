internal import ByteCodec

// What an agent does for each event.
extension BatchBuilder {
    /// What became of an event.
    public enum EventOutcome: Sendable {
        /// It is in the batch.
        case appended
        /// The batch would grow too large: seal it first.
        case full
        /// The record does not hold what its layout says; it is not in the batch.
        case malformed
    }

    /// Appends a tracepoint's event as a capture program wrote it: ``begin(kind:flags:run:tid:monotonic:)``, its
    /// arguments and ``end()`` in one.
    ///
    /// Room is made once, and the arguments go from the one buffer into the other without a stop.
    ///
    /// - Parameters:
    ///   - record: the event's bytes, of which `layouts` says where each argument is.
    ///   - limit: ``byteCount`` and the record's bytes together may not pass it, unless the event is the first.
    public mutating func append(
        kind: UInt8, flags: RecordFlags, run: UInt64, tid: UInt32, monotonic: UInt64, record: RawSpan,
        layouts: EventLayouts, limit: Int
    ) -> EventOutcome {
        let layout = layouts.layout(of: kind)
        guard !layout.places.isEmpty, record.byteCount >= layout.byteCount else { return .malformed }
        guard isEmpty || byteCount + record.byteCount <= limit else { return .full }
        // An argument the node does not have is left out of the record as well.
        let absent = flags.contains(.optionalAbsent) ? 1 : 0
        let places = layouts.places.span.extracting(layout.places).extracting(droppingLast: absent)
        precondition(open == nil, "the previous record is still open")
        let start = records.count
        let thread = threads.index(of: UInt64(runs.index(of: run)) << 32 | UInt64(tid))
        var isWhole = true
        // Numbers of eight bytes become ten at most, lengths and indexes five.
        records.append(atMost: 22 + 10 * places.count + record.byteCount) { out in
            out.append(kind)
            out.append(flags.rawValue)
            out.varint(UInt64(thread) + 1)
            out.zigzag(Int64(bitPattern: monotonic &- previousMonotonic))
            for index in places.indices where isWhole {
                switch places[index] {
                case .signed(let at): out.zigzag(record.integer(at: at, as: Int64.self))
                case .unsigned(let at): out.varint(record.integer(at: at, as: UInt64.self))
                case .boolean(let at): out.append(record.integer(at: at, as: UInt64.self) != 0 ? 1 : 0)
                case .hash(let at): out.append(record.extracting(at..<at + 32))
                case .string(let at, let length):
                    let count = Int(record.integer(at: length, as: UInt16.self))
                    isWhole = count <= record.byteCount - at
                    if isWhole { out.varint(UInt64(strings.index(of: record.extracting(at..<at + count)))) }
                case .payload(let at, let length):
                    let count = Int(record.integer(at: length, as: UInt32.self))
                    isWhole = count <= record.byteCount - at
                    if isWhole {
                        out.varint(UInt64(count))
                        out.append(record.extracting(at..<at + count))
                    }
                }
            }
        }
        guard isWhole else {
            records.truncate(to: start)
            return .malformed
        }
        recordCount += 1
        previousMonotonic = monotonic
        tallies.increment(run: run, tracepoint: kind)
        return .appended
    }
}
