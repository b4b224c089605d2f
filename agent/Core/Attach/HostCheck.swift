import BPF
import CPlatform
import Glibc
import Tracepoints

/// What `peerscope-agent check` prints: what a machine lacks for capturing, and how to get it.
public struct HostCheck {
    /// One line a finding, a second with what to do about it, with a newline at the end.
    public private(set) var text = ""
    /// Whether nothing is lacking.
    public private(set) var passed = true

    let settings: AgentConfiguration
    let facts: HostFacts

    init(_ settings: AgentConfiguration, _ facts: HostFacts) {
        self.settings = settings
        self.facts = facts
    }

    /// Looks at kernel, privileges, BPF file system, clock, the agent's user, folders and certificate, and the nodes.
    public static func run(_ settings: AgentConfiguration) -> HostCheck { run(settings, HostFacts()) }

    static func run(_ settings: AgentConfiguration, _ facts: HostFacts) -> HostCheck {
        var check = HostCheck(settings, facts)
        check.kernel()
        check.privileges()
        let user = check.user()
        check.fileSystem(user)
        check.clock()
        check.state(user)
        check.identity(user)
        if settings.nodes.isEmpty {
            check.lack("no node is configured", "add one under `nodes`, or with --node")
        }
        for node in settings.nodes { check.node(node) }
        return check
    }

    /// Something is as it should be.
    mutating func approve(_ what: String) { text += "ok      \(what)\n" }

    /// Something works but should be known.
    mutating func note(_ what: String, _ remedy: String = "") {
        text += "note    \(what)\n" + (remedy.isEmpty ? "" : "        → \(remedy)\n")
    }

    /// Something is missing.
    mutating func lack(_ what: String, _ remedy: String) {
        text += "LACKING \(what)\n        → \(remedy)\n"
        passed = false
    }

    private mutating func require(_ good: Bool, _ what: String, else lacking: String, _ remedy: String) {
        if good { approve(what) } else { lack(lacking, remedy) }
    }

    // MARK: The machine

    private mutating func kernel() {
        let numbers = facts.kernel.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        let version = numbers.count == 2 ? (numbers[0], numbers[1]) : (0, 0)
        if version >= (5, 19) {
            approve("kernel \(facts.kernel)")
        } else if version >= (5, 15) {
            note(
                "kernel \(facts.kernel): before 5.19, `run` needs CAP_BPF to open the maps",
                "AmbientCapabilities=CAP_BPF in its unit, which it gives up again, or a newer kernel")
        } else {
            lack(
                "kernel \(facts.kernel) is too old", "5.19 or newer; Debian 12 has 6.1, Ubuntu 24.04 has 6.8")
        }
        func has(_ file: String) -> Bool { facts.kernelFile(file) != nil }
        require(
            has("/proc/sys/kernel/unprivileged_bpf_disabled"), "eBPF", else: "eBPF in the kernel",
            "boot a kernel with CONFIG_BPF_SYSCALL, as every distribution's is")
        require(
            has("/sys/bus/event_source/devices/uprobe/type"), "uprobes", else: "uprobes in the kernel",
            "boot a kernel with CONFIG_UPROBE_EVENTS; in a container, mount /sys")
        require(
            has("/proc/sys/kernel/seccomp/actions_avail"), "system call filters",
            else: "system call filters in the kernel",
            "boot a kernel with CONFIG_SECCOMP_FILTER: `attach` confines itself with one")
        let lockdown = facts.kernelFile("/sys/kernel/security/lockdown") ?? ""
        if lockdown.contains("[confidentiality]") {
            lack(
                "the kernel is locked down to `confidentiality`, in which eBPF may not read memory",
                "boot with lockdown=integrity, or without")
        }
    }

    private mutating func privileges() {
        let needed = Confinement.needed(for: settings)
        let missing = needed.subtracting(facts.capabilities).names
        let all = needed.names.joined(separator: " ")
        require(
            missing.isEmpty, "privileges of `attach`: \(all)",
            else:
                "privileges of `attach`, as whoever runs this check has them: \(missing.joined(separator: " "))",
            facts.isRoot
                ? "they were taken from root here: give the container or the unit CapabilityBoundingSet=\(all)"
                : "start `attach` with sudo, or give its unit AmbientCapabilities=\(all)")
    }

    private mutating func fileSystem(_ user: SystemUser?) {
        guard facts.hasBPFFileSystem else {
            let how = "mount -t bpf bpf /sys/fs/bpf"
            if facts.isRoot {
                note("no BPF file system at /sys/fs/bpf: `attach` mounts it when root starts it", how)
            } else {
                lack("a BPF file system at /sys/fs/bpf", how + ", as root")
            }
            return
        }
        approve("BPF file system at /sys/fs/bpf")
        if user != nil, facts.bpfFolderMode & 0o001 == 0 {
            note(
                "only root may enter /sys/fs/bpf (mode \(String(facts.bpfFolderMode, radix: 8))): `attach` adds the "
                    + "permission to pass through it when root starts it", "chmod o+x /sys/fs/bpf")
        }
        guard let pins = FileAccess(settings.pinFolder) else {
            note("no maps in \(settings.pinFolder) yet, as far as can be seen: `attach` makes them")
            return
        }
        guard let user else { return }
        require(
            pins.owner == user.uid, "maps in \(settings.pinFolder), of user \(user.name)",
            else:
                "the maps in \(settings.pinFolder) belong to \(SystemUser.name(pins.owner)), not to \(user.name)",
            "restart `attach`, which hands them over; both have to be told of the same `user`")
    }

    private mutating func clock() {
        if facts.clock.synchronised != 0 {
            approve("clock synchronised, maximum error \(facts.clock.maxerror_ns / 1_000_000) ms")
        } else {
            note(
                "the clock is not synchronised by chrony or ntpd: times between nodes stay exact, UTC may be off",
                "apt-get install chrony")
        }
    }

    // MARK: The agent

    private mutating func user() -> SystemUser? {
        guard let name = settings.user else {
            note(
                "no `user` is configured: the maps are root's, and so has `run` to be",
                "useradd --system --no-create-home peerscope, and `user: peerscope` in the configuration")
            return nil
        }
        do throws(AgentError) {
            let user = try SystemUser(named: name)
            if user.uid == 0 {
                lack("`user` is \(name), who is root", "choose a user without privileges")
                return nil
            }
            approve("user \(name) for `run`")
            return user
        } catch {
            lack("\(error.doing): \(error.reason)", error.remedy ?? "set `user` to another")
            return nil
        }
    }

    private mutating func state(_ user: SystemUser?) {
        guard let access = FileAccess(settings.state) else {
            note("no folder \(settings.state) yet, as far as can be seen: `run` makes it when it may")
            return
        }
        if let user, access.owner != user.uid {
            lack(
                "\(settings.state) belongs to \(SystemUser.name(access.owner)), not to \(user.name)",
                "chown -R \(user.name) \(settings.state)")
        } else if access.mode & 0o077 != 0 {
            lack(
                "others can look into \(settings.state), where captured events wait (mode "
                    + "\(String(access.mode & 0o777, radix: 8)))", "chmod 700 \(settings.state)")
        } else {
            approve("folder \(settings.state)")
        }
    }

    // MARK: The nodes

    private mutating func node(_ node: AgentConfiguration.Node) {
        let notes: TracepointNotes
        do { notes = try TracepointNotes(path: node.binary) } catch {
            lack(
                "node \(node.name): \(error.doing): \(error.reason)",
                error.remedy ?? "correct its `binary`, or install Bitcoin Core there; `attach` waits for it")
            return
        }
        guard !notes.sites.isEmpty else {
            lack(
                "node \(node.name): \(node.binary) has no tracepoints",
                "use a release build of Bitcoin Core, or build with -DWITH_USDT=ON")
            return
        }
        approve("node \(node.name): \(notes.sites.count) probe sites in \(node.binary)")
        for tracepoint in Tracepoint.allCases where settings.policy.mode(tracepoint) != .off {
            if case .unknownLayout(let why) = notes.support(tracepoint) {
                lack(
                    "node \(node.name): \(tracepoint.name) cannot be captured: \(why)",
                    "this release of Peerscope does not know that of Bitcoin Core: update it")
            }
        }
        let binary = Files.identity(node.binary)
        let running = Files.names(in: "/proc").compactMap { Int32($0) }.filter { pid in
            Files.identity("/proc/\(pid)/exe") == binary && node.match.matches(pid)
        }
        switch running.count {
        case 0:
            note(
                "node \(node.name): no process of it runs" + (facts.isRoot ? "" : " that this user can see"))
        case 1: approve("node \(node.name): process \(running[0])")
        default:
            lack(
                "node \(node.name): processes \(running.map(String.init).joined(separator: " ")) are all taken for it",
                "tell them apart with datadir, pid_file or unit")
        }
    }
}
