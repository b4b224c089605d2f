internal import ByteCodec

/// How the agent is doing.
public struct AgentStatus: Sendable, Equatable {
    /// Bytes in its spool.
    public var spoolBytes: UInt64
    /// Its resident memory.
    public var residentBytes: UInt64
    /// Bytes waiting in the ring.
    public var ringUsedBytes: UInt64
    /// Time since its start.
    public var uptimeMilliseconds: UInt64

    /// The record with these fields.
    public init(spoolBytes: UInt64, residentBytes: UInt64, ringUsedBytes: UInt64, uptimeMilliseconds: UInt64)
    {
        self.spoolBytes = spoolBytes
        self.residentBytes = residentBytes
        self.ringUsedBytes = ringUsedBytes
        self.uptimeMilliseconds = uptimeMilliseconds
    }

    func encode(into builder: inout BatchBuilder) {
        builder.unsigned(spoolBytes)
        builder.unsigned(residentBytes)
        builder.unsigned(ringUsedBytes)
        builder.unsigned(uptimeMilliseconds)
    }

    @_lifetime(body: copy body)
    init(_ body: inout ByteReader) throws(ByteCodecError) {
        spoolBytes = try body.varint()
        residentBytes = try body.varint()
        ringUsedBytes = try body.varint()
        uptimeMilliseconds = try body.varint()
    }
}

/// The capture policy of a tracepoint from here on.
public struct PolicyChange: Sendable, Equatable {
    /// The number of the `Tracepoint`.
    public var tracepoint: UInt8
    /// The policy.
    public var mode: CaptureMode

    /// The record with these fields.
    public init(tracepoint: UInt8, mode: CaptureMode) {
        self.tracepoint = tracepoint
        self.mode = mode
    }

    func encode(into builder: inout BatchBuilder) {
        builder.byte(tracepoint)
        builder.byte(mode.rawValue)
    }

    @_lifetime(body: copy body)
    init(_ body: inout ByteReader) throws(ByteCodecError) {
        tracepoint = try body.u8()
        mode = CaptureMode(rawValue: try body.u8())
    }
}
