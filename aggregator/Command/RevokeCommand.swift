import AggregatorCore
import ArgumentParser
import Foundation

/// `peerscope-aggregator revoke`: ends an agent's certificates at once.
struct RevokeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "End certificates of agents at once, also on live connections.",
        discussion: """
            A name is that of an agent, of one of its nodes, or a certificate's serial number; a certificate ends as a \
            whole, for all its nodes. What the agent has sent before stays.
            """)

    @OptionGroup var options: DatabaseOptions

    @Argument(help: ArgumentHelp("Agents, nodes or serial numbers.", valueName: "agent"))
    var names: [String]

    func run() throws { try checkingUsage(revoke) }

    private func revoke() throws {
        let outcome = try Revocation.revoke(
            dataDirectory: options.configuration().dataDirectory, names: names)
        for line in outcome.revoked + outcome.known { print(line) }
    }
}
