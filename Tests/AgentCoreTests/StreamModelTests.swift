import CollectorTesting
import Spool
import Testing

@Suite("A stream between ring and aggregator")
struct StreamModelTests {
    typealias Crash = SimulatedFileSystem.Crash

    static func operations(_ generator: inout SeededGenerator, drops: Bool) -> [StreamModel.Operation] {
        (0..<40).map { _ in
            switch Int.random(in: 0..<24, using: &generator) {
            case 0..<6: .fire(Int.random(in: 1...30, using: &generator))
            case 6..<12: .turn(sending: Int.random(in: 0...2, using: &generator))
            case 12..<15: .send(Int.random(in: 1...5, using: &generator))
            case 15..<17: .sync
            case 17: .remove
            case 18..<20: drops ? .drop : .remove
            case 20: .stop
            case 21, 22: .kill
            default: .killBeforePublishing
            }
        }
    }

    /// Runs a random schedule with stops of the machine; what was broken, or nil.
    static func run(
        seed: UInt64, crash: Crash, stops count: Int, errorsOneIn: Int = 0, drops: Bool = false,
        disturb: ((SimulatedFileSystem, inout SeededGenerator) -> Bool)? = nil
    ) throws -> String? {
        var generator = SeededGenerator(seed: seed)
        let operations = operations(&generator, drops: drops)
        var stops = (0..<count).map { _ in Int.random(in: 1...250, using: &generator) }.sorted()
        let disk = SimulatedFileSystem(seed: seed)
        func arm() { if !stops.isEmpty { disk.stop(at: stops.removeFirst()) } }
        arm()
        var model: StreamModel?
        var isComplete = !drops
        var next = 0
        do {
            while next <= operations.count {
                do {
                    if model == nil {
                        model = try StreamModel(disk: disk, syncsAlways: Bool.random(using: &generator))
                    } else if next < operations.count {
                        disk.errors.oneIn = errorsOneIn
                        let operation = operations[next]
                        if case .kill = operation, disturb?(disk, &generator) == true { isComplete = false }
                        next += 1
                        try model?.perform(operation)
                    } else {
                        disk.errors.oneIn = 0
                        next += 1
                        try model?.settleEverything(complete: isComplete && crash == .process)
                    }
                    try model?.checkNumbers()
                } catch let error where !(error is StreamModel.Broken) {
                    // The disk refuses, or the machine has stopped; a streamer tries again, or is started again.
                    guard disk.isDown || next > operations.count else { continue }
                    disk.errors.oneIn = 0
                    repeat {
                        disk.restart(after: crash)
                        arm()
                        do { try model?.start(after: crash) } catch let error
                            where !(error is StreamModel.Broken)
                        {}
                    } while disk.isDown
                    next = min(next, operations.count)
                }
            }
        } catch let broken as StreamModel.Broken {
            return "\(broken) at operation \(next) of \(operations)"
        }
        return nil
    }

    @Test(
        "stores each event once and in order when its process is killed, wherever that is", arguments: 1...300
    )
    func killed(_ seed: Int) throws {
        let broken = try Self.run(seed: UInt64(seed), crash: .process, stops: 3)
        #expect(broken == nil)
    }

    @Test("explains each event when its oldest segments are dropped as well", arguments: 301...500)
    func dropped(_ seed: Int) throws {
        let broken = try Self.run(seed: UInt64(seed), crash: .process, stops: 3, drops: true)
        #expect(broken == nil)
    }

    @Test(
        "uses no number twice and stores nothing twice when the power fails, also behind what was sent and lost",
        arguments: 501...800)
    func powerless(_ seed: Int) throws {
        let broken = try Self.run(seed: UInt64(seed), crash: .power, stops: 3, drops: seed % 2 == 0)
        #expect(broken == nil)
    }

    @Test("goes on where it was when the disk refuses now and then", arguments: 801...1000)
    func refused(_ seed: Int) throws {
        let crash: Crash = seed % 2 == 0 ? .process : .power
        let broken = try Self.run(seed: UInt64(seed), crash: crash, stops: 2, errorsOneIn: 10)
        #expect(broken == nil)
    }

    /// Damages the newest segment more often than others, or takes a small file away; the lease once.
    static func damage(
        _ disk: SimulatedFileSystem, _ generator: inout SeededGenerator, hasLease: inout Bool
    ) -> Bool {
        let folder = StreamModel.state + "/nodes/n1"
        let names = ((try? disk.names(in: folder + "/spool")) ?? []).sorted()
        let segment = generator.once(in: 3) ? names.randomElement(using: &generator) : names.last
        guard let segment else { return false }
        let path = folder + "/spool/" + segment
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: try? disk.remove(path)
        case 1 where hasLease && generator.once(in: 2):
            try? disk.remove(folder + "/lease")
            hasLease = false
        case 1: try? disk.remove(folder + "/stream")
        case 2, 3:
            let share = Double.random(in: 0..<1, using: &generator)
            disk.damage(path) { $0.removeLast(Int(Double($0.count) * share)) }
        default:
            let place = Double.random(in: 0..<1, using: &generator)
            disk.damage(path) { if !$0.isEmpty { $0[Int(Double($0.count) * place)] ^= 16 } }
        }
        return true
    }

    @Test(
        "counts what its spool has lost, also what nothing follows, and stores no event twice",
        arguments: 1001...1400)
    func damaged(_ seed: Int) throws {
        var hasLease = true
        let broken = try Self.run(seed: UInt64(seed), crash: .process, stops: 0, drops: seed % 4 == 0) {
            Self.damage($0, &$1, hasLease: &hasLease)
        }
        #expect(broken == nil)
    }
}
