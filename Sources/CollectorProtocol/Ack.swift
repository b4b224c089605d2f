public import ByteCodec

/// The aggregator's promise that streams are committed up to these numbers; cumulative.
public struct Ack: FrameMessage {
    /// Its frame's type.
    public static let type = FrameType.ack

    /// The streams that moved, at most 65535.
    public var streams: [StreamPosition]

    /// An acknowledgement.
    public init(streams: [StreamPosition]) { self.streams = streams }

    /// Reads the body of ACK.
    @_lifetime(body: copy body)
    public init(_ body: inout ByteReader) throws(ByteCodecError) {
        streams = []
        for _ in 0..<(try body.u16()) { streams.append(try StreamPosition(&body)) }
    }

    /// Appends the body of ACK.
    public func encodeBody(into writer: inout ByteWriter) {
        writer.list16(streams) { writer, stream in stream.write(into: &writer) }
    }
}
