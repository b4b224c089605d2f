internal import ByteCodec

/// A record that is not a tracepoint event; see ``ControlKind``.
public enum ControlRecord: Sendable, Equatable {
    /// A bitcoind process was recognised as the node; a run begins.
    case processStart(ProcessStart)
    /// The process of this run is gone.
    case processExit(ProcessExit)
    /// A probe was attached, is missing, failed, or was detached.
    case probe(ProbeReport)
    /// The wall clock was stepped; a new `clk` follows.
    case clockStep(ClockStep)
    /// One exchange of timestamps, at the record's time. Θ is the aggregator's monotonic clock minus the node's.
    case clockSample(ClockSample)
    /// The kernel's counters of the record's run since the ring epoch began.
    case counters(Counters)
    /// Events of the record's run are missing for a time.
    case gap(GapNotice)
    /// This tracepoint of the record's run was attached, under policy `full` and without gap.
    case coverage(Coverage)
    /// How the agent is doing.
    case agentStatus(AgentStatus)
    /// The capture policy of a tracepoint from here on.
    case policy(PolicyChange)
    /// Events of the record's run under policy `count` since the last such record.
    case count(EventCount)

    /// The number of its kind.
    public var kind: ControlKind {
        switch self {
        case .processStart: .processStart
        case .processExit: .processExit
        case .probe: .probe
        case .clockStep: .clockStep
        case .clockSample: .clockSample
        case .counters: .counters
        case .gap: .gap
        case .coverage: .coverage
        case .agentStatus: .agentStatus
        case .policy: .policy
        case .count: .count
        }
    }

    /// Adds it to `builder` as one record.
    ///
    /// - Parameter run: the process it is about, if it is about one.
    public func encode(into builder: inout BatchBuilder, run: UInt64?, tid: UInt32 = 0, monotonic: UInt64) {
        builder.begin(kind: kind.rawValue, run: run, tid: tid, monotonic: monotonic)
        switch self {
        case .processStart(let record): record.encode(into: &builder)
        case .processExit(let record): record.encode(into: &builder)
        case .probe(let record): record.encode(into: &builder)
        case .clockStep(let record): record.encode(into: &builder)
        case .clockSample(let record): record.encode(into: &builder)
        case .counters(let record): record.encode(into: &builder)
        case .gap(let record): record.encode(into: &builder)
        case .coverage(let record): record.encode(into: &builder)
        case .agentStatus(let record): record.encode(into: &builder)
        case .policy(let record): record.encode(into: &builder)
        case .count(let record): record.encode(into: &builder)
        }
        builder.end()
    }

    /// Decodes a record that a ``RecordCursor`` of `batch` handed out; nil when it is a tracepoint event.
    public init?(_ record: borrowing Record, in batch: borrowing BatchReader) throws(BatchError) {
        guard let kind = ControlKind(rawValue: record.kind) else { return nil }
        var body = record.body
        do {
            switch kind {
            case .processStart: self = .processStart(try ProcessStart(&body, batch))
            case .processExit: self = .processExit(try ProcessExit(&body))
            case .probe: self = .probe(try ProbeReport(&body, batch))
            case .clockStep: self = .clockStep(try ClockStep(&body))
            case .clockSample: self = .clockSample(try ClockSample(&body))
            case .counters: self = .counters(try Counters(&body))
            case .gap: self = .gap(try GapNotice(&body, batch))
            case .coverage: self = .coverage(try Coverage(&body))
            case .agentStatus: self = .agentStatus(try AgentStatus(&body))
            case .policy: self = .policy(try PolicyChange(&body))
            case .count: self = .count(try EventCount(&body))
            }
        } catch {
            throw .badBytes(
                place: "body of record", index: Int(clamping: record.sequence &- batch.header.firstSequence),
                error)
        }
        guard body.isAtEnd else {
            throw .badRecord(
                index: Int(clamping: record.sequence &- batch.header.firstSequence), kind: record.kind,
                rule: "nothing behind the last field")
        }
    }
}
