internal import ByteCodec

/// How far a stream is committed.
public struct StreamPosition: Sendable, Equatable {
    /// The stream.
    public var streamID: UInt64
    /// The last committed sequence number, or 0 before the first.
    public var durableSequence: UInt64

    /// A stream's position.
    public init(streamID: UInt64, durableSequence: UInt64) {
        self.streamID = streamID
        self.durableSequence = durableSequence
    }

    /// The number from which an agent sends next.
    public var firstToSend: UInt64 { durableSequence &+ 1 }

    /// The numbers that the agent must declare lost first, given what its spool holds now.
    ///
    /// - Parameters:
    ///   - oldest: the oldest number in the spool, or 0 when it is empty.
    ///   - next: the number that the next record will get.
    public func missing(oldest: UInt64, next: UInt64) -> ClosedRange<UInt64>? {
        let present = oldest == 0 ? next : oldest
        return present > firstToSend ? firstToSend...(present - 1) : nil
    }

    /// The number at which the agent's numbering must go on when the aggregator is ahead of it, or nil.
    public func jump(next: UInt64) -> UInt64? {
        next <= durableSequence ? firstToSend : nil
    }

    func write(into writer: inout ByteWriter) {
        writer.u64(streamID)
        writer.u64(durableSequence)
    }

    @_lifetime(body: copy body)
    init(_ body: inout ByteReader) throws(ByteCodecError) {
        streamID = try body.u64()
        durableSequence = try body.u64()
    }
}
