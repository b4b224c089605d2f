import ArgumentParser

/// Makes the load that the benchmarks put on agent and aggregator.
@main
struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peerscope-load", abstract: "Make load for the benchmarks.",
        subcommands: [SpoolCommand.self, AgentsCommand.self, DecodeCommand.self, SealCommand.self])
}
