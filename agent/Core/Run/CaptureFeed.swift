import CollectorProtocol
import Logging
import Spool
import Tracepoints

/// Feeds a capture's events into streams, node by node in the order of time.
final class CaptureFeed {
    private let source: CaptureSource
    private let streams: [NodeStream]
    /// CLOCK_REALTIME − CLOCK_MONOTONIC of the capture, whole microseconds so that no rounding differs.
    private let offset: Int64
    private let log: Logger

    init(_ source: CaptureSource, configuration: AgentConfiguration, startingAt start: Int64?, log: Logger)
        throws
    {
        self.source = source
        self.log = log
        let names =
            configuration.nodes.isEmpty ? source.events.keys.sorted() : configuration.nodes.map(\.name)
        for name in names where source.events[name] == nil {
            throw AgentError(
                doing: "feeding the capture", reason: "it has no node \(name)",
                remedy: "configure some of its nodes: \(source.events.keys.sorted().joined(separator: ", "))")
        }
        streams = try names.map {
            let stream = try NodeStream(
                name: $0, state: configuration.state, bootID: source.identity,
                segmentBytes: configuration.segmentBytes)
            if stream.ringEpoch == source.epoch {
                for tally in stream.folder.spool.recoveredTallies {
                    stream.builder.setCumulative(
                        run: tally.run, tracepoint: tally.tracepoint, value: tally.cumulative)
                }
            }
            return stream
        }
        // What was fed in part goes on with the times it began with.
        let begun = streams.first { $0.ringEpoch == source.epoch }?.folder.spool.recovered?.header
        if let begun {
            offset = begun.baseRealtime - Int64(begun.baseMonotonic)
            return
        }
        // Unless told otherwise the capture has just ended.
        let now = AgentClock().offset() + Int64(AgentClock().monotonic())
        let began = start.map { $0 * 1_000_000_000 } ?? now - Int64(source.last - source.first)
        let exact = began - Int64(source.first)
        offset = exact - (exact % 1000 + 1000) % 1000
    }

    var sources: [UplinkStream] {
        streams.map { UplinkStream(node: $0.name, streamID: $0.folder.streamID, spool: $0.folder.spool) }
    }

    /// Writes everything into the spools; what an earlier run wrote already is left out.
    func feed(_ link: UplinkMailbox, until stop: StopSignal) throws {
        for stream in streams {
            try feed(stream, until: stop)
            link.batchesSpooled()
        }
        for stream in streams { try stream.folder.close() }
    }

    private func feed(_ stream: NodeStream, until stop: StopSignal) throws {
        guard let events = source.events[stream.name], let first = events.first, let last = events.last else {
            return
        }
        guard !stream.has(position: UInt64(events.count) + 1, epoch: source.epoch) else {
            log.notice("this capture is in the stream already", metadata: ["node": "\(stream.name)"])
            return
        }
        let pid = source.processes[stream.name] ?? 0
        let run = RunID.make(
            streamID: stream.folder.streamID, bootID: source.identity, pid: pid, startTicks: 0)
        var hits = [UInt64](repeating: 0, count: 256)
        var flushed: UInt64 = 0
        try stream.advanceClock(monotonic: first.monotonic, offset: offset)
        describe(stream, run: run, pid: pid, from: first.monotonic, to: last.monotonic)
        for (index, event) in events.enumerated() {
            hits[Int(event.tracepoint.rawValue)] += 1
            guard !stream.has(position: UInt64(index) + 1, epoch: source.epoch) else { continue }
            if stop.isRaised { return try stream.seal() }
            // A batch a second, as an agent on a quiet node would make them.
            if event.monotonic > flushed + 1_000_000_000
                || stream.builder.byteCount > NodeStream.batchBytes / 2
            {
                try stream.seal()
                flushed = event.monotonic
            }
            let before = stream.clockBase
            try stream.advanceClock(monotonic: event.monotonic, offset: offset)
            if before != stream.clockBase { sample(stream, at: event.monotonic) }
            try CaptureSource.write(event, run: run, into: &stream.builder)
            stream.took(position: UInt64(index) + 1, epoch: source.epoch)
        }
        let entries = Tracepoint.allCases.filter { hits[Int($0.rawValue)] > 0 }.map {
            CounterEntry(
                tracepoint: $0.rawValue, hits: hits[Int($0.rawValue)], counted: 0, lostRing: 0,
                lostUnreadable: 0,
                lostUser: 0)
        }
        stream.write(.counters(.init(entries: entries)), run: run, monotonic: last.monotonic)
        sample(stream, at: last.monotonic)
        stream.write(
            .processExit(.init(exitedMonotonic: last.monotonic)), run: run, monotonic: last.monotonic)
        stream.took(position: UInt64(events.count) + 1, epoch: source.epoch)
        try stream.seal()
        log.info("fed a node", metadata: ["node": "\(stream.name)", "events": "\(events.count)"])
    }

    private func describe(_ stream: NodeStream, run: UInt64, pid: UInt64, from: UInt64, to: UInt64) {
        stream.write(
            .processStart(
                .init(
                    pid: pid, startTicks: 0, startedMonotonic: from, executable: "capture", device: 0,
                    inode: 0)),
            run: run, monotonic: from)
        for tracepoint in Tracepoint.allCases where !tracepoint.isPatchOnly {
            stream.write(
                .coverage(.init(tracepoint: tracepoint.rawValue, fromMonotonic: from, toMonotonic: to + 1)),
                run: run,
                monotonic: from)
        }
        sample(stream, at: from)
    }

    /// The capture's own clock is the reference: both sides read the same instant.
    private func sample(_ stream: NodeStream, at monotonic: UInt64) {
        stream.write(
            .clockSample(
                .init(
                    lowNanoseconds: 0, highNanoseconds: 0, reference: source.identity,
                    referenceOffset: offset,
                    aggregatorRealMinusMono: offset, aggregatorMaxError: 0, aggregatorSynchronised: true,
                    nodeRealMinusMono: offset, nodeMaxError: 0, nodeSynchronised: true)), run: nil,
            monotonic: monotonic)
    }
}
