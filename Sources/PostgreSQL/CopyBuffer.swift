/// Rows of PostgreSQL's binary COPY format in one contiguous buffer that is kept and reused.
///
/// ```swift
/// var rows = CopyBuffer()
/// rows.beginRow(columns: 3)
/// rows.int32(node)
/// rows.timestamp(unixMicroseconds: microseconds)
/// rows.text(peerBytes)
/// try connection.copyBuffer("COPY t (node_id, ts, addr) FROM STDIN (FORMAT binary)", rows)
/// rows.removeAll()
/// ```
///
/// Every field carries its own type's width: a column of type `integer` wants ``int32(_:)``, `bigint` wants
/// ``int64(_:)``, and the server refuses the COPY when they differ. Once the buffer has grown to its working
/// size nothing allocates, whatever is appended. Format: PostgreSQL manual, COPY, "Binary Format".
public struct CopyBuffer: Sendable {
    /// Initialised bytes; the rows are the first `end` of them.
    private var storage: [UInt8]
    private var end = 0
    /// Rows begun.
    public private(set) var rowCount = 0
    /// Fields that the current row still lacks.
    private(set) var missingFields: Int16 = 0

    /// An empty buffer with room for `capacity` bytes.
    public init(capacity: Int = 4096) {
        storage = [UInt8](repeating: 0, count: max(capacity, 256))
    }

    /// Bytes of the rows, without header and trailer.
    public var byteCount: Int { end }
    /// Whether it holds no row.
    public var isEmpty: Bool { rowCount == 0 }

    /// Forgets the rows and keeps the memory.
    public mutating func removeAll() {
        end = 0
        rowCount = 0
        missingFields = 0
    }

    /// A place between two rows, to come back to when a row turns out to be bad.
    public struct Mark: Sendable {
        fileprivate let end: Int
        fileprivate let rowCount: Int
    }

    /// The place after the last whole row.
    public var mark: Mark {
        assert(missingFields == 0, "a mark inside a row")
        return Mark(end: end, rowCount: rowCount)
    }

    /// Drops everything after `mark`, also a row that is not complete.
    public mutating func truncate(to mark: Mark) {
        precondition(mark.end <= end, "the mark is younger than what the buffer holds")
        end = mark.end
        rowCount = mark.rowCount
        missingFields = 0
    }

    /// Begins a row of `columns` fields; exactly as many field calls must follow.
    public mutating func beginRow(columns: Int16) {
        precondition(missingFields == 0, "the row before lacks fields")
        let place = claim(2)
        store(columns, at: place)
        missingFields = columns
        rowCount += 1
    }

    /// `smallint`.
    public mutating func int16(_ value: Int16?) { integer(value) }
    /// `integer`.
    public mutating func int32(_ value: Int32?) { integer(value) }
    /// `bigint`.
    public mutating func int64(_ value: Int64?) { integer(value) }

    /// `bigint` holding the bits of an unsigned number: services, nonces.
    public mutating func int64(bits value: UInt64?) { integer(value.map { Int64(bitPattern: $0) }) }

    /// `boolean`.
    public mutating func bool(_ value: Bool?) {
        guard let value else { return null() }
        let place = claimField(1)
        store(UInt8(value ? 1 : 0), at: place)
    }

    /// `double precision`.
    public mutating func double(_ value: Double?) { integer(value.map { Int64(bitPattern: $0.bitPattern) }) }

    /// Microseconds from the Unix epoch to PostgreSQL's, 2000-01-01.
    private static let postgresEpoch: Int64 = 946_684_800_000_000

    /// `timestamptz` (or `timestamp`), from microseconds since 1970-01-01 UTC.
    ///
    /// What is before PostgreSQL's first day, 4714-11-24 BC, becomes its `-infinity`; every later one it holds.
    public mutating func timestamp(unixMicroseconds value: Int64?) {
        guard let value else { return null() }
        let (shifted, overflow) = value.subtractingReportingOverflow(Self.postgresEpoch)
        let first: Int64 = -211_813_488_000_000_000
        integer(overflow || shifted < first ? Int64.min : shifted)
    }

    /// `timestamptz`, from nanoseconds since 1970-01-01 UTC, rounded down to the microsecond.
    public mutating func timestamp(unixNanoseconds value: Int64?) {
        guard let value else { return null() }
        timestamp(unixMicroseconds: value >= 0 ? value / 1000 : (value - 999) / 1000)
    }

    /// `text` that a peer chose, escaped as ``PeerText`` says.
    public mutating func text(_ bytes: RawSpan) {
        // Proof: the pointer is used only while `bytes` is borrowed.
        unsafe bytes.withUnsafeBytes { unsafe escaped($0) }
    }

    /// `text` that a peer chose, escaped as ``PeerText`` says. Escaping twice doubles backslashes twice: what
    /// is escaped already goes through ``verbatim(_:)``.
    public mutating func text(_ value: String?) {
        guard var value else { return null() }
        // Proof: the pointer is used only inside the call.
        value.withUTF8 { unsafe escaped(UnsafeRawBufferPointer($0)) }
    }

    /// `text` of our own making (names from the catalogue, text escaped before), stored as it is.
    ///
    /// It must not hold a NUL, which PostgreSQL's `text` cannot store: everything from a NUL on is dropped.
    public mutating func verbatim(_ value: String?) {
        guard var value else { return null() }
        // Proof: the pointer is used only inside the call.
        value.withUTF8 { utf8 in
            let count = unsafe utf8.firstIndex(of: 0) ?? utf8.count
            unsafe bytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(utf8)[..<count]))
        }
    }

    /// `bytea`.
    public mutating func bytea(_ value: RawSpan) {
        // Proof: the pointer is used only while `value` is borrowed.
        unsafe value.withUnsafeBytes { unsafe bytes($0) }
    }

    /// `bytea`.
    public mutating func bytea(_ value: [UInt8]?) {
        guard let value else { return null() }
        unsafe bytea(value.span.bytes)
    }

    /// `uuid`, from its sixteen bytes.
    public mutating func uuid(_ value: [UInt8]?) {
        guard let value else { return null() }
        unsafe uuid(value.span.bytes)
    }

    /// `uuid`, from its sixteen bytes.
    public mutating func uuid(_ value: RawSpan) {
        precondition(value.byteCount == 16, "a uuid has sixteen bytes")
        bytea(value)
    }

    /// `jsonb`, from JSON text of our own making.
    public mutating func jsonb(_ json: String?) {
        guard var json else { return null() }
        // Proof: the pointer is used only inside the call.
        json.withUTF8 { utf8 in
            let place = claimField(1 + utf8.count)
            store(UInt8(1), at: place)  // The version of jsonb's binary form.
            unsafe copy(UnsafeRawBufferPointer(utf8), to: place + 1)
        }
    }

    /// NULL, of any type.
    public mutating func null() {
        countField()
        let place = claim(4)
        store(Int32(-1), at: place)
    }

    /// The rows' bytes, for whoever sends them.
    var bytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get { unsafe storage.span.bytes.extracting(first: end) }
    }

    // MARK: - Placing bytes

    private mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(_ value: T?) {
        guard let value else { return null() }
        let place = claimField(MemoryLayout<T>.size)
        store(value, at: place)
    }

    private mutating func bytes(_ run: UnsafeRawBufferPointer) {
        let place = claimField(run.count)
        unsafe copy(run, to: place)
    }

    private mutating func escaped(_ run: UnsafeRawBufferPointer) {
        // Most peer text needs no escaping: copied at once when it does not.
        var length = run.count
        for index in run.indices {
            let byte = unsafe run[index]
            if !PeerText.isPlain(byte) { length += byte == PeerText.backslash ? 1 : 3 }
        }
        let place = claimField(length)
        guard length != run.count else { return unsafe copy(run, to: place) }
        var at = place
        for index in run.indices {
            let byte = unsafe run[index]
            if PeerText.isPlain(byte) {
                storage[at] = byte
                at += 1
            } else if byte == PeerText.backslash {
                storage[at] = byte
                storage[at + 1] = byte
                at += 2
            } else {
                storage[at] = PeerText.backslash
                storage[at + 1] = UInt8(ascii: "x")
                storage[at + 2] = PeerText.digit(byte >> 4)
                storage[at + 3] = PeerText.digit(byte & 15)
                at += 4
            }
        }
    }

    @inline(__always)
    private mutating func countField() {
        precondition(missingFields > 0, "a field more than the row's columns")
        missingFields -= 1
    }

    /// Writes the length word of a field of `count` bytes and returns where its bytes go.
    @inline(__always)
    private mutating func claimField(_ count: Int) -> Int {
        countField()
        let place = claim(4 + count)
        store(Int32(count), at: place)
        return place + 4
    }

    /// Extends the rows by `count` bytes and returns where they begin.
    @inline(__always)
    private mutating func claim(_ count: Int) -> Int {
        let place = end
        end += count
        if end > storage.count { grow() }
        return place
    }

    @inline(never)
    private mutating func grow() {
        let size = max(end, storage.count * 2)
        storage.reserveCapacity(size)
        storage.append(contentsOf: repeatElement(0, count: size - storage.count))
    }

    @inline(__always)
    private mutating func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at place: Int) {
        precondition(place >= 0 && place + MemoryLayout<T>.size <= storage.count)
        // Proof: the range was checked in the line above, and `storage` is initialised to its count.
        unsafe storage.withUnsafeMutableBytes {
            unsafe $0.storeBytes(of: value.bigEndian, toByteOffset: place, as: T.self)
        }
    }

    @inline(__always)
    private mutating func copy(_ run: UnsafeRawBufferPointer, to place: Int) {
        guard let source = run.baseAddress, run.count > 0 else { return }
        precondition(place >= 0 && place + run.count <= storage.count)
        // Proof: the range was checked above; source and storage do not overlap, since storage is ours alone.
        unsafe storage.withUnsafeMutableBytes {
            unsafe UnsafeMutableRawBufferPointer(rebasing: $0[place..<place + run.count])
                .copyMemory(from: UnsafeRawBufferPointer(start: source, count: run.count))
        }
    }
}
