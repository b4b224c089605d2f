/// What every event row begins with, and the thread that fired it.
struct EventContext {
    /// Number of the node.
    let nodeID: Int32
    /// The process; 0 when the record names none.
    let run: Int64
    /// Microseconds since 1970 on the node's own clock.
    let micros: Int64
    /// Clock segment.
    let clk: Int32
    /// Number of the record in its stream.
    let sequence: Int64
    /// The thread that hit the tracepoint; 0 when unknown.
    let tid: Int32
}
