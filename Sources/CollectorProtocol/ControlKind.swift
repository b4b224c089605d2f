/// Records that are not tracepoint events: what the agent itself has to say, in the same numbered stream.
public enum ControlKind: UInt8, CaseIterable, Sendable {
    /// A bitcoind process was recognised; a run begins.
    case processStart = 64
    /// It is gone.
    case processExit
    /// A probe was attached, is missing, failed or was detached.
    case probe
    /// The wall clock was stepped; the records that follow have a new `clk`.
    case clockStep
    /// An exchange of timestamps with the aggregator.
    case clockSample
    /// The kernel's counters of a run.
    case counters
    /// Events are missing for a time, and why.
    case gap
    /// A tracepoint was captured without gap for a time.
    case coverage
    /// How the agent is doing.
    case agentStatus
    /// The capture policy of a tracepoint.
    case policy
    /// Events of a tracepoint under policy `count`.
    case count

    var fields: [RecordLayout.Field] {
        switch self {
        case .processStart: [.varint, .varint, .varint, .string, .varint, .varint]
        case .processExit: [.varint]
        case .probe:
            [.byte, .byte, .varint, .byte, .varint, .byte, .byte, .varint, .varint, .string, .string]
        case .clockStep: [.zigzag]
        case .clockSample:
            [.zigzag, .zigzag, .uuid, .zigzag, .zigzag, .varint, .byte, .zigzag, .varint, .byte]
        case .counters: [.counterList]
        case .gap: [.string, .byte, .varint, .varint, .varint]
        case .coverage: [.byte, .varint, .varint]
        case .agentStatus: [.varint, .varint, .varint, .varint]
        case .policy: [.byte, .byte]
        case .count: [.byte, .varint]
        }
    }
}
