import CollectorTesting
import Foundation

extension Fault {
    /// The aggregators, and agents that move between them.
    static func aggregators(_ pick: () -> Int) -> [Fault] {
        func aggregator(
            _ name: String, lasting: ClosedRange<Double> = 0.2...1,
            _ inject: @escaping (FaultRig.Aggregator) -> Void,
            heal: @escaping (FaultRig, FaultRig.Aggregator) throws -> Void
        ) -> Fault {
            let index = pick()
            return Fault(
                name, [.aggregators], lasting: lasting, inject: { rig, _ in inject(rig.aggregators[index]) },
                heal: { try heal($0, $0.aggregators[index]) })
        }
        func move(_ rig: FaultRig, _ host: FaultRig.Host, reset: Bool) {
            host.aggregator = 1 - host.aggregator
            host.uplink.target = rig.aggregators[host.aggregator].port
            host.uplink.cut(reset: reset)
        }
        let moving = pick()
        let racing = pick()
        return [
            aggregator("an aggregator is killed", { $0.program?.end(SIGKILL) }, heal: { try $0.start($1) }),
            aggregator(
                "an aggregator is stopped for a while", lasting: 1...3, { $0.program?.stopClock() },
                heal: { $1.program?.continueClock() }),
            aggregator("an aggregator is restarted", { $0.program?.end() }, heal: { try $0.start($1) }),
            Fault(
                "both aggregators are killed", [.aggregators],
                inject: { rig, _ in for one in rig.aggregators { one.program?.end(SIGKILL) } },
                heal: { rig in for one in rig.aggregators { try rig.start(one) } }),
            Fault(
                "an agent moves to the other aggregator", [.aggregators, .uplink(moving)],
                inject: { rig, _ in move(rig, rig.hosts[moving], reset: true) }),
            Fault(
                "an agent moves to and fro between the aggregators", [.aggregators, .uplink(moving)],
                inject: { rig, generator in
                    for _ in 0..<6 {
                        move(rig, rig.hosts[moving], reset: Bool.random(using: &generator))
                        usleep(UInt32.random(in: 50_000...600_000, using: &generator))
                    }
                }),
            Fault(
                "two aggregators race for a stream", [.aggregators, .uplink(racing)], lasting: 1...2,
                inject: { rig, _ in
                    let host = rig.hosts[racing]
                    // One keeps batches that it has not stored, and goes on with them when the other has.
                    let slow = rig.aggregators[host.aggregator]
                    try rig.hold("BEGIN; LOCK TABLE peerscope.stream IN EXCLUSIVE MODE")
                    usleep(700_000)
                    slow.program?.stopClock()
                    rig.endSessions()
                    move(rig, host, reset: true)
                },
                heal: { rig in for one in rig.aggregators { one.program?.continueClock() } }),
        ]
    }
}
