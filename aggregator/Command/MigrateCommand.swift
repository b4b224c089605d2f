import AggregatorCore
import ArgumentParser
import Logging
import PostgreSQL

/// `peerscope-aggregator migrate`: brings the database's schema up to date and says to which version.
struct MigrateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Bring the database's schema up to date.")

    @OptionGroup var options: DatabaseOptions

    func run() throws { try checkingUsage(start) }

    private func start() throws {
        let configuration = try options.configuration()
        let logger = try DatabaseOptions.logger(configuration)
        let database = try OpenDatabase(configuration, logger: logger)
        let version = try Migrator.version(of: Connection(database.conninfo))
        print("schema version \(version)")
        try database.close()
    }
}
