internal import ByteCodec

/// The kernel's counters of one tracepoint of one run since the ring epoch began.
public struct CounterEntry: Sendable, Equatable {
    /// The number of the `Tracepoint`.
    public var tracepoint: UInt8
    /// Every time it fired, at this place of the stream: records before this one, counted and lost together.
    public var hits: UInt64
    /// Of them, counted only, under policy `count`.
    public var counted: UInt64
    /// Of them, lost because the ring was full.
    public var lostRing: UInt64
    /// Of them, lost because arguments could not be read.
    public var lostUnreadable: UInt64
    /// Of them, lost in the streamer.
    public var lostUser: UInt64

    /// An entry with these counts.
    public init(
        tracepoint: UInt8, hits: UInt64, counted: UInt64, lostRing: UInt64, lostUnreadable: UInt64,
        lostUser: UInt64
    ) {
        self.tracepoint = tracepoint
        self.hits = hits
        self.counted = counted
        self.lostRing = lostRing
        self.lostUnreadable = lostUnreadable
        self.lostUser = lostUser
    }

    func encode(into builder: inout BatchBuilder) {
        builder.byte(tracepoint)
        for count in [hits, counted, lostRing, lostUnreadable, lostUser] { builder.unsigned(count) }
    }

    @_lifetime(body: copy body)
    init(_ body: inout ByteReader) throws(ByteCodecError) {
        tracepoint = try body.u8()
        hits = try body.varint()
        counted = try body.varint()
        lostRing = try body.varint()
        lostUnreadable = try body.varint()
        lostUser = try body.varint()
    }
}
