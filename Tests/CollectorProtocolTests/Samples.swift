import ByteCodec
import CollectorProtocol
import Tracepoints

/// SplitMix64: the same numbers for the same seed, so that a failing round can be run again.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

enum Sample {
    static let streamID: UInt64 = 0x0123_4567_89ab_cdef
    static let run: UInt64 = 0x1122_3344_5566_7788
    static let base: UInt64 = 1_000_000_000
    static let boot = BootID(text: "00112233-4455-6677-8899-aabbccddeeff") ?? .zero

    static func builder(node: String = "alpha", streamID: UInt64 = streamID) -> BatchBuilder {
        var builder = BatchBuilder(node: node, streamID: streamID, bootID: boot)
        builder.setClock(clk: 3, baseMonotonic: base, baseRealtime: 1_700_000_000_000_000_000)
        return builder
    }

    /// One event whose arguments follow the catalogue: argument `n` is `n`, or n × 11 repeated.
    static func addEvent(_ tracepoint: Tracepoint, at monotonic: UInt64, to builder: inout BatchBuilder) {
        builder.begin(kind: tracepoint.rawValue, run: run, tid: 4242, monotonic: monotonic)
        for (index, argument) in tracepoint.arguments.enumerated() {
            switch argument.kind {
            case .signed: builder.signed(-Int64(index) - 1)
            case .unsigned: builder.unsigned(UInt64(index) * 1000)
            case .boolean: builder.boolean(index % 2 == 1)
            case .hash: builder.hash([UInt8](repeating: UInt8(11 * index), count: 32).span.raw)
            case .string: builder.string("\(argument.name)-text")
            case .payload: builder.payload([1, 2, 3, 0xff].span.raw)
            }
        }
        builder.end()
    }

    static let controls: [ControlRecord] = [
        .processStart(
            ProcessStart(
                pid: 77, startTicks: 123_456, startedMonotonic: 5_000_000, executable: "/usr/bin/bitcoind",
                device: 2049, inode: 99)),
        .processExit(ProcessExit(exitedMonotonic: 9_000_000_000)),
        .probe(
            ProbeReport(
                tracepoint: 1, status: .attached, atMonotonic: 6_000_000, argumentCount: 6, sites: 2,
                semaphore: true, layoutFlags: 1, device: 2049, inode: 99, path: "/usr/bin/bitcoind",
                detail: "")),
        .clockStep(ClockStep(stepNanoseconds: -250_000_000)),
        .clockSample(
            ClockSample(
                lowNanoseconds: -70_000, highNanoseconds: 30_000, reference: boot,
                referenceOffset: 1_699_999_999_000_000_000,
                aggregatorRealMinusMono: 1_699_999_999_000_000_100,
                aggregatorMaxError: .max, aggregatorSynchronised: false,
                nodeRealMinusMono: 1_699_999_998_000_000_000, nodeMaxError: 1_500_000, nodeSynchronised: true)
        ),
        .counters(
            Counters(entries: [
                CounterEntry(
                    tracepoint: 1, hits: 1_000_000, counted: 0, lostRing: 3, lostUnreadable: 2, lostUser: 1),
                CounterEntry(
                    tracepoint: 10, hits: 500, counted: 500, lostRing: 0, lostUnreadable: 0, lostUser: 0),
            ])),
        .gap(GapNotice(reason: "ring_full", tracepoint: 1, fromMonotonic: 10, toMonotonic: 20, count: 0)),
        .gap(GapNotice(reason: "blind", tracepoint: 0, fromMonotonic: 10, toMonotonic: 20, count: nil)),
        .coverage(Coverage(tracepoint: 8, fromMonotonic: 100, toMonotonic: 0)),
        .agentStatus(
            AgentStatus(
                spoolBytes: 1 << 33, residentBytes: 20 << 20, ringUsedBytes: 0, uptimeMilliseconds: 60_000)),
        .policy(PolicyChange(tracepoint: 10, mode: .count)),
        .count(EventCount(tracepoint: 10, count: 500)),
    ]

    /// Every kind of record once or more.
    static func everything() -> [UInt8] {
        var builder = builder()
        var monotonic = base
        for tracepoint in Tracepoint.allCases {
            monotonic += 1_000
            addEvent(tracepoint, at: monotonic, to: &builder)
        }
        for control in controls {
            monotonic += 500
            control.encode(into: &builder, run: run, tid: 0, monotonic: monotonic)
        }
        var out = ByteWriter()
        builder.seal(firstSequence: 1001, ringEpoch: 7, ringEnd: 65_536, into: &out)
        return out.bytes
    }

    /// A small batch of `count` records from `first` on.
    static func batch(
        first: UInt64, count: Int = 10, node: String = "alpha", streamID: UInt64 = streamID, payload: Int = 20
    ) -> [UInt8] {
        var builder = builder(node: node, streamID: streamID)
        for index in 0..<count {
            builder.begin(kind: 1, run: run, tid: 1, monotonic: base + UInt64(index))
            builder.signed(1)
            builder.string("127.0.0.1:8333")
            builder.string("inbound")
            builder.string("inv")
            builder.unsigned(37)
            builder.payload([UInt8](repeating: 0, count: payload).span.raw)
            builder.end()
        }
        var out = ByteWriter()
        builder.seal(firstSequence: first, ringEpoch: 1, ringEnd: 0, into: &out)
        return out.bytes
    }

    static func gap(first: UInt64, last: UInt64) -> [UInt8] {
        BatchBuilder.gapBatch(
            node: "alpha", streamID: streamID, bootID: boot, clk: 3, baseMonotonic: base,
            baseRealtime: 1_700_000_000_000_000_000, first: first, last: last, reason: GapReason.spoolBound,
            tallies: [Tally(run: run, tracepoint: 1, delta: last - first + 1, cumulative: last)])
    }

    static func hello(next: UInt64 = 101, oldest: UInt64 = 1) -> Hello {
        Hello(
            agentID: "agent-1", agentVersion: "1.0", kernel: "6.18.0", bootID: boot, source: .ebpf,
            nodes: [
                Hello.Node(name: "alpha", streamID: streamID, nextSequence: next, oldestSequence: oldest),
                Hello.Node(name: "beta", streamID: 2, nextSequence: 1, oldestSequence: 0),
            ],
            probes: [Hello.Probe(node: "alpha", tracepoint: 1, status: .attached, arguments: 6, sites: 1)],
            policy: [Hello.Policy(tracepoint: 10, mode: .count)])
    }

    static func welcome(durable: UInt64 = 0, batches: UInt32 = 4, bytes: UInt32 = 1 << 20) -> Welcome {
        Welcome(
            windowBytes: bytes, windowBatches: batches, aggregatorID: "aggregator-1", reference: boot,
            referenceOffset: 1_699_999_999_000_000_000,
            streams: [
                StreamPosition(streamID: streamID, durableSequence: durable),
                StreamPosition(streamID: 2, durableSequence: 0),
            ])
    }
}

/// Recomputes the checksum, so that what lies behind it is reached by the bytes under test.
func withValidChecksum(_ batch: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(batch)
    guard batch.count >= 8 else { return batch }
    writer.overwrite(u32: CRC32C.checksum(batch.span.raw.extracting(8..<batch.count)), at: 4)
    return writer.bytes
}

/// Reads a batch to its end, decoding everything; the number of records.
@discardableResult
func readWhole(_ bytes: [UInt8]) throws -> Int {
    let reader = try BatchReader(bytes.span.raw)
    var cursor = reader.records()
    var count = 0
    while let record = try cursor.next() {
        _ = try ControlRecord(record, in: reader)
        count += 1
    }
    _ = reader.gapReason
    return count
}
