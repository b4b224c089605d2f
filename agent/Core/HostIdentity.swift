import CollectorProtocol
import Glibc

/// What names this host and this process to others.
enum HostIdentity {
    static func bootID() throws(AgentError) -> BootID {
        guard let text = Files.text("/proc/sys/kernel/random/boot_id")?.split(separator: "\n").first,
            let boot = BootID(text: String(text))
        else { throw AgentError(doing: "reading the boot id", reason: "/proc is not mounted") }
        return boot
    }

    static var kernel: String {
        Files.text("/proc/sys/kernel/osrelease")?.split(separator: "\n").first.map(String.init) ?? "unknown"
    }

    /// Resident memory of this process without what it shares with files, bytes.
    static func residentBytes() -> UInt64 {
        let fields = Files.text("/proc/self/statm")?.split(separator: " ") ?? []
        guard fields.count > 2, let resident = UInt64(fields[1]), let shared = UInt64(fields[2]) else {
            return 0
        }
        return (resident - min(shared, resident)) * UInt64(sysconf(Int32(_SC_PAGESIZE)))
    }
}
