import AggregatorCore
import ArgumentParser
import Foundation
import Logging
import PostgreSQL
import Telemetry

/// What every subcommand needs: a configuration, and the database it names.
struct DatabaseOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Settings in YAML.", valueName: "file"))
    var config: String?

    @Option(
        help: ArgumentHelp("embedded:DIR for a private PostgreSQL, or postgres://….", valueName: "location"))
    var database: String?

    @Option(help: ArgumentHelp("Folder of the aggregator's own files.", valueName: "dir"))
    var dataDir: String?

    @Option(help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "level"))
    var logLevel: String?

    @Option(
        help: ArgumentHelp(
            "Folder of migrations/ and views/. (default: found beside the program, or /usr/share/peerscope/schema)",
            valueName: "dir"))
    var schema: String?

    /// File, then environment, then flags.
    func configuration() throws -> AggregatorConfiguration {
        let environment = ProcessInfo.processInfo.environment
        var configuration = AggregatorConfiguration()
        if let file = config ?? environment["PEERSCOPE_CONFIG"] { try configuration.merge(file: file) }
        configuration.merge(environment: environment)
        if let database, DatabaseLocation.carriesPassword(database) {
            StandardError.write(
                "warning: every user of this host can read the password in --database as long as this runs; "
                    + "put it into $PEERSCOPE_DATABASE, a file for --config with mode 600, or ~/.pgpass\n")
        }
        configuration.set(.database, database, source: "--database")
        configuration.set(.dataDir, dataDir, source: "--data-dir")
        configuration.set(.logLevel, logLevel, source: "--log-level")
        configuration.set(.schema, schema, source: "--schema")
        return configuration
    }

    /// A logger on standard error, one line an event.
    static func logger(_ configuration: AggregatorConfiguration) throws -> Logger {
        let level = configuration[.logLevel] ?? "info"
        guard let known = Logger.Level(rawValue: level) else {
            throw ValidationError(
                "log level `\(level)` is none of trace, debug, info, notice, warning, error, critical")
        }
        LoggingSystem.bootstrap(LineLogHandler.init)
        var logger = Logger(label: "aggregator")
        logger.logLevel = known
        return logger
    }
}

/// Ends with status 64 where the command line is at fault, and with 1 otherwise.
func checkingUsage<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as AggregatorError where error.isUsage {
        throw ValidationError(error.description)
    }
}

/// The database a command works with; an embedded server lives as long as this does.
struct OpenDatabase {
    let conninfo: String
    let dataDirectory: String
    private let server: EmbeddedServer?

    /// Finds the database and starts it if it is embedded, then brings its schema up to date.
    init(_ configuration: AggregatorConfiguration, logger: Logger) throws {
        guard let text = configuration[.database] else {
            throw AggregatorError(
                "no database is named",
                hint: "--database embedded:DIR for a private one, or --database postgres://…",
                isUsage: true)
        }
        switch try DatabaseLocation(text) {
        case .embedded(let directory):
            let server = try EmbeddedServer.start(directory: directory) { logger.info("\($0)") }
            self.server = server
            conninfo = server.conninfo
            dataDirectory = configuration[.dataDir] ?? server.directory + "/aggregator"
        case .server(let conninfo):
            server = nil
            self.conninfo = conninfo
            dataDirectory = configuration.dataDirectory
        }
        do {
            let migrator = try Migrator(schema: SchemaFiles.locate(argument: configuration[.schema]))
            try migrator.migrate(Connection(conninfo)) { logger.info("applying \($0)") }
        } catch {
            try? server?.stop()
            throw error
        }
    }

    /// Stops the server if it is ours.
    func close() throws { try server?.stop() }
}
