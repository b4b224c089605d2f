public import ByteCodec

/// What is unusual about a record.
public struct RecordFlags: OptionSet, Sendable, Hashable {
    /// The byte on the wire.
    public let rawValue: UInt8
    /// Flags from the byte on the wire.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A string was longer than its room and is cut.
    public static let stringCut = RecordFlags(rawValue: 1)
    /// The payload could not be read from the process: it is empty though `size` is not.
    public static let payloadUnreadable = RecordFlags(rawValue: 2)
    /// The node left out the tracepoint's optional last argument.
    public static let optionalAbsent = RecordFlags(rawValue: 4)
}

/// One record of a batch, borrowed from its bytes.
public struct Record: ~Escapable {
    /// A ``Tracepoint`` number, or a ``ControlKind`` from 64 on.
    public let kind: UInt8
    /// What is unusual about it.
    public let flags: RecordFlags
    /// Its number in the stream.
    public let sequence: UInt64
    /// CLOCK_MONOTONIC of the node's host in nanoseconds, below 2⁶³.
    public let monotonic: UInt64
    /// The bitcoind process it is about; tracepoint events always have one.
    public let run: UInt64?
    /// The thread that hit the tracepoint, or 0.
    public let tid: UInt32
    /// The arguments; exactly this record's bytes. String indexes in it have been checked.
    public var body: ByteReader

    @_lifetime(copy body)
    init(
        kind: UInt8, flags: RecordFlags, sequence: UInt64, monotonic: UInt64, run: UInt64?, tid: UInt32,
        body: ByteReader
    ) {
        self.kind = kind
        self.flags = flags
        self.sequence = sequence
        self.monotonic = monotonic
        self.run = run
        self.tid = tid
        self.body = body
    }
}
