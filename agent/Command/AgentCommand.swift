import AgentCore
import ArgumentParser
import Logging
import Telemetry

@main
struct AgentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peerscope-agent",
        abstract: "Streams what Bitcoin Core's tracepoints report to a Peerscope aggregator.",
        discussion: """
            Two processes with the BPF file system between them: `attach` is privileged and loads the eBPF \
            programs, `run` is not and sends what they capture. Every option can be set in the YAML file given \
            with --config and by a PEERSCOPE_… environment variable; flags win over variables, variables over \
            the file.
            """,
        version: AgentVersion.text,
        subcommands: [AttachCommand.self, RunCommand.self, ProbesCommand.self, CheckCommand.self])
}

/// What `attach` and `run` have in common.
struct CommonOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Read settings from a YAML file.", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("The agent's name. (default: the host's name)", valueName: "name"))
    var agent: String?

    @Option(
        help: ArgumentHelp(
            "A node: name=NAME,binary=PATH and one of datadir=PATH, pid_file=PATH, unit=NAME or nothing for any "
                + "process of the binary. Repeatable.", valueName: "node"))
    var node: [String] = []

    @Option(
        help: ArgumentHelp(
            "Folder of the pinned maps. (default: /sys/fs/bpf/peerscope/AGENT)", valueName: "dir"))
    var pins: String?

    @Option(help: ArgumentHelp("The unprivileged user that `run` belongs to.", valueName: "user"))
    var user: String?

    @Option(
        help: ArgumentHelp(
            "`full` keeps everything, `default` what the manual says, and TRACEPOINT=full|count|off changes one. "
                + "Repeatable.", valueName: "policy"))
    var policy: [String] = []

    @Option(
        help: ArgumentHelp(
            "Payload bytes kept: default=BYTES, inbound.TYPE=BYTES or outbound.TYPE=BYTES. Repeatable.",
            valueName: "snaplen"))
    var snaplen: [String] = []

    func settings() throws -> AgentConfiguration {
        var settings = AgentConfiguration()
        let environment = AgentEnvironment()
        if let file = config ?? environment["CONFIG"] {
            try AgentConfigurationFile.apply(file, to: &settings)
        }
        if let agent = agent ?? environment["AGENT"] { settings.agent = agent }
        if let pins = pins ?? environment["PINS"] { settings.pinFolder = pins }
        if let user = user ?? environment["USER"] { settings.user = user }
        let nodes = node.isEmpty ? environment.list("NODES") : node
        if !nodes.isEmpty { settings.nodes = try nodes.map(AgentConfiguration.Node.init(argument:)) }
        for word in policy.isEmpty ? environment.list("POLICY") : policy {
            try settings.policy.apply(policy: word)
        }
        for word in snaplen.isEmpty ? environment.list("SNAPLEN") : snaplen {
            try settings.policy.apply(snaplen: word)
        }
        return settings
    }
}

/// Tells an error in one line and ends with status 1.
func failing(_ body: () throws -> Void) throws {
    do { try body() } catch let error as ValidationError { throw error } catch let error as ExitCode {
        throw error
    } catch {
        StandardError.write("error: \(error)\n")
        throw ExitCode(1)
    }
}

func logger() -> Logger {
    LoggingSystem.bootstrap(LineLogHandler.init)
    return Logger(label: "peerscope-agent")
}
