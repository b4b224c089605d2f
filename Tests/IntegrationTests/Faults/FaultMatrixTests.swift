import CollectorTesting
import Foundation
import Testing

/// Real processes, real eBPF and a real PostgreSQL under load, and everything that can go wrong with them.
///
/// `PEERSCOPE_FAULT_SEED` chooses the faults, their order, their lengths and their places; the same seed does the
/// same again.
@Suite("The fault matrix", .serialized, .enabled(if: Checkout.canUseEBPF, "eBPF needs root"))
struct FaultMatrixTests {
    static let seed = ProcessInfo.processInfo.environment["PEERSCOPE_FAULT_SEED"].flatMap { UInt64($0) } ?? 1
    /// Only faults whose name contains this.
    static let only = ProcessInfo.processInfo.environment["PEERSCOPE_FAULT_ONLY"]
    /// Only this round.
    static let round = ProcessInfo.processInfo.environment["PEERSCOPE_FAULT_ROUND"].flatMap { Int($0) }
    static let rounds = 5

    /// The faults of a round: every fault there is, shuffled and dealt over the rounds.
    static func faults(round: Int) -> [Fault] {
        var generator = SeededGenerator(seed: seed)
        let all = Fault.catalogue(&generator).shuffled(using: &generator)
        if let only { return all.filter { $0.name.contains(only) } }
        return all.enumerated().filter { $0.offset % rounds == round }.map(\.element)
    }

    @Test("has enough faults, each with a name of its own")
    func catalogue() {
        let names = (0..<Self.rounds).flatMap { Self.faults(round: $0) }.map(\.name)
        #expect(Self.only != nil || names.count >= 60)
        #expect(Self.only != nil || Set(names).count == names.count)
    }

    @Test(
        "leaves every event stored once and in order, counted, declared lost or declared unknown",
        arguments: round.map { $0..<$0 + 1 } ?? 0..<(only == nil ? rounds : 1))
    func everyFault(_ round: Int) throws {
        var run = try FaultRun(seed: Self.seed &* 1000 &+ UInt64(round))
        defer { run.rig.stop() }
        let account: FaultAccount
        do {
            try run.perform(Self.faults(round: round))
            account = try run.settle()
        } catch {
            run.rig.keep()
            throw error
        }
        if !account.faults.isEmpty { run.rig.keep() }
        #expect(
            account.faults.isEmpty,
            "seed \(Self.seed), round \(round):\n\(account.faults.prefix(20).joined(separator: "\n"))\n\(run.story)"
        )
        #expect(account.stored > 1000)
    }
}

/// Faults one after the other, now and then two at a time, on one rig.
struct FaultRun {
    let rig: FaultRig
    private var generator: SeededGenerator
    private var open: [(fault: Fault, until: Date)] = []
    private let began = Date()
    /// What was done, and when.
    private(set) var story = ""

    init(seed: UInt64) throws {
        generator = SeededGenerator(seed: seed)
        rig = try FaultRig(seed: seed)
        // Something is on its way everywhere.
        usleep(1_500_000)
    }

    mutating func perform(_ faults: [Fault]) throws {
        for fault in faults {
            try heal { !$0.parts.isDisjoint(with: fault.parts) }
            // Another one may still be open.
            if !generator.once(in: 3) { try heal { _ in true } }
            try inject(fault)
        }
        try heal { _ in true }
    }

    private mutating func inject(_ fault: Fault) throws {
        tell("+ \(fault.name)")
        do { try fault.inject(rig, &generator) } catch {
            throw FleetFailure("injecting \"\(fault.name)\": \(error)\n\(story)\(rig.tails)")
        }
        let lasting = Double.random(in: fault.lasting, using: &generator)
        open.append((fault, Date().addingTimeInterval(lasting)))
    }

    private mutating func heal(_ isDue: (Fault) -> Bool) throws {
        while let index = open.indices.filter({ isDue(open[$0].fault) })
            .min(by: { open[$0].until < open[$1].until })
        {
            let (fault, until) = open.remove(at: index)
            let wait = until.timeIntervalSinceNow
            if wait > 0 { usleep(UInt32(wait * 1_000_000)) }
            do { try fault.heal(rig) } catch {
                throw FleetFailure("healing \"\(fault.name)\": \(error)\n\(story)\(rig.tails)")
            }
            tell("- \(fault.name)")
            usleep(UInt32.random(in: 50_000...500_000, using: &generator))
        }
    }

    private mutating func tell(_ what: String) {
        story += String(format: "%7.1f s  %@\n", Date().timeIntervalSince(began), what)
        if let path = ProcessInfo.processInfo.environment["PEERSCOPE_FAULT_LOG"],
            let file = FileHandle(forWritingAtPath: path)
        {
            _ = try? file.seekToEnd()
            try? file.write(contentsOf: Data("\(what)\n".utf8))
        }
    }

    /// Ends the load, waits until everything is on record, and does the books.
    mutating func settle() throws -> FaultAccount {
        do { try rig.settle() } catch { throw FleetFailure("\(error)\n\(story)") }
        let account = try FaultAccount(rig)
        tell(
            "= fired \(account.fired), stored \(account.stored), lost \(account.lost), unknown \(account.unknown)"
        )
        return account
    }
}
