import CPlatform
import Glibc

/// Privileges of a process, as capabilities(7) names them.
struct Capabilities: OptionSet, Sendable {
    let rawValue: UInt64

    /// CAP_DAC_READ_SEARCH: reads every file and enters every folder.
    static let readEverything = Capabilities(rawValue: 1 << 2)
    /// CAP_SYS_PTRACE: what `/proc` tells of other users' processes.
    static let inspectProcesses = Capabilities(rawValue: 1 << 19)
    /// CAP_SYS_ADMIN: uprobes, on kernels that ask for more than CAP_PERFMON.
    static let systemAdministration = Capabilities(rawValue: 1 << 21)
    /// CAP_PERFMON: attaching to tracepoints and uprobes.
    static let performanceMonitoring = Capabilities(rawValue: 1 << 38)
    /// CAP_BPF: loading programs and making maps.
    static let bpf = Capabilities(rawValue: 1 << 39)

    /// The names of those that the agent knows, in the order of their numbers.
    var names: [String] {
        let known: [(Capabilities, String)] = [
            (.readEverything, "CAP_DAC_READ_SEARCH"), (.inspectProcesses, "CAP_SYS_PTRACE"),
            (.systemAdministration, "CAP_SYS_ADMIN"), (.performanceMonitoring, "CAP_PERFMON"),
            (.bpf, "CAP_BPF"),
        ]
        return known.filter { contains($0.0) }.map(\.1)
    }

    /// What this process may do now.
    static var effective: Capabilities {
        var error: Int32 = 0
        return Capabilities(rawValue: unsafe ps_effective_capabilities(&error))
    }

    /// Gives up for good every privilege that is not in `kept`, supplementary groups too, and with `user` becomes that
    /// user. To be called while the process has one thread: the kernel keeps capabilities by thread.
    static func keepOnly(_ kept: Capabilities, becoming user: SystemUser? = nil) throws(AgentError) {
        let doing = "giving up privileges"
        if let user {
            // The bounding set, while root may still shrink it; what root holds is needed for one more step.
            var result = ps_drop_bounding_capabilities(kept.rawValue)
            if result == 0 { result = ps_become_user(user.uid, user.gid) }
            guard result == 0 else { throw Files.failure("becoming user \(user.name)", -result) }
        } else {
            let result = ps_drop_groups()
            guard result == 0 else { throw Files.failure(doing, -result) }
        }
        let result = ps_keep_only_capabilities(kept.rawValue)
        guard result == 0 else { throw Files.failure(doing, -result) }
    }
}
