import CollectorTesting
import Foundation

extension Fault {
    /// The disk under a spool, and what is on it.
    static func spool(_ host: () -> Int) -> [Fault] {
        func disk(
            _ name: String, lasting: ClosedRange<Double> = 0.5...2,
            _ inject: @escaping (FaultRig, FaultRig.Host) throws -> Void,
            heal: @escaping (FaultRig, FaultRig.Host) throws -> Void
        ) -> Fault {
            Fault(name, ofHost: host(), lasting: lasting, inject: inject, heal: heal)
        }
        return [
            disk("the spool's disk is full", { try $1.disk.fill() }, heal: { $1.disk.makeRoom() }),
            disk(
                "the streamer is killed and begins with a full disk",
                { rig, host in
                    try host.disk.fill()
                    usleep(300_000)
                    host.streamer?.end(SIGKILL)
                    try rig.stream(host)
                }, heal: { $1.disk.makeRoom() }),
            disk(
                "the spool's disk is stuck", lasting: 1...2.5, { try $1.disk.freeze() },
                heal: { $1.disk.thaw() }),
            disk(
                "the spool's disk becomes read-only, and is repaired",
                { try $1.disk.breakReadOnly() },
                heal: { rig, host in
                    host.streamer?.end(SIGKILL)
                    try host.disk.repair()
                    try rig.stream(host)
                }),
            damage("a bit flips in the newest segment", host()) { files, generator in
                if let file = files.last { flip(file, &generator) }
            },
            damage("a bit flips in the oldest segment", host()) { files, generator in
                if let file = files.first { flip(file, &generator) }
            },
            damage("bits flip in every segment", host()) { files, generator in
                for file in files { for _ in 0..<3 { flip(file, &generator) } }
            },
            damage("the newest segment loses its end", host()) { files, generator in
                if let file = files.last { cut(file, &generator) }
            },
            damage("the oldest segment loses its end", host()) { files, generator in
                if let file = files.first { cut(file, &generator) }
            },
            damage("the newest segment has a torn batch at its end", host()) { files, generator in
                if let file = files.last, let handle = FileHandle(forWritingAtPath: file) {
                    _ = try handle.seekToEnd()
                    var tail = Array("PSB1".utf8)
                    for _ in 0..<200 { tail.append(.random(in: 0...255, using: &generator)) }
                    try handle.write(contentsOf: Data(tail))
                }
            },
            damage("the newest segment is deleted", host()) { files, _ in
                if let file = files.last { unlink(file) }
            },
            damage("the oldest segment is deleted", host()) { files, _ in
                if let file = files.first { unlink(file) }
            },
            damage("all segments are deleted", host()) { files, _ in for file in files { unlink(file) } },
            missing("the lease is gone", "lease", host()),
            missing("the stream's id is gone", "stream", host()),
            setBack(host()),
        ]
    }

    /// Damage to a spool that has something to lose: the aggregator has been out of reach for a moment.
    private static func damage(
        _ name: String, _ index: Int, _ harm: @escaping ([String], inout SeededGenerator) throws -> Void
    ) -> Fault {
        Fault(
            name, [.host(index), .uplink(index)], lasting: 0.1...0.3,
            inject: { rig, generator in
                let host = rig.hosts[index]
                host.uplink.behaviour.refuses = true
                host.uplink.cut(reset: true)
                usleep(1_500_000)
                host.streamer?.end(SIGKILL)
                for node in host.nodes { try harm(segments(host, node), &generator) }
                try rig.stream(host)
            }, heal: { $0.hosts[index].uplink.behaviour = .init() })
    }

    private static func missing(_ name: String, _ file: String, _ index: Int) -> Fault {
        Fault(
            name, [.host(index)],
            inject: { rig, _ in
                let host = rig.hosts[index]
                host.streamer?.end(SIGKILL)
                for node in host.nodes { unlink(host.state + "/nodes/\(node)/\(file)") }
            }, heal: { try $0.stream($0.hosts[index]) })
    }

    /// The spool of some time ago takes the place of today's, while the ring lives and the aggregator is ahead.
    private static func setBack(_ index: Int) -> Fault {
        Fault(
            "a spool is set back while the ring lives", [.host(index), .uplink(index)],
            inject: { rig, _ in
                let host = rig.hosts[index]
                let copy = host.folder + "/copy"
                try? FileManager.default.removeItem(atPath: copy)
                // Segments come and go meanwhile.
                for _ in 0..<20 {
                    do {
                        try FileManager.default.copyItem(atPath: host.state, toPath: copy)
                        break
                    } catch { try? FileManager.default.removeItem(atPath: copy) }
                }
                usleep(1_000_000)
                host.streamer?.end(SIGKILL)
                try FileManager.default.removeItem(atPath: host.state)
                try FileManager.default.moveItem(atPath: copy, toPath: host.state)
                // Files that nobody has synced would be gone after the next fault of the disk.
                try Program.run("/bin/sync", ["-f", host.state])
            }, heal: { try $0.stream($0.hosts[index]) })
    }

    private static func flip(_ path: String, _ generator: inout SeededGenerator) {
        guard let file = FileHandle(forUpdatingAtPath: path), let size = try? file.seekToEnd(), size > 0
        else {
            return
        }
        let place = UInt64.random(in: 0..<size, using: &generator)
        guard (try? file.seek(toOffset: place)) != nil, let byte = try? file.read(upToCount: 1)?.first else {
            return
        }
        try? file.seek(toOffset: place)
        try? file.write(contentsOf: Data([byte ^ UInt8(1 << Int.random(in: 0..<8, using: &generator))]))
    }

    private static func cut(_ path: String, _ generator: inout SeededGenerator) {
        guard let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int, size > 0
        else {
            return
        }
        truncate(path, off_t(Int.random(in: 0..<size, using: &generator)))
    }
}
