import AggregatorCore
import ArgumentParser
import Logging

/// `peerscope-aggregator replay`: stores saved spool segments.
struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Store saved spool segments of agents.",
        discussion: "Replaying the same segments again changes nothing.")

    @OptionGroup var options: DatabaseOptions

    @Option(help: "Payloads that are stored: all or study.")
    var payloads: String?

    @Argument(help: ArgumentHelp("Spool segments, oldest first.", valueName: "segment"))
    var segments: [String]

    func run() throws { try checkingUsage(start) }

    private func start() throws {
        var configuration = try options.configuration()
        configuration.set(.payloads, payloads, source: "--payloads")
        let logger = try DatabaseOptions.logger(configuration)
        let database = try OpenDatabase(configuration, logger: logger)
        defer { try? database.close() }
        let outcome = try SegmentReplay.run(
            configuration.settings(conninfo: database.conninfo, dataDirectory: database.dataDirectory),
            files: segments, logger: logger
        ) { logger.info("\($0)") }
        print("\(outcome.stored) batches stored, \(outcome.known) known before")
        if outcome.tornBytes > 0 { print("\(outcome.tornBytes) bytes were no whole batch") }
    }
}
