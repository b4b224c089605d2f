/// How many events of one tracepoint of one process a batch carries, and how many the stream has so far.
///
/// With the tallies at a segment's front, a segment that is lost can still be declared by count.
public struct Tally: Sendable, Equatable {
    /// The run: one bitcoind process.
    public let run: UInt64
    /// The number of the ``Tracepoint``.
    public let tracepoint: UInt8
    /// Records in this batch; in a gap batch, records that are lost.
    public let delta: UInt64
    /// Records of this run since its ring epoch began, this batch included.
    public let cumulative: UInt64

    /// A tally.
    public init(run: UInt64, tracepoint: UInt8, delta: UInt64, cumulative: UInt64) {
        self.run = run
        self.tracepoint = tracepoint
        self.delta = delta
        self.cumulative = cumulative
    }
}
