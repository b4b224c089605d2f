import Foundation
import Testing

/// What attacher and streamer may do while they work: read from `/proc`, and tried out in the processes themselves.
@Suite(
    "The privileges of a running agent", .serialized, .enabled(if: Checkout.canUseEBPF, "eBPF needs root"))
struct PrivilegeTests {
    private static let user = "nobody"

    /// What the kernel says of a thread: `/proc/PID/status` by name.
    private func status(_ pid: pid_t, thread: String) throws -> [String: String] {
        let text = try String(contentsOfFile: "/proc/\(pid)/task/\(thread)/status", encoding: .utf8)
        return text.split(separator: "\n").reduce(into: [:]) { status, line in
            let pair = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            status[String(pair[0])] = pair[1].trimmingCharacters(in: .whitespaces)
        }
    }

    private func threads(_ pid: pid_t) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
    }

    /// What the process's descriptors lead to.
    private func descriptors(_ pid: pid_t) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\($0)")
        }
    }

    /// What the kernel answers the process itself to these system calls, by name.
    private func attempt(_ pid: pid_t, _ calls: [String]) throws -> [String: String] {
        let (status, text) = try Program.output(
            "/usr/bin/env",
            ["python3", Checkout.path("Tests/Fixtures/attempt.py"), "\(pid)"] + calls)
        guard status == 0 else { throw FleetFailure(text) }
        return text.split(separator: "\n").reduce(into: [:]) { answers, line in
            let pair = line.split(separator: " ")
            answers[String(pair[0])] = String(pair[1])
        }
    }

    /// A fleet of one host whose agent has a user of its own, both started by root, over TLS with a key of root's.
    private func agent(match: String? = nil) throws -> (fleet: Fleet, attacher: pid_t, streamer: pid_t) {
        let fleet = try Fleet(capture: "regtest6", layout: [["n1"]], secured: true)
        do {
            let host = fleet.hosts[0]
            var yaml = try String(contentsOfFile: host.configuration, encoding: .utf8)
            yaml += "user: \(Self.user)\n"
            try Data(yaml.utf8).write(to: URL(filePath: host.configuration))
            try fleet.attach(host)
            try fleet.stream(host)
            try host.streamer?.awaitText("notice connected")
            guard let attacher = host.attacher, let streamer = host.streamer else {
                throw FleetFailure("not started")
            }
            return (fleet, attacher.pid, streamer.pid)
        } catch {
            fleet.stop()
            throw error
        }
    }

    // CAP_DAC_READ_SEARCH (2, for the pid file), CAP_SYS_PTRACE (19), CAP_SYS_ADMIN (21), CAP_PERFMON (38), CAP_BPF (39).
    private static let attaching = "000000c000280004"
    private static let none = "0000000000000000"

    @Test(
        "are the few that attaching takes in the attacher, and none in the streamer, in every thread of them")
    func sets() throws {
        let (fleet, attacher, streamer) = try agent()
        defer { fleet.stop() }
        let nobody = try #require(getpwnam(Self.user)).pointee
        let expected: [(pid: pid_t, kept: String, uid: uid_t, gid: gid_t, seccomp: String)] = [
            (attacher, Self.attaching, 0, 0, "2"), (streamer, Self.none, nobody.pw_uid, nobody.pw_gid, "0"),
        ]
        for (pid, kept, uid, gid, seccomp) in expected {
            for thread in try threads(pid) {
                let status = try status(pid, thread: thread)
                let name = "\(status["Name"] ?? "") of \(pid == attacher ? "attacher" : "streamer")"
                for set in ["CapPrm", "CapEff", "CapBnd"] { #expect(status[set] == kept, "\(set), \(name)") }
                for set in ["CapInh", "CapAmb"] { #expect(status[set] == Self.none, "\(set), \(name)") }
                #expect(status["NoNewPrivs"] == "1", "\(name)")
                #expect(status["Seccomp"] == seccomp, "\(name)")
                // Real, effective, saved and that of the file system.
                #expect(
                    status["Uid"] == Array(repeating: "\(uid)", count: 4).joined(separator: "\t"), "\(name)")
                #expect(
                    status["Gid"] == Array(repeating: "\(gid)", count: 4).joined(separator: "\t"), "\(name)")
                #expect(status["Groups"] == "", "\(name)")
            }
        }
        #expect(try threads(attacher).count == 1)
        #expect(try threads(streamer).count > 2)
        // No socket, and nothing open that could be written to but its output and what belongs to eBPF.
        let open = try descriptors(attacher)
        #expect(open.contains { $0.hasPrefix("anon_inode:bpf") })
        #expect(
            open.filter { !$0.hasPrefix("anon_inode:") && $0 != "/dev/null" }.allSatisfy {
                $0 == fleet.hosts[0].attacher?.log
            }, "\(open)")
        #expect(try descriptors(streamer).contains { $0.hasPrefix("socket:") })
        // What they meet in is for the streamer's user alone.
        let pins = fleet.hosts[0].pins
        for path in [pins]
            + (try FileManager.default.contentsOfDirectory(atPath: pins)).map({ pins + "/" + $0 })
        {
            let about = try FileManager.default.attributesOfItem(atPath: path)
            #expect(about[.ownerAccountID] as? Int == Int(nobody.pw_uid), "\(path)")
            #expect((about[.posixPermissions] as? Int ?? 0o777) & 0o077 == 0, "\(path)")
        }
    }

    #if arch(x86_64)
        /// Everything that leads out of the process or into another, as `attempt.py` calls it.
        private static let forbidden = [
            "socket-inet", "socket-datagram", "socket-unix", "socket-netlink", "socketpair", "connect",
            "accept",
            "accept4", "sendto", "recvfrom", "sendmsg", "sendmmsg", "bind", "listen", "io_uring_setup",
            "fork",
            "vfork", "clone-invalid", "clone3-invalid", "execveat", "execute:/bin/true", "ptrace",
            "process_vm_readv",
            "process_vm_writev", "pidfd_getfd", "kill-init", "tgkill-init", "prlimit-init", "setuid", "setns",
            "unshare", "mount", "chmod", "memfd_create", "userfaultfd", "keyctl", "init_module", "kexec_load",
            "ioctl-terminal", "getpid-x32", "getpid-int80", "open-for-writing:/proc/self/mem",
        ]

        @Test(
            "let the attacher open no socket, start or touch no process and write no file, whatever it tries")
        func attacher() throws {
            let (fleet, attacher, streamer) = try agent()
            defer { fleet.stop() }
            let file = fleet.folder + "/made-by-the-attacher"
            let answers = try attempt(
                attacher,
                Self.forbidden + [
                    "open-for-writing:" + file, "unlink:" + fleet.capture, "getpid", "open:/etc/hostname",
                    "a-call-of-the-future",
                ])
            for call in Self.forbidden + ["open-for-writing:" + file, "unlink:" + fleet.capture] {
                #expect(answers[call] == "EPERM", "\(call)")
            }
            // What is allowed goes on being allowed, and a library that looks for newer calls is told that there are none.
            #expect(answers["getpid"] == "ok" && answers["open:/etc/hostname"] == "ok")
            #expect(answers["a-call-of-the-future"] == "ENOSYS")
            #expect(!FileManager.default.fileExists(atPath: file))
            // The same attempts in a process without a filter are answered by the calls themselves.
            let control = try attempt(
                streamer, ["socket-inet", "socket-unix", "connect", "getpid", "a-call-of-the-future"])
            #expect(
                control == [
                    "socket-inet": "ok", "socket-unix": "ok", "connect": "EBADF", "getpid": "ok",
                    "a-call-of-the-future": "ENOSYS",
                ])
            // It has been stopped and questioned, and still attaches: every event of a node that starts now is stored.
            try fleet.startNodes(speed: 20, lead: 3)
            try fleet.awaitNodes()
            try fleet.awaitCommitted()
            #expect(try fleet.storedRows()["n1"] == (try Truth(fleet.truth("n1")).observed))
            #expect(try fleet.sql("select sum(unexplained) from peerscope.stream_audit") == "0")
            // Read while it attached to the node's binary and judged its process.
            #expect(try descriptors(attacher).allSatisfy { !$0.hasPrefix("socket:") })
        }

        @Test("let the streamer open no file of root's, become nobody else and signal nobody")
        func streamer() throws {
            let (fleet, _, streamer) = try agent()
            defer { fleet.stop() }
            let key = fleet.hosts[0].folder + "/agent.key"
            let about = try FileManager.default.attributesOfItem(atPath: key)
            #expect(about[.ownerAccountID] as? Int == 0 && about[.posixPermissions] as? Int == 0o600)
            let elsewhere = fleet.folder + "/made-by-the-streamer"
            let answers = try attempt(
                streamer,
                [
                    "open:" + key, "open:/etc/shadow", "open-for-writing:/etc/hostname",
                    "open-for-writing:" + elsewhere, "open:/proc/1/environ", "setuid", "kill-init", "unshare",
                    "open:/etc/hostname",
                ])
            for call in [
                "open:" + key, "open:/etc/shadow", "open-for-writing:/etc/hostname",
                "open-for-writing:" + elsewhere,
                "open:/proc/1/environ",
            ] { #expect(answers[call] == "EACCES", "\(call)") }
            for call in ["setuid", "kill-init", "unshare"] {
                #expect(answers[call] == "EPERM", "\(call)")
            }
            #expect(answers["open:/etc/hostname"] == "ok")
        }
    #endif

    @Test("that are missing are told with what to do about them")
    func refusals() throws {
        let (fleet, _, _) = try agent()
        defer { fleet.stop() }
        let host = fleet.hosts[0]
        let yaml = try String(contentsOfFile: host.configuration, encoding: .utf8)
        let folder = fleet.folder + "/others"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        func configuration(_ text: String) throws -> String {
            let path = folder + "/agent-\(UUID().uuidString.prefix(8)).yaml"
            try Data(text.utf8).write(to: URL(filePath: path))
            return path
        }
        /// As another user, without any privilege.
        func output(as user: String, _ arguments: [String]) throws -> String {
            let (status, text) = try Program.output(
                "/usr/bin/setpriv",
                [
                    "--reuid", user, "--regid", "nogroup", "--clear-groups", "--",
                    Checkout.binary("peerscope-agent"),
                ] + arguments)
            #expect(status == 1)
            return text
        }
        // What `enroll` wrote is root's, and root is not there to read it.
        let unread = try output(as: Self.user, ["run", "--config", host.configuration])
        #expect(unread.contains("reading \(host.configuration): Permission denied; check the path"))
        for name in ["agent.yaml", "ca.crt", "agent.crt"] { chmod("\(host.folder)/\(name)", 0o644) }
        let asItself = try output(as: Self.user, ["run", "--config", host.configuration])
        #expect(
            asItself.contains(
                "reading \(host.folder)/agent.key: Permission denied; check the path, and that this user may read it"
            ))
        // So is a capture file.
        let plain =
            yaml.split(separator: "\n").filter { !$0.hasPrefix("tls_") }.joined(separator: "\n") + "\n"
        let capture = folder + "/capture.jsonl"
        try Data("{}\n".utf8).write(to: URL(filePath: capture))
        chmod(capture, 0o600)
        #expect(
            try output(as: Self.user, ["run", "--config", try configuration(plain), "--capture", capture])
                .contains("cannot open the capture \(capture): Permission denied"))
        // The maps are another user's.
        let foreign = try output(
            as: "daemon", ["run", "--config", try configuration(plain), "--state", "/tmp/\(UUID())"])
        #expect(
            foreign.contains(
                "opening the pinned map \(host.pins)/meta: Permission denied; it belongs to the `user`"),
            "\(foreign)")
        // And nobody but root attaches.
        let attach = try output(as: Self.user, ["attach", "--config", try configuration(plain)])
        #expect(
            attach.contains(
                "eBPF needs privileges that this user does not have; start it with sudo, or grant"))
    }

    @Test(
        "of the streamer make no difference to what its death costs: nothing that fits the ring, also under load"
    )
    func killedUnderLoad() throws {
        let (fleet, _, _) = try agent()
        defer { fleet.stop() }
        let host = fleet.hosts[0]
        let record = "\(fleet.folder)/load.csv"
        // 20 000 events in two seconds, after two: some of all tracepoints.
        let node = try fleet.load("n1", on: host, record: record, count: 20_000)
        try host.attacher?.awaitText("found a node's process", seconds: 10)
        usleep(2_200_000)
        for _ in 0..<4 {
            host.streamer?.end(SIGKILL)
            usleep(150_000)
            try fleet.stream(host)
            usleep(250_000)
        }
        #expect(node.wait() == 0, "\(node.text)")
        try fleet.awaitCommitted(runs: 1, seconds: 120)
        let fired = try Truth(record).observed
        #expect(fired.values.reduce(0, +) > 15_000)
        #expect(try fleet.storedRows()["n1"] == fired)
        // The books say the same, without a single loss; every number that no event has was skipped on purpose.
        #expect(
            try fleet.sql(
                """
                select sum(stored) = sum(hits), sum(lost_ring) from peerscope.stream_tracepoint
                """) == "t|0")
        #expect(
            try fleet.sql("select distinct reason from peerscope.event_gap where reason <> 'sequence_skip'")
                == "")
        #expect(
            try fleet.sql("select count(*) - count(distinct (node_id, seq)) from peerscope.p2p_message")
                == "0")
        #expect(try fleet.sql("select sum(unexplained) from peerscope.stream_audit") == "0")
    }
}
