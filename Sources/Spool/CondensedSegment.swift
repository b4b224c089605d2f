import ByteCodec
import CollectorProtocol

/// What takes the place of segments dropped without acknowledgement: gap batches that count their events, and between
/// them, under their old numbers, the records of the agent's own that nothing later says again.
///
/// A process's end, its last counters, what was covered and what was lost, counted and attached stay known, however
/// long nobody listens. Of counters and coverage the last word counts; clock samples and the agent's state go.
///
/// There is a gap for each stretch of numbers of the same ring epoch, since counters are kept by epoch. A tally's delta
/// is what the stretch held, its cumulative count what the stream had behind it.
struct CondensedSegment {
    private(set) var bytes: [UInt8] = []
    private(set) var entries: [Segment.Entry] = []
    private let reason: String
    private let acknowledged: UInt64
    /// Numbers of the records that stay.
    private var kept: Set<UInt64> = []
    private var stretch: Stretch?
    private var records: Records?

    private struct Key: Hashable {
        let run: UInt64
        let tracepoint: UInt8
    }

    /// Numbers in a row that go.
    private struct Stretch {
        /// Of the newest batch in it.
        var header: BatchHeader
        let node: String
        let reason: String
        let first: UInt64
        var last: UInt64
        var lost: [Key: (delta: UInt64, cumulative: UInt64)] = [:]

        mutating func add(_ key: Key, delta: UInt64, cumulative: UInt64) {
            let before = lost[key] ?? (0, 0)
            lost[key] = (before.delta + delta, max(before.cumulative, cumulative))
        }
    }

    /// Numbers in a row that stay, of one batch.
    private struct Records {
        let header: BatchHeader
        let first: UInt64
        var builder: BatchBuilder

        init(_ header: BatchHeader, node: String, first: UInt64) {
            self.header = header
            self.first = first
            builder = BatchBuilder(node: node, streamID: header.streamID, bootID: header.bootID)
            builder.setClock(
                clk: header.clk, baseMonotonic: header.baseMonotonic, baseRealtime: header.baseRealtime)
        }
    }

    /// - Parameters:
    ///   - acknowledged: numbers up to here are stored, not lost, and are left out.
    ///   - keepsRecords: whether the agent's own records stay.
    init(replacing segments: [Segment], after acknowledged: UInt64, reason: String, keepsRecords: Bool) {
        self.reason = reason
        self.acknowledged = acknowledged
        if keepsRecords {
            var words = LastWords()
            Self.forEachBatch(of: segments, after: acknowledged) { words.take($0) }
            kept = words.numbers
        }
        Self.forEachBatch(of: segments, after: acknowledged) { batch in
            if batch.header.kind == .gap { addGap(batch) } else { addEvents(batch) }
        }
        closeStretch()
        closeRecords()
    }

    /// Where a batch cannot be read a hole stays, which is declared when its turn comes.
    private static func forEachBatch(
        of segments: [Segment], after acknowledged: UInt64, _ body: (borrowing BatchReader) -> Void
    ) {
        for segment in segments {
            for entry in segment.entries where entry.last > acknowledged {
                guard let bytes = try? segment.file.read(at: entry.offset, count: entry.length),
                    let reader = try? BatchReader(bytes.span.raw)
                else { continue }
                body(reader)
            }
        }
    }

    // MARK: - Batch by batch

    private mutating func addGap(_ batch: borrowing BatchReader) {
        let first = max(batch.header.firstSequence, acknowledged + 1)
        lose(first...batch.header.lastSequence, batch)
        for tally in batch.tallies {
            stretch?.add(
                Key(run: tally.run, tracepoint: tally.tracepoint), delta: tally.delta,
                cumulative: tally.cumulative)
        }
    }

    private mutating func addEvents(_ batch: borrowing BatchReader) {
        // What the stream had of each kind of event before the record at hand.
        var counts = batch.tallies.reduce(into: [Key: UInt64]()) {
            $0[Key(run: $1.run, tracepoint: $1.tracepoint)] = $1.cumulative - $1.delta
        }
        // That there were more than anybody has seen may be said in this batch alone.
        var news = counts
        var cursor = batch.records()
        while let record = try? cursor.next() {
            if record.sequence > acknowledged, kept.contains(record.sequence) {
                keep(record, batch, &news)
                continue
            }
            let key = record.run.map { Key(run: $0, tracepoint: record.kind) }
            let counted = key.flatMap { counts[$0] }
            if let key, let counted { counts[key] = counted + 1 }
            guard record.sequence > acknowledged else { continue }
            lose(record.sequence...record.sequence, batch)
            for (key, count) in news { stretch?.add(key, delta: 0, cumulative: count) }
            news = [:]
            if let key, let counted { stretch?.add(key, delta: 1, cumulative: counted + 1) }
        }
    }

    private mutating func lose(_ numbers: ClosedRange<UInt64>, _ batch: borrowing BatchReader) {
        closeRecords()
        if let open = stretch,
            open.header.ringEpoch != batch.header.ringEpoch || open.last + 1 != numbers.lowerBound
        {
            closeStretch()
        }
        if stretch == nil {
            stretch = Stretch(
                header: batch.header, node: batch.nodeName, reason: batch.gapReason ?? reason,
                first: numbers.lowerBound, last: 0)
        }
        stretch?.header = batch.header
        stretch?.last = numbers.upperBound
    }

    private mutating func keep(
        _ record: borrowing Record, _ batch: borrowing BatchReader, _ news: inout [Key: UInt64]
    ) {
        closeStretch()
        if let open = records,
            open.header.firstSequence != batch.header.firstSequence
                || open.first + UInt64(open.builder.recordCount) != record.sequence
        {
            closeRecords()
        }
        if records == nil { records = Records(batch.header, node: batch.nodeName, first: record.sequence) }
        for (key, count) in news {
            records?.builder.countLost(run: key.run, tracepoint: key.tracepoint, count: count)
        }
        news = [:]
        guard let control = try? ControlRecord(record, in: batch), var open = records else { return }
        control.encode(into: &open.builder, run: record.run, tid: record.tid, monotonic: record.monotonic)
        records = open
    }

    // MARK: - Piece by piece

    private mutating func closeStretch() {
        guard let open = stretch else { return }
        stretch = nil
        let tallies = open.lost.filter { $0.value.delta > 0 || $0.value.cumulative > 0 }
            .sorted { ($0.key.run, $0.key.tracepoint) < ($1.key.run, $1.key.tracepoint) }
            .map {
                Tally(
                    run: $0.key.run, tracepoint: $0.key.tracepoint, delta: $0.value.delta,
                    cumulative: $0.value.cumulative)
            }
        let gap = Self.gap(
            like: open.header, node: open.node, first: open.first, last: open.last, reason: open.reason,
            tallies: tallies)
        if let gap { append(gap.header, gap.bytes) }
    }

    private mutating func closeRecords() {
        guard var open = records else { return }
        records = nil
        guard !open.builder.isEmpty else { return }
        var sealed = ByteWriter()
        let header = open.builder.seal(
            firstSequence: open.first, ringEpoch: open.header.ringEpoch, ringEnd: open.header.ringEnd,
            into: &sealed)
        append(header, sealed.bytes)
    }

    private mutating func append(_ header: BatchHeader, _ batch: [UInt8]) {
        entries.append(Segment.Entry(header, at: bytes.count))
        bytes += batch
    }

    // MARK: - Gaps

    /// A gap batch for what is left of a batch's numbers after `sequence`.
    static func rest(of bytes: [UInt8], after sequence: UInt64) -> Spool.Batch? {
        guard let reader = try? BatchReader(bytes.span.raw) else { return nil }
        return gap(
            like: reader.header, node: reader.nodeName, first: sequence + 1, last: reader.header.lastSequence,
            reason: reader.gapReason ?? GapReason.spoolCorrupt, tallies: reader.tallies)
    }

    private static func gap(
        like header: BatchHeader, node: String, first: UInt64, last: UInt64, reason: String, tallies: [Tally]
    ) -> Spool.Batch? {
        let bytes = BatchBuilder.gapBatch(
            node: node, streamID: header.streamID, bootID: header.bootID, clk: header.clk,
            baseMonotonic: header.baseMonotonic, baseRealtime: header.baseRealtime, first: first, last: last,
            reason: reason, tallies: tallies, ringEpoch: header.ringEpoch, ringEnd: header.ringEnd)
        return (try? BatchHeader.read(bytes.span.raw)).map { Spool.Batch(header: $0, bytes: bytes) }
    }
}

/// Which records of the agent's own stay when their segment goes.
private struct LastWords {
    /// What a later record says again.
    private enum Subject: Hashable {
        case start(run: UInt64)
        case counters(run: UInt64, epoch: UInt64)
        case coverage(run: UInt64, tracepoint: UInt8, from: UInt64)
    }

    private var latest: [Subject: UInt64] = [:]
    private var always: [UInt64] = []

    var numbers: Set<UInt64> { Set(always).union(latest.values) }

    mutating func take(_ batch: borrowing BatchReader) {
        var cursor = batch.records()
        while let record = try? cursor.next() {
            guard let control = try? ControlRecord(record, in: batch) else { continue }
            let run = record.run ?? 0
            switch control {
            case .processStart: latest[.start(run: run)] = record.sequence
            case .counters: latest[.counters(run: run, epoch: batch.header.ringEpoch)] = record.sequence
            case .coverage(let coverage):
                latest[.coverage(run: run, tracepoint: coverage.tracepoint, from: coverage.fromMonotonic)] =
                    record.sequence
            case .processExit, .gap, .count, .probe, .policy: always.append(record.sequence)
            case .clockStep, .clockSample, .agentStatus: break
            }
        }
    }
}
