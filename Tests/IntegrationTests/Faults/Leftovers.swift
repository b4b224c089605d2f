import Foundation

/// What a rig leaves behind whose test was killed: processes, mounts, pins and files, all known by the rig's folder,
/// whose name has the test's process in it.
enum Leftovers {
    static let prefix = "/var/tmp/peerscope-faults-"

    /// Removes what belongs to tests that are not there any more.
    static func sweep() {
        let parent = URL(filePath: prefix).deletingLastPathComponent().path()
        for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? [] {
            let folder = parent + name
            guard folder.hasPrefix(prefix),
                let owner = pid_t(folder.dropFirst(prefix.count).prefix { $0.isNumber }),
                kill(owner, 0) != 0, errno == ESRCH
            else { continue }
            endProcesses(of: folder)
            removePins(of: folder)
            for mount in ["postgres", "host1/disk", "host2/disk"] {
                _ = try? Program.output("/sbin/fsfreeze", ["-u", "\(folder)/\(mount)"])
                umount2("\(folder)/\(mount)", Int32(MNT_DETACH))
            }
            try? FileManager.default.removeItem(atPath: folder)
        }
    }

    private static let programs: Set = [
        "peerscope-agent", "peerscope-aggregator", "tracepoint-replay", "postgres", "psql",
    ]

    /// Every program of a rig has the rig's folder in its command line.
    private static func endProcesses(of folder: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let pid = pid_t(name), pid != getpid(),
                let line = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline"),
                case let words = String(decoding: line, as: UTF8.self).split(separator: "\0"),
                let program = words.first?.split(separator: "/").last, programs.contains(String(program)),
                words.contains(where: { $0.contains(folder + "/") })
            else { continue }
            kill(pid, SIGKILL)
        }
        usleep(300_000)
    }

    private static func removePins(of folder: String) {
        for host in ["host1", "host2"] {
            let file = "\(folder)/\(host)/agent.yaml"
            guard let text = try? String(contentsOfFile: file, encoding: .utf8),
                let agent = text.firstMatch(of: /agent: (\S+)/)?.1
            else { continue }
            _ = try? Program.output("/bin/rm", ["-rf", "/sys/fs/bpf/peerscope/\(agent)"])
        }
    }
}
