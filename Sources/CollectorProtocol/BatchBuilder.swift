public import ByteCodec
internal import Tracepoints

/// Builds the batches of one stream, record by record.
///
/// A record is ``begin(kind:flags:run:tid:monotonic:)``, its arguments in the order of its layout, and
/// ``end()``. Strings, runs and threads are interned; tallies are kept. Memory is kept across batches, so that
/// a warm builder allocates nothing per record. The caller seals before ``byteCount`` passes
/// ``sealThreshold``; one record alone may be larger, up to ``BatchHeader/maximumByteCount``.
public struct BatchBuilder: Sendable {
    /// Bytes at which a batch should be sealed.
    public static let sealThreshold = 1 << 20

    /// The node that the stream is about.
    public let node: String
    /// The stream.
    public let streamID: UInt64
    /// The boot whose monotonic clock stamps the records.
    public let bootID: BootID
    /// Complete records so far.
    public internal(set) var recordCount = 0

    private var clk: UInt32 = 0
    private var baseMonotonic: UInt64 = 0
    private var baseRealtime: Int64 = 0
    var previousMonotonic: UInt64 = 0
    var records = ByteWriter(capacity: 64 << 10)
    var strings = StringTable()
    var runs = NumberTable()
    var threads = NumberTable()
    var tallies = TallyTable()
    private var tallyBytes = ByteWriter(capacity: 1024)
    private var ringEpoch: UInt64?
    private var isCheckpoint = false
    var open: Open?

    struct Open {
        let start: Int
        let kind: UInt8
        let run: UInt64?
        let monotonic: UInt64
    }

    /// A builder for a stream of a node with a legal name; set the clock before the first record.
    public init(node: String, streamID: UInt64, bootID: BootID) {
        precondition(NodeName.isLegal(node), "node name: 1 to 64 of A-Z a-z 0-9 . _ -")
        self.node = node
        self.streamID = streamID
        self.bootID = bootID
        _ = strings.index(of: node.utf8.span.raw)
    }

    /// Whether there is nothing to seal.
    public var isEmpty: Bool { recordCount == 0 }

    /// At most this many bytes the sealed batch will have.
    @inline(__always)
    public var byteCount: Int {
        // A tally is at most a run index (5), a tracepoint and two counts of 10; a thread two integers of 5.
        BatchHeader.encodedByteCount + strings.byteCount + 8 * runs.count + 10 * threads.count
            + 26 * tallies.count(all: isCheckpoint) + (isCheckpoint ? 8 * tallies.runCount : 0)
            + records.count
    }

    /// Takes the pair of clock readings for the records that follow; only while ``isEmpty``.
    public mutating func setClock(clk: UInt32, baseMonotonic: UInt64, baseRealtime: Int64) {
        precondition(isEmpty && open == nil, "the clock may change between batches only")
        self.clk = clk
        self.baseMonotonic = baseMonotonic
        self.baseRealtime = baseRealtime
        previousMonotonic = baseMonotonic
    }

    /// Restores after a restart how many events of a run and tracepoint the stream has in this ring epoch.
    public mutating func setCumulative(run: UInt64, tracepoint: UInt8, value: UInt64) {
        guard Tracepoint(rawValue: tracepoint) != nil else { return }
        tallies.restore(run: run, tracepoint: tracepoint, cumulative: value)
    }

    /// Counts events that the stream has had and its spool has lost: the next batch's tallies tell of them.
    public mutating func countLost(run: UInt64, tracepoint: UInt8, count: UInt64) {
        guard count > 0, Tracepoint(rawValue: tracepoint) != nil else { return }
        tallies.countLost(run: run, tracepoint: tracepoint, count: count)
    }

    /// Forgets the tallies of a run that has ended and whose records are all sealed.
    public mutating func forget(run: UInt64) { tallies.forget(run: run) }

    /// Makes the next sealed batch carry the tallies of every run and tracepoint ever counted; for the first
    /// batch of a spool segment.
    public mutating func checkpointNext() { isCheckpoint = true }

    /// Begins a record. A tracepoint event (kind 1 … 22) needs a run; without one `tid` is not kept.
    public mutating func begin(
        kind: UInt8, flags: RecordFlags = [], run: UInt64?, tid: UInt32, monotonic: UInt64
    ) {
        precondition(open == nil, "the previous record is still open")
        precondition(run != nil || Tracepoint(rawValue: kind) == nil, "a tracepoint event has a run")
        open = Open(start: records.count, kind: kind, run: run, monotonic: monotonic)
        records.u8(kind)
        records.u8(flags.rawValue)
        if let run {
            let thread = threads.index(of: UInt64(runs.index(of: run)) << 32 | UInt64(tid))
            records.varint(UInt64(thread) + 1)
        } else {
            records.u8(0)
        }
        records.zigzag(Int64(bitPattern: monotonic &- previousMonotonic))
    }

    /// Appends a signed integer.
    public mutating func signed(_ value: Int64) { records.zigzag(value) }
    /// Appends an unsigned integer.
    public mutating func unsigned(_ value: UInt64) { records.varint(value) }
    /// Appends a truth value.
    public mutating func boolean(_ value: Bool) { records.u8(value ? 1 : 0) }
    /// Appends a byte, as control records have them.
    public mutating func byte(_ value: UInt8) { records.u8(value) }
    /// Appends a hash of 32 bytes.
    public mutating func hash(_ bytes: RawSpan) {
        precondition(bytes.byteCount == 32, "a hash has 32 bytes")
        records.append(bytes)
    }
    /// Appends a UUID.
    public mutating func uuid(_ id: BootID) { id.write(into: &records) }
    /// Appends a string's index, interning it.
    public mutating func string(_ bytes: RawSpan) { records.varint(UInt64(strings.index(of: bytes))) }
    /// Appends a string's index, interning its UTF-8.
    public mutating func string(_ text: String) { string(text.utf8.span.raw) }
    /// Appends a payload with its length.
    public mutating func payload(_ bytes: RawSpan) {
        records.varint(UInt64(bytes.byteCount))
        records.append(bytes)
    }

    /// Completes the record and counts it.
    public mutating func end() {
        guard let record = open else { preconditionFailure("no record is open") }
        open = nil
        recordCount += 1
        previousMonotonic = record.monotonic
        if let run = record.run, Tracepoint(rawValue: record.kind) != nil {
            tallies.increment(run: run, tracepoint: record.kind)
        }
    }

    /// Drops the record that was begun and not ended.
    public mutating func abandon() {
        guard let record = open else { return }
        open = nil
        records.truncate(to: record.start)
    }

    /// Appends the batch to `out` and starts the next one with the same clock.
    ///
    /// - Parameters:
    ///   - firstSequence: the number of the first record; the others follow without a hole.
    ///   - ringEpoch: which ring the records came from; a new one lets the cumulative tallies begin at 0.
    ///   - ringEnd: the ring position behind the last record.
    /// - Returns: the header that was written.
    @discardableResult
    public mutating func seal(
        firstSequence: UInt64, ringEpoch: UInt64, ringEnd: UInt64, into out: inout ByteWriter
    ) -> BatchHeader {
        precondition(!isEmpty && open == nil, "a batch holds complete records, at least one")
        if let known = self.ringEpoch, known != ringEpoch { tallies.forgetCumulatives() }
        self.ringEpoch = ringEpoch
        let tallyCount = settleTallies()
        let header = BatchHeader(
            kind: .events, streamID: streamID, firstSequence: firstSequence,
            lastSequence: firstSequence + UInt64(recordCount) - 1, count: recordCount, clk: clk,
            baseMonotonic: baseMonotonic, baseRealtime: baseRealtime, bootID: bootID, ringEpoch: ringEpoch,
            ringEnd: ringEnd, byteCount: 0)
        let sealed = BatchParts(
            header: header, strings: strings, runs: runs, threads: threads, tallyCount: tallyCount,
            tallies: tallyBytes, records: records
        ).write(into: &out)
        reset()
        return sealed
    }

    private mutating func settleTallies() -> Int {
        if isCheckpoint { tallies.forEachKnownRun { _ = runs.index(of: $0) } }
        tallyBytes.removeAll()
        let count = tallies.count(all: isCheckpoint)
        tallies.settle(all: isCheckpoint) { tally in
            tallyBytes.tally(tally, run: runs.index(of: tally.run))
        }
        isCheckpoint = false
        return count
    }

    private mutating func reset() {
        recordCount = 0
        previousMonotonic = baseMonotonic
        records.removeAll()
        threads.removeAll()
        runs.removeAll()
        strings.removeAll()
        _ = strings.index(of: node.utf8.span.raw)
    }
}
