public import ByteCodec

/// The aggregator's word that it did not take a batch, and what to do about it.
public struct Nack: FrameMessage {
    /// Its frame's type.
    public static let type = FrameType.nack

    /// Why.
    public struct Code: RawRepresentable, Sendable, Hashable {
        /// The number on the wire.
        public let rawValue: UInt16
        /// A code from the number on the wire.
        public init(rawValue: UInt16) { self.rawValue = rawValue }

        /// It can never be stored and was put aside; its ACK follows all the same.
        public static let quarantined = Code(rawValue: 1)
        /// Send again from `lastSequence` + 1; everything up to there is held or committed.
        public static let resume = Code(rawValue: 2)
        /// HELLO did not name this stream.
        public static let unknownStream = Code(rawValue: 3)
        /// Numbers are missing that no gap batch declared; send again from `lastSequence` + 1.
        public static let gapNotDeclared = Code(rawValue: 4)
    }

    /// The stream.
    public var streamID: UInt64
    /// The first number of the batch.
    public var firstSequence: UInt64
    /// The last number of the batch; under ``Code/resume`` the last number that is held.
    public var lastSequence: UInt64
    /// Why.
    public var code: Code
    /// Why, for a person.
    public var reason: String

    /// A refusal.
    public init(streamID: UInt64, firstSequence: UInt64, lastSequence: UInt64, code: Code, reason: String) {
        self.streamID = streamID
        self.firstSequence = firstSequence
        self.lastSequence = lastSequence
        self.code = code
        self.reason = reason
    }

    /// Reads the body of NACK.
    @_lifetime(body: copy body)
    public init(_ body: inout ByteReader) throws(ByteCodecError) {
        streamID = try body.u64()
        firstSequence = try body.u64()
        lastSequence = try body.u64()
        code = Code(rawValue: try body.u16())
        reason = try body.text16()
    }

    /// Appends the body of NACK.
    public func encodeBody(into writer: inout ByteWriter) {
        writer.u64(streamID)
        writer.u64(firstSequence)
        writer.u64(lastSequence)
        writer.u16(code.rawValue)
        writer.text16(reason)
    }
}
