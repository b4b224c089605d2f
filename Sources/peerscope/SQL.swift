import ArgumentParser
import Glibc
import PostgreSQL

/// `peerscope sql`: psql on the database.
struct SQL: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sql",
        abstract: "psql on the database, with schema peerscope in the search path.",
        usage: "peerscope sql [--database <location>] [psql's arguments …]",
        discussion: """
            Everything after --database goes to psql: -c 'SELECT …', -f FILE, --csv, … Without arguments psql is \
            interactive. The exit status is psql's. `peerscope sql --help` is psql's own help.
            """)

    @OptionGroup var database: DatabaseOption
    @Argument(
        parsing: .captureForPassthrough, help: ArgumentHelp("Passed to psql.", valueName: "psql-arguments"))
    var arguments: [String] = []

    func run() throws {
        let passed = arguments.first == "--" ? Array(arguments.dropFirst()) : arguments
        let status = try withDatabase(database) { database in
            defer { Interruption.has(child: nil) }
            return try PSQL.run(database.conninfo, arguments: passed, pager: isatty(1) == 1) {
                Interruption.has(child: $0)
            }
        }
        guard status == 0 else { throw ExitCode(status) }
    }
}
