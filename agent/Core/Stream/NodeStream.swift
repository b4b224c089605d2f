import ByteCodec
import CollectorProtocol
import Spool

/// One node's stream: records go in, sealed batches come out in its spool.
final class NodeStream {
    let name: String
    let folder: StreamFolder
    var builder: BatchBuilder
    /// Ring position behind the last record taken from the ring; what lies before it is already in the stream.
    private(set) var ringEnd: UInt64
    private(set) var ringEpoch: UInt64

    private var segments: ClockSegments
    private var sealed = ByteWriter(capacity: 2 << 20)
    private let bootID: BootID
    /// The batch in ``sealed`` that the disk has refused so far.
    private var unwritten: BatchHeader?
    private var isSkipDeclared = false
    /// What is still to be said of an earlier ring, and the batch that says it.
    var lastWords: LastWords?
    private var lastBatch: (BatchHeader, [UInt8])?
    private var isCheckpointTold = false
    /// The first number given out since the start, or since the last jump.
    private var firstNumber: UInt64?
    /// Called when the batch being sealed begins a segment: writes what a streamer after us has to know.
    ///
    /// The newest segment alone stays when all is acknowledged, so each has to tell the whole state.
    var checkpoint: () -> Void = {}

    /// A batch is sealed when it would grow past this.
    static let batchBytes = 1 << 20

    init(
        name: String, state: String, bootID: BootID, segmentBytes: Int = 16 << 20, holdsBack: Bool = false,
        fileSystem: any SpoolFileSystem = HostFileSystem()
    ) throws {
        self.name = name
        self.bootID = bootID
        folder = try StreamFolder(
            state: state, node: name, segmentBytes: segmentBytes, holdsBack: holdsBack, fileSystem: fileSystem
        )
        builder = BatchBuilder(node: name, streamID: folder.streamID, bootID: bootID)
        let last = folder.spool.recovered?.header
        ringEnd = last?.ringEnd ?? 0
        ringEpoch = last?.ringEpoch ?? 0
        segments = ClockSegments(after: last?.clk ?? 0)
    }

    /// Declares what was before this process: numbers that an unclean stop left open, and an earlier ring's end.
    /// Once, when the clock is set and before anything else.
    func declareBefore() throws {
        try declareSkip()
        guard var words = lastWords else { return }
        try refusable {
            let (header, bytes) = try lastBatch ?? words.seal(firstSequence: folder.take(words.count))
            lastBatch = (header, bytes)
            try folder.spool.append(header, bytes.span.raw, toNewest: true)
        }
        lastWords = nil
    }

    private func declareSkip() throws {
        guard let skipped = folder.skipped, !isSkipDeclared else { return }
        // It comes before everything of this process, so it says how far the ring was taken over before: what has
        // been taken since is not on disk yet.
        let last = folder.spool.recovered?.header
        let bytes = BatchBuilder.gapBatch(
            node: name, streamID: folder.streamID, bootID: bootID, clk: segments.clk,
            baseMonotonic: segments.baseMonotonic, baseRealtime: segments.baseRealtime,
            first: skipped.lowerBound, last: skipped.upperBound, reason: GapReason.sequenceSkip, tallies: [],
            ringEpoch: last?.ringEpoch ?? 0, ringEnd: last?.ringEnd ?? 0)
        let header = try BatchHeader.read(bytes.span.raw)
        // A segment begins with a checkpoint, which this is not.
        try refusable { try folder.spool.append(header, bytes.span.raw, toNewest: true) }
        isSkipDeclared = true
    }

    /// Where the clock segment of the records being written begins.
    var clockBase: UInt64 { segments.baseMonotonic }

    /// Begins to read the ring of `epoch`, if it is another than the one the stream knows.
    func begin(epoch: UInt64) {
        guard epoch != ringEpoch else { return }
        ringEnd = 0
        ringEpoch = epoch
    }

    /// Notes that the record that ends at `position` of the ring of `epoch` is in the builder.
    func took(position: UInt64, epoch: UInt64) {
        ringEnd = position
        ringEpoch = epoch
    }

    /// Whether a record that ends at `position` has been taken before.
    func has(position: UInt64, epoch: UInt64) -> Bool { epoch == ringEpoch && position <= ringEnd }

    /// Begins a new clock segment if it is time, sealing what belongs to the old one.
    func advanceClock(monotonic: UInt64, offset: Int64) throws {
        var next = segments
        guard let step = next.advance(monotonic: monotonic, offset: offset) else { return }
        let first = segments.baseMonotonic == 0
        if step != 0 {
            ControlRecord.clockStep(.init(stepNanoseconds: step)).encode(
                into: &builder, run: nil, monotonic: monotonic)
        }
        if !first { try seal() }
        segments = next
        builder.setClock(
            clk: segments.clk, baseMonotonic: segments.baseMonotonic, baseRealtime: segments.baseRealtime)
        if first { try declareBefore() }
    }

    /// Seals what has gathered, if anything, and appends it to the spool.
    ///
    /// When the disk refuses, the batch is kept with its numbers, and is what the next call tries first.
    func seal() throws {
        try writeUnwritten()
        guard !builder.isEmpty else { return }
        // Its numbers come before ours.
        try declareBefore()
        try refusable { try sealBuilder() }
        try writeUnwritten()
    }

    private func sealBuilder() throws {
        if folder.spool.nextBeginsSegment, !isCheckpointTold {
            checkpoint()
            builder.checkpointNext()
            // Told once, however often the disk refuses what follows.
            isCheckpointTold = true
        }
        let first = try folder.take(builder.recordCount)
        if firstNumber == nil { firstNumber = first }
        sealed.removeAll()
        unwritten = builder.seal(
            firstSequence: first, ringEpoch: ringEpoch, ringEnd: ringEnd, into: &sealed)
        isCheckpointTold = false
    }

    /// Appends the batch that an earlier attempt could not.
    func writeUnwritten() throws {
        guard let header = unwritten else { return }
        try declareBefore()
        let bytes = sealed.bytes
        try refusable { try folder.spool.append(header, bytes.span.raw) }
        unwritten = nil
    }

    /// Goes on behind `sequence` when the aggregator is ahead of us: our folder was set back.
    ///
    /// What was spooled under numbers that it takes for its own will not be sent, and is declared.
    func jump(past sequence: UInt64) throws {
        guard sequence >= folder.nextSequence else { return }
        let before = folder.nextSequence
        try refusable { try folder.jump(past: sequence) }
        let now = segments.baseMonotonic
        guard let began = firstNumber, began < before else { return }
        // The next tallies say how many events of which process these were.
        ControlRecord.gap(
            .init(
                reason: GapReason.sequenceSkip, tracepoint: 0, fromMonotonic: now, toMonotonic: now,
                count: before - began)
        ).encode(into: &builder, run: nil, monotonic: now)
        firstNumber = nil
    }

    /// Waits until everything written is on disk.
    func sync() throws { try refusable { try folder.spool.sync() } }

    private func refusable(_ body: () throws -> Void) throws {
        do { try body() } catch { throw DiskRefusal(node: name, cause: "\(error)") }
    }
}

/// The disk takes nothing at the moment. What could not be written is kept and tried again.
struct DiskRefusal: Error, CustomStringConvertible {
    let node: String
    let cause: String

    var description: String { "\(node): \(cause)" }
}
