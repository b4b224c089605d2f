import Foundation
import Testing

@testable import TracepointReplayCore

@Suite("A replay")
struct ReplayTests {
    private func capture(_ times: [UInt64], probes: NodeProbes = .core) throws -> Capture {
        var capture = Capture()
        for (index, time) in times.enumerated() {
            let line = """
                {"node":"a","mono_ns":\(time),"probe":"net:misbehaving_connection","args":[\(index),"x"]}
                """
            try capture.add(Array(line.utf8), number: index + 1, node: "a", probes: probes)
        }
        return capture
    }

    @Test("keeps the recorded rhythm, counted from the start of the whole capture")
    func rhythm() {
        let schedule = Schedule.recorded(start: 1000, origin: 50, speed: 1)
        #expect(schedule.due(index: 9, monotonic: 50) == 1000)
        #expect(schedule.due(index: 9, monotonic: 80) == 1030)
        #expect(Schedule.recorded(start: 1000, origin: 50, speed: 4).due(index: 9, monotonic: 450) == 1100)
        #expect(Schedule.rate(start: 1000, perSecond: 1e6).due(index: 3, monotonic: 450) == 4000)
        #expect(Schedule.unpaced.due(index: 3, monotonic: 450) == nil)
    }

    @Test("never fires early, and writes down each event once it is fired")
    func truth() throws {
        let capture = try capture([100, 3_000_100, 3_000_200])
        let start = MonotonicClock.now + 1_000_000
        let (summary, text) = try run(
            capture, .recorded(start: start, origin: 100, speed: 1), count: 3, probes: .core)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(lines.count == 5)
        #expect(lines[0] + "\n" == TruthRecord.header)
        #expect(lines[4].isEmpty)
        for (index, due) in [start, start + 3_000_000, start + 3_000_100].enumerated() {
            let fields = lines[index + 1].split(separator: ",").map(String.init)
            #expect(try #require(UInt64(fields[0])) >= due)
            #expect(fields[1...] == ["net:misbehaving_connection", "0", "\(index)", "\(index + 1)"])
        }
        #expect(summary.completed)
        #expect(summary.startMonotonic == start)
        #expect(summary.tracepoints == ["net:misbehaving_connection": .init(unobserved: 3)])
        #expect(try #require(summary.lateness).p50 >= 0)
    }

    @Test("as a load goes round the events and leaves observed empty where nobody can know")
    func load() throws {
        let (summary, text) = try run(capture([7, 8], probes: .v27), .unpaced, count: 5, probes: .v27)
        let lines = text.split(separator: "\n").dropFirst().map {
            $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        #expect(lines.map { $0[2] } == ["", "", "", "", ""])
        #expect(lines.map { $0[3] } == ["0", "1", "2", "3", "4"])
        #expect(lines.map { $0[4] } == ["1", "2", "1", "2", "1"])
        #expect(summary.tracepoints == ["net:misbehaving_connection": .init(unknown: 5)])
        #expect(summary.lateness == nil)
        #expect(try JSONDecoder().decode(Summary.self, from: Data(summary.json())) == summary)
    }

    private func run(
        _ capture: Capture, _ schedule: Schedule, count: Int, probes: NodeProbes
    ) throws -> (Summary, String) {
        try temporaryFile("stale") { path in
            let replay = Replay(capture: capture, probes: probes, schedule: schedule, count: count)
            let record = try TruthRecord(path: path, capacity: replay.recordCapacity, probes: probes)
            let summary = replay.run(
                node: "a", memory: ArgumentMemory(capture.arguments), record: record)
            try record.finish()
            return (summary, try String(contentsOf: URL(filePath: path), encoding: .utf8))
        }
    }
}
