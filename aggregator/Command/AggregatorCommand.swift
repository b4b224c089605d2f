import AggregatorCore
import ArgumentParser

/// `peerscope-aggregator`: takes what agents send and stores it.
@main
struct AggregatorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peerscope-aggregator",
        abstract: "Takes what Peerscope's agents send and stores it in PostgreSQL.",
        version: "peerscope-aggregator \(Aggregator.version)",
        subcommands: [
            RunCommand.self, MigrateCommand.self, EnrollCommand.self, EnrolledCommand.self,
            RevokeCommand.self,
            ReplayCommand.self,
        ])
}
