public import ByteCodec

/// The aggregator's answer to HELLO: limits, its clock, and where each stream goes on.
public struct Welcome: FrameMessage {
    /// Its frame's type.
    public static let type = FrameType.welcome

    /// The version spoken from here on.
    public var version: UInt16
    /// The largest length field of a frame.
    public var maximumFrameLength: UInt32
    /// Bytes of unacknowledged batches that may be on their way.
    public var windowBytes: UInt32
    /// Unacknowledged batches that may be on their way.
    public var windowBatches: UInt32
    /// Milliseconds between two pings.
    public var heartbeatMilliseconds: UInt32
    /// Which aggregator this is.
    public var aggregatorID: String
    /// The boot of its host: the clock that PONG speaks of.
    public var reference: BootID
    /// Realtime − monotonic of that host in nanoseconds, fixed for its boot.
    public var referenceOffset: Int64
    /// One entry for each stream of HELLO.
    public var streams: [StreamPosition]

    /// A welcome in the current version.
    public init(
        maximumFrameLength: UInt32 = UInt32(FrameDecoder.largestLength), windowBytes: UInt32,
        windowBatches: UInt32, heartbeatMilliseconds: UInt32 = 1000, aggregatorID: String, reference: BootID,
        referenceOffset: Int64, streams: [StreamPosition]
    ) {
        version = Hello.currentVersion
        self.maximumFrameLength = maximumFrameLength
        self.windowBytes = windowBytes
        self.windowBatches = windowBatches
        self.heartbeatMilliseconds = heartbeatMilliseconds
        self.aggregatorID = aggregatorID
        self.reference = reference
        self.referenceOffset = referenceOffset
        self.streams = streams
    }

    /// Reads the body of WELCOME.
    @_lifetime(body: copy body)
    public init(_ body: inout ByteReader) throws(ByteCodecError) {
        version = try body.u16()
        maximumFrameLength = try body.u32()
        windowBytes = try body.u32()
        windowBatches = try body.u32()
        heartbeatMilliseconds = try body.u32()
        aggregatorID = try body.text16()
        reference = try BootID(&body)
        referenceOffset = try body.i64()
        streams = []
        for _ in 0..<(try body.u16()) { streams.append(try StreamPosition(&body)) }
    }

    /// Appends the body of WELCOME.
    public func encodeBody(into writer: inout ByteWriter) {
        writer.u16(version)
        writer.u32(maximumFrameLength)
        writer.u32(windowBytes)
        writer.u32(windowBatches)
        writer.u32(heartbeatMilliseconds)
        writer.text16(aggregatorID)
        reference.write(into: &writer)
        writer.i64(referenceOffset)
        writer.list16(streams) { writer, stream in stream.write(into: &writer) }
    }
}
