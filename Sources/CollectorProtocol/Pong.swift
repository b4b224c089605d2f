public import ByteCodec

/// The aggregator's answer to PING, with what its kernel thinks of its wall clock.
public struct Pong: FrameMessage {
    /// Its frame's type.
    public static let type = FrameType.pong

    /// The ping's id.
    public var id: UInt64
    /// T1, repeated.
    public var pingSent: UInt64
    /// T2: the aggregator's CLOCK_MONOTONIC when the ping arrived, in nanoseconds.
    public var received: UInt64
    /// T3: the aggregator's CLOCK_MONOTONIC when this was sent.
    public var sent: UInt64
    /// Its realtime − monotonic now, in nanoseconds.
    public var realMinusMono: Int64
    /// Its kernel's maxerror in nanoseconds; `UInt64.max` when unknown.
    public var maxError: UInt64
    /// Whether its kernel's clock is synchronised.
    public var isSynchronised: Bool

    /// An answer to `ping`.
    public init(
        answering ping: Ping, received: UInt64, sent: UInt64, realMinusMono: Int64, maxError: UInt64,
        isSynchronised: Bool
    ) {
        id = ping.id
        pingSent = ping.sent
        self.received = received
        self.sent = sent
        self.realMinusMono = realMinusMono
        self.maxError = maxError
        self.isSynchronised = isSynchronised
    }

    /// Reads the body of PONG.
    @_lifetime(body: copy body)
    public init(_ body: inout ByteReader) throws(ByteCodecError) {
        id = try body.u64()
        pingSent = try body.u64()
        received = try body.u64()
        sent = try body.u64()
        realMinusMono = try body.i64()
        maxError = try body.u64()
        isSynchronised = try body.u8() != 0
    }

    /// Appends the body of PONG.
    public func encodeBody(into writer: inout ByteWriter) {
        writer.u64(id)
        writer.u64(pingSent)
        writer.u64(received)
        writer.u64(sent)
        writer.i64(realMinusMono)
        writer.u64(maxError)
        writer.u8(isSynchronised ? 1 : 0)
    }
}
