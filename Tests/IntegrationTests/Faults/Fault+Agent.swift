import CollectorTesting
import Foundation

@testable import BPF

extension Fault {
    /// Attacher and streamer, killed, stopped and started; the ring between them.
    static func agent(_ host: () -> Int) -> [Fault] {
        func streamer(
            _ name: String, lasting: ClosedRange<Double> = 0.2...1,
            _ inject: @escaping (FaultRig, FaultRig.Host) throws -> Void,
            heal: @escaping (FaultRig, FaultRig.Host) throws -> Void
        ) -> Fault {
            Fault(name, ofHost: host(), lasting: lasting, inject: inject, heal: heal)
        }
        return [
            streamer("the streamer is killed", { $1.streamer?.end(SIGKILL) }, heal: { try $0.stream($1) }),
            streamer(
                "the streamer is killed twice in a row",
                { rig, host in
                    host.streamer?.end(SIGKILL)
                    try rig.stream(host)
                    usleep(150_000)
                    host.streamer?.end(SIGKILL)
                }, heal: { try $0.stream($1) }),
            streamer(
                "the streamer is stopped for a while", lasting: 1...3, { $1.streamer?.stopClock() },
                heal: { $1.streamer?.continueClock() }),
            streamer("the streamer is restarted", { $1.streamer?.end() }, heal: { try $0.stream($1) }),
            streamer(
                "the attacher is killed", lasting: 0.1...0.5, { $1.attacher?.end(SIGKILL) },
                heal: { try $0.attach($1) }),
            streamer(
                "the attacher is stopped for a while", lasting: 1...2.5, { $1.attacher?.stopClock() },
                heal: { $1.attacher?.continueClock() }),
            streamer("the attacher is restarted", { $1.attacher?.end() }, heal: { try $0.attach($1) }),
            streamer(
                "attacher and streamer are killed",
                { _, host in
                    host.attacher?.end(SIGKILL)
                    host.streamer?.end(SIGKILL)
                },
                heal: { rig, host in
                    try rig.attach(host)
                    try rig.stream(host)
                }),
            streamer(
                "the ring is made anew under living nodes",
                { rig, host in
                    host.attacher?.end(SIGKILL)
                    host.streamer?.end(SIGKILL)
                    rig.removePins(host)
                },
                heal: { rig, host in
                    try rig.attach(host)
                    try rig.stream(host)
                }),
            streamer(
                "the ring's position is published too late", lasting: 0.1...0.2,
                { rig, host in
                    let ring = try RingReader(path: host.pins + "/ring")
                    usleep(400_000)
                    host.streamer?.end(SIGKILL)
                    ring.setBack()
                }, heal: { try $0.stream($1) }),
            streamer(
                "the ring is overrun", lasting: 0.1...0.2,
                { rig, host in
                    let burst = rig.hosts[1]
                    let process = try rig.startNode(FaultRig.burstNode, on: burst, burst: 60_000)
                    try burst.attacher?.awaitText("pid=\"\(process.program.pid)\"", seconds: 20)
                    burst.streamer?.stopClock()
                    process.program.wait()
                    burst.streamer?.continueClock()
                }, heal: { _, _ in }
            ).on(1),
        ]
    }

    /// The same fault, said to be of another host.
    private func on(_ host: Int) -> Fault {
        Fault(name, [.host(host)], lasting: lasting, inject: inject, heal: heal)
    }
}
