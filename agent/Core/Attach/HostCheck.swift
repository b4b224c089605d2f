import BPF
import CPlatform
import Glibc

/// What this machine lacks for capturing, and how to get it.
public struct HostCheck {
    /// One line a finding, with a newline at the end.
    public private(set) var text = ""
    /// Whether nothing is lacking.
    public private(set) var passed = true

    /// Looks at kernel, privileges, BPF file system and the nodes' binaries.
    public static func run(_ settings: AgentConfiguration) -> HostCheck {
        var check = HostCheck()
        check.kernel()
        check.privileges()
        check.fileSystem()
        check.clock()
        for node in settings.nodes { check.node(node) }
        return check
    }

    private mutating func say(_ good: Bool, _ what: String, _ remedy: String = "") {
        text +=
            (good ? "ok      " : "LACKING ") + what + (good || remedy.isEmpty ? "" : "\n        → \(remedy)")
            + "\n"
        passed = passed && good
    }

    private mutating func kernel() {
        let release = HostIdentity.kernel
        let numbers = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        let recent = numbers.count == 2 && (numbers[0], numbers[1]) >= (5, 19)
        say(
            recent, "kernel \(release)",
            "5.19 or newer lets `run` work without capabilities; 5.15 works when `run` has CAP_BPF")
        say(
            Files.identity("/sys/bus/event_source/devices/uprobe/type") != nil, "uprobes",
            "the kernel needs CONFIG_UPROBE_EVENTS")
    }

    private mutating func privileges() {
        var error: Int32 = 0
        let held = unsafe ps_effective_capabilities(&error)
        for (name, bit) in [("CAP_BPF", 39), ("CAP_PERFMON", 38), ("CAP_SYS_ADMIN", 21)] {
            say(
                held & (1 << UInt64(bit)) != 0, "\(name) for `attach`",
                "start `attach` with sudo, or from its systemd unit")
        }
    }

    private mutating func fileSystem() {
        let mounted = unsafe ps_is_bpffs("/sys/fs/bpf") == 1
        say(
            mounted || getuid() == 0,
            mounted ? "BPF file system at /sys/fs/bpf" : "BPF file system (attach will mount it)",
            "mount -t bpf bpf /sys/fs/bpf")
    }

    private mutating func clock() {
        let quality = ps_clock_quality_now()
        text +=
            quality.synchronised != 0
            ? "ok      clock synchronised, maximum error \(quality.maxerror_ns / 1_000_000) ms\n"
            : "note    the clock is not synchronised by chrony or ntpd: times between nodes stay exact, UTC may be off\n"
    }

    private mutating func node(_ node: AgentConfiguration.Node) {
        do {
            let notes = try TracepointNotes(path: node.binary)
            say(
                !notes.sites.isEmpty, "node \(node.name): \(notes.sites.count) probe sites in \(node.binary)",
                "use a release build, or build with -DWITH_USDT=ON")
        } catch {
            say(false, "node \(node.name): \(error)")
        }
    }
}
