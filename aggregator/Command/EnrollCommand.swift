import AggregatorCore
import ArgumentParser
import Foundation
import Telemetry

/// `peerscope-aggregator enroll`: gives an agent its key, its certificate and its configuration.
struct EnrollCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enroll", abstract: "Make key, certificate and configuration of an agent.",
        discussion: """
            Prints the agent's configuration with the private key in it, or writes it with --output; the key is kept \
            nowhere else. Works beside an aggregator that runs, which accepts the agent at once.

            A NODE is a name, or what the agent's --node takes: name=NAME,binary=PATH and one of datadir=PATH, \
            pid_file=PATH, unit=NAME.
            """)

    @OptionGroup var options: DatabaseOptions

    @Option(help: ArgumentHelp("The agent's name. (default: that of its first node)", valueName: "name"))
    var agent: String?

    @Option(
        help: ArgumentHelp(
            "Where the agent is told to connect. (default: where the aggregator listens)",
            valueName: "host:port"))
    var advertise: String?

    @Option(help: ArgumentHelp("How long the certificate is valid.", valueName: "n"))
    var days = 365

    @Option(
        help: ArgumentHelp(
            "Write agent.yaml, ca.crt, agent.crt and agent.key into this folder.", valueName: "dir"))
    var output: String?

    @Argument(help: ArgumentHelp("The nodes that the agent watches.", valueName: "node"))
    var nodes: [String]

    func run() throws { try checkingUsage(enroll) }

    private func enroll() throws {
        var configuration = try options.configuration()
        configuration.set(.advertise, advertise, source: "--advertise")
        let address = try configuration.settings(conninfo: "", dataDirectory: "").advertise
        let nodes = try nodes.map(EnrolledNode.init)
        guard Set(nodes.map(\.name)).count == nodes.count else {
            throw ValidationError("a node is named twice")
        }
        guard (1...3650).contains(days) else { throw ValidationError("--days is a number from 1 to 3650") }
        let agent = agent ?? nodes[0].name
        guard AgentNames.isLegal(agent) else {
            throw ValidationError("--agent is 1 to 64 of A-Z a-z 0-9 . _ -")
        }
        if let output { try Enrolment.checkBundle(output) }
        let enrolment = try Enrolment.make(
            dataDirectory: configuration.dataDirectory, agent: agent, nodes: nodes, address: address,
            days: days)
        for note in enrolment.notes { StandardError.write("note: \(note)\n") }
        guard let output else {
            // A shell makes the file of `enroll … > agent.yaml` readable by everybody.
            if StandardOutput.makePrivate() {
                StandardError.write("note: the file holds a private key; its mode is now 600\n")
            }
            FileHandle.standardOutput.write(Data(enrolment.configuration.utf8))
            return
        }
        try enrolment.write(to: output)
        print("agent.yaml, ca.crt, agent.crt and agent.key are in \(output); the agent's user must own them")
    }
}

/// Where a key is printed to.
enum StandardOutput {
    /// Takes others' access away when it is a file; true when there was some.
    static func makePrivate() -> Bool {
        var about = stat()
        guard unsafe fstat(STDOUT_FILENO, &about) == 0, about.st_mode & S_IFMT == S_IFREG,
            about.st_mode & 0o077 != 0
        else { return false }
        return fchmod(STDOUT_FILENO, 0o600) == 0
    }
}
