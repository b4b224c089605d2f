public import ByteCodec

/// The agent's question for the aggregator's time.
public struct Ping: FrameMessage {
    /// Its frame's type.
    public static let type = FrameType.ping

    /// Counts up from 1 in a connection.
    public var id: UInt64
    /// T1: the agent's CLOCK_MONOTONIC when it was sent, in nanoseconds.
    public var sent: UInt64

    /// A ping.
    public init(id: UInt64, sent: UInt64) {
        self.id = id
        self.sent = sent
    }

    /// Reads the body of PING.
    @_lifetime(body: copy body)
    public init(_ body: inout ByteReader) throws(ByteCodecError) {
        id = try body.u64()
        sent = try body.u64()
    }

    /// Appends the body of PING.
    public func encodeBody(into writer: inout ByteWriter) {
        writer.u64(id)
        writer.u64(sent)
    }
}
