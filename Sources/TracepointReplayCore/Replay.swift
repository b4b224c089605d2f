import Glibc

/// Fires the events of one node and writes down what it did.
struct Replay {
    let capture: Capture
    let probes: NodeProbes
    let schedule: Schedule
    /// How many events to fire; more than the capture has start again from its first.
    let count: Int

    /// What happened to each event, per tracepoint.
    private struct Tally {
        var counts: [Summary.Count]
        var fired = 0
        var firstMonotonic: UInt64 = 0
        var lastMonotonic: UInt64 = 0

        @inline(__always)
        mutating func add(_ outcome: Outcome, tracepoint: Int, monotonic: UInt64) {
            switch outcome {
            case .observed: counts[tracepoint].observed += 1
            case .unobserved: counts[tracepoint].unobserved += 1
            case .unknown: counts[tracepoint].unknown += 1
            }
            if fired == 0 { firstMonotonic = monotonic }
            lastMonotonic = monotonic
            fired += 1
        }
    }

    /// How many bytes the record's lines can take.
    var recordCapacity: Int {
        let perRound = capture.events.reduce(0) { $0 + lineCapacity($1) }
        let (rounds, rest) = count.quotientAndRemainder(dividingBy: capture.events.count)
        return rounds * perRound + capture.events.prefix(rest).reduce(0) { $0 + lineCapacity($1) }
    }

    private func lineCapacity(_ event: Capture.Event) -> Int {
        TruthRecord.lineCapacity(of: probes[event.tracepoint].name)
    }

    /// Fires until all is fired or a stop is requested. The loop allocates nothing: all memory is made before.
    func run(node: String, memory: ArgumentMemory, record: TruthRecord?) -> Summary {
        let events = capture.events
        var tally = Tally(counts: Array(repeating: Summary.Count(), count: probes.probes.count + 1))
        let paced = schedule != .unpaced
        var lateness = [Int64](repeating: 0, count: paced ? count : 0)

        let began = MonotonicClock.processorTime
        var index = 0
        var next = 0
        while index < count, !StopRequest.isMade {
            let event = events[next]
            let due = schedule.due(index: index, monotonic: event.monotonic)
            if let due {
                MonotonicClock.wait(until: due)
                if StopRequest.isMade { break }
            }
            let (monotonic, outcome) = memory.fire(event, with: probes)
            tally.add(outcome, tracepoint: event.tracepoint, monotonic: monotonic)
            if let due { lateness[index] = Int64(bitPattern: monotonic &- due) }
            record?.append(
                monotonic: monotonic, tracepoint: event.tracepoint, outcome: outcome, index: index,
                line: event.line)
            index += 1
            next += 1
            if next == events.count { next = 0 }
        }

        let spent = MonotonicClock.processorTime - began
        lateness.removeLast(lateness.isEmpty ? 0 : lateness.count - index)
        return summary(
            node: node, tally: tally, processorTime: spent, lateness: Summary.Lateness(sorting: &lateness))
    }

    private func summary(
        node: String, tally: Tally, processorTime: UInt64, lateness: Summary.Lateness?
    ) -> Summary {
        var tracepoints: [String: Summary.Count] = [:]
        for event in capture.events {
            tracepoints[probes[event.tracepoint].name] = tally.counts[event.tracepoint]
        }
        let start =
            switch schedule {
            case .recorded(let start, _, _), .rate(let start, _): start
            case .unpaced: tally.firstMonotonic
            }
        return Summary(
            executable: probes.executable, node: node, pid: getpid(), completed: tally.fired == count,
            planned: count, fired: tally.fired, startMonotonic: start, firstMonotonic: tally.firstMonotonic,
            lastMonotonic: tally.lastMonotonic, processorTime: processorTime, lateness: lateness,
            tracepoints: tracepoints)
    }
}
