internal import ByteCodec

/// What a frame is; the number on the wire never changes.
public enum FrameType: UInt8, Sendable, CaseIterable {
    /// Agent: who I am and what I have.
    case hello = 1
    /// Aggregator: the limits, and where to go on.
    case welcome
    /// Agent: records, or a gap.
    case batch
    /// Aggregator: committed up to here.
    case ack
    /// Aggregator: not that batch.
    case nack
    /// Agent: what time is it, and are you there?
    case ping
    /// Aggregator: the answer.
    case pong
    /// Aggregator: reserved for changing the capture policy.
    case policy
    /// Either side: the last frame.
    case goodbye
}

/// Finds frames in a stream of bytes without copying or keeping any.
///
/// A frame is a big-endian `u32` length of what follows, `u8` type, `u8` flags, and the body. The owner keeps
/// the bytes in a buffer of its own and asks after each arrival; the maximum is enforced as soon as the four
/// bytes of length are there, so no buffer ever has to grow for a frame that is refused.
public struct FrameDecoder: Sendable {
    /// Bytes before the body.
    public static let headerByteCount = 6
    /// The length field of a frame with the largest legal batch; the smallest maximum an aggregator may have.
    public static let largestLength = BatchHeader.maximumByteCount + 2

    /// The largest length field that is accepted; see ``AggregatorConnection/maximumFrameLength``.
    public var maximumLength: Int

    /// A decoder that accepts frames whose length field is at most `maximumLength`.
    public init(maximumLength: Int = FrameDecoder.largestLength) { self.maximumLength = maximumLength }

    /// What the bytes so far amount to.
    public enum Step: Equatable, Sendable {
        /// The frame needs `total` bytes in all, as far as is known yet.
        case needMore(total: Int)
        /// A whole frame: its type, where its body is, and how many bytes to drop afterwards.
        case frame(type: FrameType, body: Range<Int>, total: Int)
    }

    /// Looks at the frame that begins at the first of `readable`.
    public func next(in readable: RawSpan) throws(ProtocolError) -> Step {
        var reader = ByteReader(readable)
        guard let length32 = try? reader.u32BigEndian() else { return .needMore(total: Self.headerByteCount) }
        let length = Int(length32)
        guard length >= 2 else {
            throw ProtocolError("frame: expected a length of at least 2, found \(length)")
        }
        guard length <= maximumLength else {
            throw ProtocolError(
                "frame: expected a length of at most \(maximumLength), found \(length)", code: .tooLarge)
        }
        guard let number = try? reader.u8(), let flags = try? reader.u8() else {
            return .needMore(total: 4 + length)
        }
        guard let type = FrameType(rawValue: number) else {
            throw ProtocolError("frame: expected a type from 1 to 9, found \(number)")
        }
        guard flags == 0 else { throw ProtocolError("frame: expected flags 0, found \(flags)") }
        guard readable.byteCount >= 4 + length else { return .needMore(total: 4 + length) }
        return .frame(type: type, body: Self.headerByteCount..<4 + length, total: 4 + length)
    }
}
