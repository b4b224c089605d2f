internal import ByteCodec
internal import CollectorProtocol
internal import Tracepoints

/// A walk over a batch before it is applied: proves that every record can be read, and says which days,
/// processes and peers it touches, so that partitions and cached rows are there when it is.
struct BatchSurvey {
    /// Rows that have to be in memory before the batch is applied.
    struct Needs {
        var runs: Set<Int64> = []
        var sessions: Set<SessionKey> = []
        var days: Set<UTCDay> = []

        mutating func formUnion(_ other: Needs) {
            runs.formUnion(other.runs)
            sessions.formUnion(other.sessions)
            days.formUnion(other.days)
        }
    }

    /// What the batch touches.
    private(set) var needs = Needs()
    /// The earliest and latest CLOCK_MONOTONIC of its records.
    private(set) var monotonic: ClosedRange<Int64>?
    /// The latest event in microseconds since 1970.
    private(set) var lastEvent: Int64?

    /// Walks all of `batch`. Events outside of `accepted` microseconds will be quarantined and need no partition.
    init(_ batch: borrowing BatchReader, accepted: ClosedRange<Int64>) throws(BatchError) {
        for run in batch.runs { needs.runs.insert(Int64(clamping: run)) }
        guard batch.header.kind == .events else { return }
        var latest: SessionKey?
        var latestDay: UTCDay?
        var earliest = Int64.max
        var newest = Int64.min
        var cursor = batch.records()
        while let record = try cursor.next() {
            let mono = Int64(clamping: record.monotonic)
            earliest = min(earliest, mono)
            newest = max(newest, mono)
            let micros = Timestamp.micros(batch.header, record.monotonic)
            guard let tracepoint = Tracepoint(rawValue: record.kind) else {
                if record.kind == ControlKind.count.rawValue, accepted.contains(micros) {
                    needs.days.insert(UTCDay(micros: micros))
                }
                continue
            }
            guard accepted.contains(micros) else { continue }
            lastEvent = max(lastEvent ?? micros, micros)
            let day = UTCDay(micros: micros)
            if day != latestDay {
                needs.days.insert(day)
                latestDay = day
            }
            guard tracepoint.namesPeer, let run = record.run else { continue }
            var body = record.body
            guard let peer = try? body.zigzag() else { continue }
            let key = SessionKey(run: Int64(clamping: run), peer: peer)
            if key != latest {
                needs.sessions.insert(key)
                latest = key
            }
        }
        if earliest <= newest { monotonic = earliest...newest }
    }
}

extension Tracepoint {
    /// Whether its first argument is a peer.
    var namesPeer: Bool { Self.peerNames[Int(rawValue)] }

    private static let peerNames =
        [false] + allCases.map { $0.arguments.first?.name == "peer_id" }
}

/// Times of rows.
enum Timestamp {
    /// Microseconds since 1970 of a record, rounded down; nothing lies before 1970.
    static func micros(_ header: BatchHeader, _ monotonic: UInt64) -> Int64 {
        max(0, header.realtime(at: monotonic)) / 1000
    }
}
