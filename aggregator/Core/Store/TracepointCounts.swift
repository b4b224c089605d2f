internal import PostgreSQL
internal import Tracepoints

/// Counters of one tracepoint of one process and ring.
struct CountsKey: Hashable {
    let run: Int64
    let epoch: Int64
    let tracepoint: Tracepoint
}

/// The row of `stream_tracepoint`: hits = stored + counted + everything lost, or `stream_audit` shows it.
///
/// Each event stored adds to `hits` and `stored`; a counters record of the agent sets hits, counted and lost
/// to what the kernel counted at that place of the stream.
struct TracepointCounts: Equatable {
    var hits: Int64 = 0
    var stored: Int64 = 0
    var counted: Int64 = 0
    var lostRing: Int64 = 0
    var lostUnreadable: Int64 = 0
    var lostUser: Int64 = 0
    var lostSpool: Int64 = 0
    var lostQuarantine: Int64 = 0
    var isDirty = true

    /// Events of the stream that are accounted for: what a tally's cumulative count counts.
    var settled: Int64 { stored.clampedSum(lostSpool).clampedSum(lostQuarantine) }

    mutating func store() {
        hits = hits.clampedSum(1)
        stored = stored.clampedSum(1)
        isDirty = true
    }

    mutating func quarantine(_ events: Int64 = 1) {
        hits = hits.clampedSum(events)
        lostQuarantine = lostQuarantine.clampedSum(events)
        isDirty = true
    }

    mutating func loseInSpool(_ events: Int64) {
        hits = hits.clampedSum(events)
        lostSpool = lostSpool.clampedSum(events)
        isDirty = true
    }

    static let columns = [
        "node_id", "stream_id", "run_id", "ring_epoch", "tracepoint", "hits", "stored", "counted",
        "lost_ring", "lost_unreadable", "lost_user", "lost_spool", "lost_quarantine",
    ]

    func write(_ stream: StreamKey, _ key: CountsKey, into rows: inout CopyBuffer) {
        rows.beginRow(columns: Int16(Self.columns.count))
        rows.int32(stream.node)
        rows.int64(stream.stream)
        rows.int64(key.run)
        rows.int64(key.epoch)
        rows.verbatim(key.tracepoint.name)
        for value in [hits, stored, counted, lostRing, lostUnreadable, lostUser, lostSpool, lostQuarantine] {
            rows.int64(value)
        }
    }
}
