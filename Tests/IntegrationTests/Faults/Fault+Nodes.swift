import CollectorTesting
import Foundation

extension Fault {
    /// The nodes and their host.
    static func nodes(_ host: () -> Int) -> [Fault] {
        func node(
            _ name: String, lasting: ClosedRange<Double> = 0.2...1,
            _ inject: @escaping (FaultRig, FaultRig.Host, FaultRig.NodeProcess) throws -> Void,
            heal: @escaping (FaultRig, FaultRig.Host, String) throws -> Void
        ) -> Fault {
            let index = host()
            let node = FaultRig.layout[index][0]
            return Fault(
                name, [.host(index)], lasting: lasting,
                inject: { rig, _ in
                    guard let process = rig.running(node) else { throw FleetFailure("\(node) does not run") }
                    try inject(rig, rig.hosts[index], process)
                },
                heal: { rig in try heal(rig, rig.hosts[index], node) })
        }
        func end(_ process: FaultRig.NodeProcess, _ signal: Int32) {
            process.wasKilled = signal == SIGKILL
            process.program.end(signal)
        }
        let restart = { (rig: FaultRig, host: FaultRig.Host, node: String) in
            _ = try rig.startNode(node, on: host)
        }
        return [
            node("a node is killed", { end($2, SIGKILL) }, heal: restart),
            node("a node is restarted", { end($2, SIGTERM) }, heal: restart),
            node(
                "a node is stopped for a while", { $2.program.stopClock() },
                heal: { rig, _, node in rig.running(node)?.program.continueClock() }),
            node(
                "a node's binary is replaced and the node restarted",
                { rig, host, process in
                    try replaceBinary(host)
                    end(process, SIGTERM)
                }, heal: restart),
            node(
                "a node's binary is replaced, the node runs on and the attacher is killed",
                { rig, host, _ in
                    try replaceBinary(host)
                    host.attacher?.end(SIGKILL)
                },
                heal: { rig, host, _ in try rig.attach(host) }),
            node(
                "a node is killed while no streamer runs",
                { rig, host, process in
                    host.streamer?.end(SIGKILL)
                    end(process, SIGKILL)
                },
                heal: { rig, host, node in
                    try rig.startNode(node, on: host)
                    usleep(300_000)
                    try rig.stream(host)
                }),
            powerFailure(host(), connected: true), powerFailure(host(), connected: false),
        ]
    }

    /// As a package manager does it: a new file takes the old one's name.
    private static func replaceBinary(_ host: FaultRig.Host) throws {
        try FileManager.default.copyItem(atPath: host.standin, toPath: host.standin + ".new")
        rename(host.standin + ".new", host.standin)
    }

    /// A host loses its power: all of its processes, its ring, and any part of what was not yet on disk.
    ///
    /// - Parameter connected: the aggregator had committed what the spool then lost.
    private static func powerFailure(_ index: Int, connected: Bool) -> Fault {
        Fault(
            connected
                ? "a host loses power after its aggregator committed what its spool loses"
                : "a host loses power while its aggregator cannot be reached",
            [.host(index), .uplink(index)], lasting: 0.2...0.5,
            inject: { rig, generator in
                let host = rig.hosts[index]
                if !connected {
                    host.uplink.behaviour.refuses = true
                    host.uplink.cut(reset: true)
                    usleep(1_000_000)
                }
                // What is older than an interval of syncs is on disk.
                let synced = sizes(host)
                usleep(700_000)
                for process in rig.processes where process.host === host && process.program.isRunning {
                    kill(process.program.pid, SIGKILL)
                    process.wasKilled = true
                }
                host.streamer?.end(SIGKILL)
                host.attacher?.end(SIGKILL)
                for process in rig.processes where process.host === host { process.program.wait() }
                rig.removePins(host)
                let now = sizes(host)
                // A segment goes only once the next is on disk.
                let folders = synced.keys.filter { now[$0] == nil }.map {
                    ($0 as NSString).deletingLastPathComponent
                }
                for (path, size) in now {
                    let kept = synced[path] ?? (folders.contains { path.hasPrefix($0) } ? size : 0)
                    guard kept < size else { continue }
                    let left = Int.random(in: kept...size, using: &generator)
                    if kept == 0, Bool.random(using: &generator) {
                        unlink(path)
                    } else {
                        truncate(path, off_t(left))
                    }
                }
            },
            heal: { rig in
                let host = rig.hosts[index]
                try rig.attach(host)
                try rig.stream(host)
                for node in host.nodes where node != FaultRig.burstNode { try rig.startNode(node, on: host) }
                host.uplink.behaviour = .init()
            })
    }

    /// The segments of a host's spools and their sizes.
    static func sizes(_ host: FaultRig.Host) -> [String: Int] {
        var sizes: [String: Int] = [:]
        for node in host.nodes {
            for path in segments(host, node) {
                sizes[path] =
                    (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
            }
        }
        return sizes
    }

    /// A node's segments, oldest first.
    static func segments(_ host: FaultRig.Host, _ node: String) -> [String] {
        let folder = host.spool(node)
        return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
            .map { folder + "/" + $0 }
    }
}
