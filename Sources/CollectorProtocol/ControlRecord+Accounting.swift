internal import ByteCodec

/// The kernel's counters of the record's run since the ring epoch began.
public struct Counters: Sendable, Equatable {
    /// One entry a tracepoint.
    public var entries: [CounterEntry]

    /// The record with these fields.
    public init(entries: [CounterEntry]) {
        self.entries = entries
    }

    func encode(into builder: inout BatchBuilder) {
        builder.unsigned(UInt64(entries.count))
        for entry in entries { entry.encode(into: &builder) }
    }

    @_lifetime(body: copy body)
    init(_ body: inout ByteReader) throws(ByteCodecError) {
        entries = []
        for _ in 0..<(try body.varint()) { entries.append(try CounterEntry(&body)) }
    }
}

/// Events of the record's run are missing for a time.
public struct GapNotice: Sendable, Equatable {
    /// `blind`, `ring_full`, `unreadable`, `unmatched_process` and so on.
    public var reason: String
    /// The number of the `Tracepoint`, or 0 for all.
    public var tracepoint: UInt8
    /// Since when.
    public var fromMonotonic: UInt64
    /// Until when.
    public var toMonotonic: UInt64
    /// How many, or nil when nobody can know.
    public var count: UInt64?

    /// The record with these fields.
    public init(reason: String, tracepoint: UInt8, fromMonotonic: UInt64, toMonotonic: UInt64, count: UInt64?)
    {
        self.reason = reason
        self.tracepoint = tracepoint
        self.fromMonotonic = fromMonotonic
        self.toMonotonic = toMonotonic
        self.count = count
    }

    func encode(into builder: inout BatchBuilder) {
        builder.string(reason)
        builder.byte(tracepoint)
        builder.unsigned(fromMonotonic)
        builder.unsigned(toMonotonic)
        builder.unsigned(count.map { $0 &+ 1 } ?? 0)
    }

    @_lifetime(body: copy body)
    init(_ body: inout ByteReader, _ batch: borrowing BatchReader) throws(ByteCodecError) {
        reason = try batch.text(&body)
        tracepoint = try body.u8()
        fromMonotonic = try body.varint()
        toMonotonic = try body.varint()
        let known = try body.varint()
        count = known == 0 ? nil : known - 1
    }
}

/// This tracepoint of the record's run was attached, under policy `full` and without gap.
public struct Coverage: Sendable, Equatable {
    /// The number of the `Tracepoint`.
    public var tracepoint: UInt8
    /// Since when; names the interval, so that a repetition replaces it.
    public var fromMonotonic: UInt64
    /// Until when, or 0 while it goes on.
    public var toMonotonic: UInt64

    /// The record with these fields.
    public init(tracepoint: UInt8, fromMonotonic: UInt64, toMonotonic: UInt64) {
        self.tracepoint = tracepoint
        self.fromMonotonic = fromMonotonic
        self.toMonotonic = toMonotonic
    }

    func encode(into builder: inout BatchBuilder) {
        builder.byte(tracepoint)
        builder.unsigned(fromMonotonic)
        builder.unsigned(toMonotonic)
    }

    @_lifetime(body: copy body)
    init(_ body: inout ByteReader) throws(ByteCodecError) {
        tracepoint = try body.u8()
        fromMonotonic = try body.varint()
        toMonotonic = try body.varint()
    }
}

/// Events of the record's run under policy `count` since the last such record.
public struct EventCount: Sendable, Equatable {
    /// The number of the `Tracepoint`.
    public var tracepoint: UInt8
    /// How many.
    public var count: UInt64

    /// The record with these fields.
    public init(tracepoint: UInt8, count: UInt64) {
        self.tracepoint = tracepoint
        self.count = count
    }

    func encode(into builder: inout BatchBuilder) {
        builder.byte(tracepoint)
        builder.unsigned(count)
    }

    @_lifetime(body: copy body)
    init(_ body: inout ByteReader) throws(ByteCodecError) {
        tracepoint = try body.u8()
        count = try body.varint()
    }
}
