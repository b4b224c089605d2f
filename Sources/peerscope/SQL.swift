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
            Everything but --database goes to psql: -c 'SELECT …', -f FILE, --csv, … Without arguments psql is \
            interactive. The exit status is psql's. `peerscope sql --help` is psql's own help.
            """)

    @OptionGroup var database: DatabaseOption
    @Argument(
        parsing: .captureForPassthrough, help: ArgumentHelp("Passed to psql.", valueName: "psql-arguments"))
    var arguments: [String] = []

    func run() throws {
        var passed = arguments.first == "--" ? Array(arguments.dropFirst()) : arguments
        var database = database
        let location = Self.takeDatabase(from: &passed)
        database.database = database.database ?? location
        let status = try withDatabase(database) { database in
            defer { Interruption.has(child: nil) }
            return try PSQL.run(database.conninfo, arguments: passed, pager: isatty(1) == 1) {
                Interruption.has(child: $0)
            }
        }
        guard status == 0 else { throw ExitCode(status) }
    }

    /// Takes `--database` out of what goes to psql, which has no option of that name: it is ours wherever it stands.
    static func takeDatabase(from arguments: inout [String]) -> String? {
        let option = "--database"
        guard let at = arguments.firstIndex(where: { $0 == option || $0.hasPrefix(option + "=") }) else {
            return nil
        }
        let word = arguments.remove(at: at)
        if word != option { return String(word.dropFirst(option.count + 1)) }
        return at < arguments.count ? arguments.remove(at: at) : nil
    }
}
