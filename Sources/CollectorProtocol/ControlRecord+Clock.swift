internal import ByteCodec

/// The wall clock was stepped; a new `clk` follows.
public struct ClockStep: Sendable, Equatable {
    /// By how much, forward positive.
    public var stepNanoseconds: Int64

    /// The record with these fields.
    public init(stepNanoseconds: Int64) {
        self.stepNanoseconds = stepNanoseconds
    }

    func encode(into builder: inout BatchBuilder) {
        builder.signed(stepNanoseconds)
    }

    @_lifetime(body: copy body)
    init(_ body: inout ByteReader) throws(ByteCodecError) {
        stepNanoseconds = try body.zigzag()
    }
}

/// One exchange of timestamps, at the record's time. Θ is the aggregator's monotonic clock minus the node's.
public struct ClockSample: Sendable, Equatable {
    /// Θ is at least this.
    public var lowNanoseconds: Int64
    /// Θ is at most this.
    public var highNanoseconds: Int64
    /// The boot of the aggregator's host.
    public var reference: BootID
    /// Realtime − monotonic of that host, fixed for its boot, in nanoseconds.
    public var referenceOffset: Int64
    /// Realtime − monotonic of the aggregator's host now.
    public var aggregatorRealMinusMono: Int64
    /// Its kernel's maxerror in nanoseconds; `UInt64.max` when unknown.
    public var aggregatorMaxError: UInt64
    /// Whether its kernel's clock is synchronised.
    public var aggregatorSynchronised: Bool
    /// Realtime − monotonic of the node's host now.
    public var nodeRealMinusMono: Int64
    /// Its kernel's maxerror in nanoseconds; `UInt64.max` when unknown.
    public var nodeMaxError: UInt64
    /// Whether its kernel's clock is synchronised.
    public var nodeSynchronised: Bool

    /// The record with these fields.
    public init(
        lowNanoseconds: Int64, highNanoseconds: Int64, reference: BootID, referenceOffset: Int64,
        aggregatorRealMinusMono: Int64, aggregatorMaxError: UInt64, aggregatorSynchronised: Bool,
        nodeRealMinusMono: Int64, nodeMaxError: UInt64, nodeSynchronised: Bool
    ) {
        self.lowNanoseconds = lowNanoseconds
        self.highNanoseconds = highNanoseconds
        self.reference = reference
        self.referenceOffset = referenceOffset
        self.aggregatorRealMinusMono = aggregatorRealMinusMono
        self.aggregatorMaxError = aggregatorMaxError
        self.aggregatorSynchronised = aggregatorSynchronised
        self.nodeRealMinusMono = nodeRealMinusMono
        self.nodeMaxError = nodeMaxError
        self.nodeSynchronised = nodeSynchronised
    }

    func encode(into builder: inout BatchBuilder) {
        builder.signed(lowNanoseconds)
        builder.signed(highNanoseconds)
        builder.uuid(reference)
        builder.signed(referenceOffset)
        builder.signed(aggregatorRealMinusMono)
        builder.unsigned(aggregatorMaxError)
        builder.boolean(aggregatorSynchronised)
        builder.signed(nodeRealMinusMono)
        builder.unsigned(nodeMaxError)
        builder.boolean(nodeSynchronised)
    }

    @_lifetime(body: copy body)
    init(_ body: inout ByteReader) throws(ByteCodecError) {
        lowNanoseconds = try body.zigzag()
        highNanoseconds = try body.zigzag()
        reference = try BootID(&body)
        referenceOffset = try body.zigzag()
        aggregatorRealMinusMono = try body.zigzag()
        aggregatorMaxError = try body.varint()
        aggregatorSynchronised = try body.u8() != 0
        nodeRealMinusMono = try body.zigzag()
        nodeMaxError = try body.varint()
        nodeSynchronised = try body.u8() != 0
    }
}
