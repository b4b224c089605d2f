import ArgumentParser
import Glibc

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
        version: version,
        subcommands: [
            Nodes.self, Blocks.self, Addrs.self, Txs.self, Peers.self, Audit.self, Export.self, SQL.self,
        ])

    /// The version of this build.
    static let version = "0.1.0"

    static func main() {
        do {
            var command = try parseAsRoot(Self.globalsLast(Array(CommandLine.arguments.dropFirst())))
            try command.run()
        } catch let error as ValidationError {
            // Found only when the database was asked; the parser's own errors are of another type, and show usage.
            complain(error.message)
            Glibc.exit(64)
        } catch {
            exit(withError: error)
        }
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
