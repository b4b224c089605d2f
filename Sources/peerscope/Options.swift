import ArgumentParser
import FoundationEssentials
import PostgreSQL

/// Which database.
struct DatabaseOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "embedded:DIR, postgres://… or host=… dbname=… ($PEERSCOPE_DATABASE).", valueName: "location"))
    var database: String?

    /// The location, or wrong usage.
    func location() throws -> DatabaseLocation {
        do {
            let location = try DatabaseLocation.from(
                argument: database, environment: ProcessInfo.processInfo.environment)
            guard let location else {
                throw ValidationError(
                    "which database? Name it with --database embedded:DIR or --database postgres://…, "
                        + "or set $\(DatabaseLocation.variable).")
            }
            return location
        } catch let error as PostgreSQLError {
            throw ValidationError(error.description)
        }
    }
}

/// How rows are printed.
enum Format: String, ExpressibleByArgument, CaseIterable {
    case table, json, csv
}

/// What every asking command takes.
struct AskingOptions: ParsableArguments {
    @OptionGroup var database: DatabaseOption
    @Option(help: "table for people, json or csv for programs.")
    var format: Format = .table
}
