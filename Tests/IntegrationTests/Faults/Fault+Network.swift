import CollectorTesting
import Foundation

extension Fault {
    /// The connection between an agent and its aggregator.
    static func network(_ host: () -> Int) -> [Fault] {
        func uplink(
            _ name: String, lasting: ClosedRange<Double> = 0.3...1.5,
            _ inject: @escaping (FaultProxy) -> Void
        ) -> Fault {
            let index = host()
            return Fault(
                name, [.uplink(index)], lasting: lasting,
                inject: { rig, _ in inject(rig.hosts[index].uplink) },
                heal: { $0.hosts[index].uplink.behaviour = .init() })
        }
        /// A side that is gone without a word; a network that comes back says so after `lasting`.
        func halfOpen(_ name: String, _ side: FaultProxy.Side, lasting: ClosedRange<Double>) -> Fault {
            let index = host()
            return Fault(
                name, [.uplink(index)], lasting: lasting,
                inject: { rig, _ in rig.hosts[index].uplink.leaveHalfOpen(closing: side) },
                heal: { rig in if lasting.upperBound < 10 { rig.hosts[index].uplink.cut(reset: true) } })
        }
        return [
            uplink("the connection is cut") { $0.cut() },
            uplink("the connection is reset") { $0.cut(reset: true) },
            uplink("the connection is cut again and again") { proxy in
                for _ in 0..<6 {
                    proxy.cut(reset: Bool.random())
                    usleep(120_000)
                }
            },
            uplink("new connections are refused") { proxy in
                proxy.behaviour.refuses = true
                proxy.cut()
            },
            halfOpen("the aggregator is gone without a word", .server, lasting: 1...2),
            halfOpen("the agent is gone without a word", .client, lasting: 1...2),
            halfOpen(
                "the aggregator is gone without a word until the agent notices", .server, lasting: 11...12),
            uplink("nothing passes") { $0.behaviour = .init { $0.isStalled = true } },
            uplink("nothing passes to the aggregator") { $0.behaviour.outward.isStalled = true },
            uplink("nothing passes to the agent") { $0.behaviour.homeward.isStalled = true },
            uplink("the connection is slow to answer") { $0.behaviour = .init { $0.delay = 250 } },
            uplink("the connection is narrow") { $0.behaviour = .init { $0.bytesPerSecond = 60_000 } },
            uplink("bits flip on the way to the aggregator") { $0.behaviour.outward.flipsOneBitIn = 20_000 },
            uplink("bits flip on the way to the agent") { $0.behaviour.homeward.flipsOneBitIn = 500 },
            uplink("bits flip on both ways, often") { $0.behaviour = .init { $0.flipsOneBitIn = 2_000 } },
            uplink("nothing passes for so long that a small spool loses its oldest events", lasting: 6...8) {
                $0.behaviour.refuses = true
                $0.cut(reset: true)
            }.on(uplink: 1),
        ]
    }

    private func on(uplink index: Int) -> Fault {
        Fault(
            name, [.uplink(index)], lasting: lasting,
            inject: { rig, _ in
                rig.hosts[index].uplink.behaviour.refuses = true
                rig.hosts[index].uplink.cut(reset: true)
            }, heal: { $0.hosts[index].uplink.behaviour = .init() })
    }
}
