import CollectorTesting
import Foundation

/// Something that goes wrong, and how it is set right.
struct Fault {
    /// What is out of order meanwhile: faults of the same part do not overlap.
    enum Part: Hashable {
        /// A host's attacher, streamer, nodes and disk.
        case host(Int)
        case uplink(Int)
        case aggregators, database
    }

    let name: String
    let parts: Set<Part>
    /// Seconds until it is healed.
    let lasting: ClosedRange<Double>
    let inject: (FaultRig, inout SeededGenerator) throws -> Void
    let heal: (FaultRig) throws -> Void

    init(
        _ name: String, _ parts: Set<Part>, lasting: ClosedRange<Double> = 0.2...1,
        inject: @escaping (FaultRig, inout SeededGenerator) throws -> Void,
        heal: @escaping (FaultRig) throws -> Void = { _ in }
    ) {
        self.name = name
        self.parts = parts
        self.lasting = lasting
        self.inject = inject
        self.heal = heal
    }

    /// A fault of one host's processes or disk.
    init(
        _ name: String, ofHost index: Int, lasting: ClosedRange<Double>,
        inject: @escaping (FaultRig, FaultRig.Host) throws -> Void,
        heal: @escaping (FaultRig, FaultRig.Host) throws -> Void
    ) {
        self.init(
            name, [.host(index)], lasting: lasting,
            inject: { rig, _ in try inject(rig, rig.hosts[index]) },
            heal: { try heal($0, $0.hosts[index]) })
    }

    /// Every fault there is, each for the host or the aggregator that the generator picks.
    static func catalogue(_ generator: inout SeededGenerator) -> [Fault] {
        func host() -> Int { Int.random(in: 0...1, using: &generator) }
        return agent(host) + nodes(host) + network(host) + spool(host) + clock(host) + aggregators(host)
            + database()
    }
}

extension Program {
    func stopClock() { kill(pid, SIGSTOP) }
    func continueClock() { kill(pid, SIGCONT) }
}
