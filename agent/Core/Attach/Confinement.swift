import CPlatform

/// What the attacher gives up once programs are loaded and maps are made: what remains is what attaching to a binary and
/// looking at processes take, for as long as it lives.
///
/// Whoever took it over could still use eBPF, and with it read all of the host; but open no socket, start no program, write
/// no file, and neither change nor trace a process.
enum Confinement {
    /// The capabilities that attaching and judging processes take.
    ///
    /// CAP_SYS_PTRACE because `/proc/PID/exe` of another user's process is readable with it only. CAP_DAC_READ_SEARCH only
    /// where a node is told by a pid file or a data directory, which are usually its user's alone.
    static func needed(for configuration: AgentConfiguration) -> Capabilities {
        let looksInside = configuration.nodes.contains { node in
            switch node.match {
            case .pidFile, .datadir: true
            case .unit, .any: false
            }
        }
        let always: Capabilities = [.bpf, .performanceMonitoring, .systemAdministration, .inspectProcesses]
        return looksInside ? always.union(.readEverything) : always
    }

    /// Gives up everything else, for good.
    static func enter(keeping kept: Capabilities) throws(AgentError) {
        try Capabilities.keepOnly(kept)
        let result = ps_allow_only_attaching()
        guard result == 0 else {
            throw AgentError(
                doing: "restricting the attacher's system calls",
                reason: Files.failure("", -result).reason,
                remedy: "the kernel needs CONFIG_SECCOMP_FILTER")
        }
    }
}
