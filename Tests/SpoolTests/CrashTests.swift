import CollectorProtocol
import CollectorTesting
import Spool
import Testing

@Suite("A spool that meets crashes")
struct CrashTests {
    static func operations(seed: UInt64, count: Int) -> [SpoolModel.Operation] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in
            switch Int.random(in: 0..<20, using: &generator) {
            case 0..<8:
                .append(
                    events: Int.random(in: 1...5, using: &generator),
                    size: Int.random(in: 0...500, using: &generator))
            case 8..<11: .sync
            case 11..<14: .send(Int.random(in: 1...4, using: &generator))
            case 14: .acknowledge
            case 15..<17: .remove
            case 17..<19: .drop
            default: .reopen
            }
        }
    }

    /// Does everything, stopping the machine at the given operations of the disk; what was broken, or nil.
    static func run(
        _ operations: [SpoolModel.Operation], stoppingAt stops: [Int], _ crash: SimulatedFileSystem.Crash,
        seed: UInt64, errorsOneIn: Int = 0
    ) throws -> (broken: String?, diskOperations: Int) {
        let disk = SimulatedFileSystem(seed: seed)
        var stops = stops
        func armed() { if !stops.isEmpty { disk.stop(at: stops.removeFirst()) } }
        armed()
        var model: SpoolModel?
        var next = 0
        var done = 0
        do {
            while next <= operations.count {
                do {
                    if model == nil {
                        model = try SpoolModel(disk: disk)
                        disk.errors.oneIn = errorsOneIn
                    } else if next < operations.count {
                        try model?.perform(operations[next])
                        next += 1
                    } else {
                        disk.errors.oneIn = 0
                        try model?.settleEverything()
                        next += 1
                    }
                } catch is SpoolError {
                    // What was refused or interrupted is given up, and what follows goes on.
                    if model != nil { next = min(next + 1, operations.count) }
                    guard disk.isDown else { continue }
                    disk.errors.oneIn = 0
                    repeat {
                        disk.restart(after: crash)
                        armed()
                        do { try model?.recover(after: crash) } catch is SpoolError {}
                    } while disk.isDown
                    disk.errors.oneIn = errorsOneIn
                }
                done += 1
            }
        } catch let broken as SpoolModel.Broken {
            return ("\(broken) (\(done) done)", disk.operations)
        }
        return (nil, disk.operations)
    }

    @Test("loses nothing that it need not lose, and repeats nothing, wherever the crash is", arguments: 1...8)
    func everyCrashPoint(_ seed: Int) throws {
        let operations = Self.operations(seed: UInt64(seed), count: 45)
        let whole = try Self.run(operations, stoppingAt: [], .process, seed: 1)
        #expect(whole.broken == nil)
        #expect(whole.diskOperations > 50)
        var generator = SeededGenerator(seed: UInt64(seed) << 32)
        for stop in 0..<whole.diskOperations {
            for crash in [SimulatedFileSystem.Crash.process, .power] {
                // Another stop follows, sometimes in the midst of recovery.
                let second = stop + Int.random(in: 1...40, using: &generator)
                let disk = generator.next()
                let outcome = try Self.run(operations, stoppingAt: [stop, second], crash, seed: disk)
                guard let broken = outcome.broken else { continue }
                Issue.record("seed \(seed), \(crash) at \(stop) and \(second), disk \(disk): \(broken)")
                return
            }
        }
    }

    @Test(
        "keeps its promises when the disk fails now and then, and takes a failed sync for what it is",
        arguments: 1...60)
    func errors(_ seed: Int) throws {
        let operations = Self.operations(seed: UInt64(seed) + 1000, count: 60)
        var generator = SeededGenerator(seed: UInt64(seed))
        for crash in [SimulatedFileSystem.Crash.process, .power] {
            for _ in 0..<6 {
                let stops = [
                    Int.random(in: 5...60, using: &generator), Int.random(in: 61...120, using: &generator),
                ]
                let disk = generator.next()
                let outcome = try Self.run(
                    operations, stoppingAt: stops, crash, seed: disk, errorsOneIn: 8)
                guard let broken = outcome.broken else { continue }
                Issue.record("seed \(seed), \(crash) at \(stops), disk \(disk): \(broken)")
                return
            }
        }
    }
}
