import ArgumentParser

/// The operator's command line.
@main
struct Peerscope: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peerscope",
        abstract: "Ask what the fleet saw.",
        discussion: """
            The database is named by --database or $PEERSCOPE_DATABASE: embedded:DIR, postgres://user@host/name, \
            or libpq's host=… dbname=…. An embedded one is started if it is down, and stopped afterwards.
            Exit status: 0 done, 1 failed (audit: something is unexplained), 64 wrong usage.
            """,
        subcommands: [Nodes.self, Blocks.self, Addrs.self, Audit.self, SQL.self])

    static func main() {
        main(Self.globalsLast(Array(CommandLine.arguments.dropFirst())))
    }

    /// `peerscope --database X nodes` as `peerscope nodes --database X`, which is where they are declared.
    static func globalsLast(_ arguments: [String]) -> [String] {
        var globals: [String] = []
        var rest = arguments[...]
        while let first = rest.first {
            if ["--database", "--format"].contains(first), rest.count >= 2 {
                globals += rest.prefix(2)
                rest = rest.dropFirst(2)
            } else if first.hasPrefix("--database=") || first.hasPrefix("--format=") {
                globals.append(first)
                rest = rest.dropFirst()
            } else {
                break
            }
        }
        guard let command = rest.first, !command.hasPrefix("-") else { return arguments }
        return [command] + globals + rest.dropFirst()
    }
}
