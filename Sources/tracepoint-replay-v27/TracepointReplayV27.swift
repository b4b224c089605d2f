import ArgumentParser
import CProbesV27
import TracepointReplayCore

/// A stand-in for a node before v29: no semaphores, `mempool:replaced` with seven arguments.
@main
struct TracepointReplayV27: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tracepoint-replay-v27",
        abstract: "A stand-in Bitcoin Core node (before v29).",
        discussion: ReplayOptions.discussion)

    @OptionGroup var options: ReplayOptions

    func run() throws {
        try options.replay(
            with: unsafe NodeProbes(
                executable: "tracepoint-replay-v27", sibling: "tracepoint-replay",
                name: { unsafe cprobes_v27_name($0).map { unsafe String(cString: $0) } },
                arguments: { unsafe cprobes_v27_arguments($0).map { unsafe String(cString: $0) } },
                hasSemaphore: { cprobes_v27_has_semaphore($0) != 0 },
                fire: cprobes_v27_fire))
    }
}
