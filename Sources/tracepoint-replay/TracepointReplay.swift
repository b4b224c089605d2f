import ArgumentParser
import CProbes
import TracepointReplayCore

/// A stand-in for a node from v29 on.
@main
struct TracepointReplay: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tracepoint-replay",
        abstract: "A stand-in Bitcoin Core node (v29 and later).",
        discussion: ReplayOptions.discussion)

    @OptionGroup var options: ReplayOptions

    func run() throws {
        try options.replay(
            with: unsafe NodeProbes(
                executable: "tracepoint-replay", sibling: "tracepoint-replay-v27",
                name: { unsafe cprobes_name($0).map { unsafe String(cString: $0) } },
                arguments: { unsafe cprobes_arguments($0).map { unsafe String(cString: $0) } },
                hasSemaphore: { cprobes_has_semaphore($0) != 0 },
                fire: cprobes_fire))
    }
}
