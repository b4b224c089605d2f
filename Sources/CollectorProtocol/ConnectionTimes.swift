/// The time-outs of a connection, in nanoseconds.
public enum ConnectionTimes {
    /// An aggregator waits this long for HELLO.
    public static let hello: UInt64 = 10_000_000_000
    /// An agent waits this long for WELCOME, for which the aggregator asks its database.
    public static let welcome: UInt64 = 30_000_000_000
    /// An agent waits this long for a PONG.
    public static let pong: UInt64 = 10_000_000_000
    /// An aggregator lets an agent be silent this long.
    public static let silence: UInt64 = 30_000_000_000
    /// Exchanges of timestamps before the first batch.
    public static let exchangesBeforeBatches = 8
}
