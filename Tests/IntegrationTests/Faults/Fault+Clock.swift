import CollectorTesting
import Foundation

extension Fault {
    /// The host's wall clock, as its agent sees it.
    static func clock(_ host: () -> Int) -> [Fault] {
        let hour = 3_600_000_000_000
        return [
            ("the clock is an hour ahead after a restart", "realtime=\(hour)"),
            ("the clock is an hour behind after a restart", "realtime=-\(hour)"),
            ("the clock is stepped an hour ahead", "step=\(hour)@1"),
            ("the clock is stepped an hour back", "step=-\(hour)@1"),
        ].map { name, faults in
            let index = host()
            return Fault(
                name, [.host(index)], lasting: 1.5...2.5,
                inject: { rig, _ in
                    rig.hosts[index].clockFaults = faults
                    rig.hosts[index].streamer?.end()
                    try rig.stream(rig.hosts[index])
                },
                heal: { rig in
                    rig.hosts[index].clockFaults = nil
                    rig.hosts[index].streamer?.end(SIGKILL)
                    try rig.stream(rig.hosts[index])
                })
        }
    }
}
