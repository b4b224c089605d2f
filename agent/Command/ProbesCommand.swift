import AgentCore
import ArgumentParser

struct ProbesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probes",
        abstract: "List the tracepoints of a binary and what Peerscope makes of each.")

    @Argument(help: "Path of a bitcoind, bitcoin-node or any other binary with USDT probes.")
    var binary: String

    func run() throws {
        try failing { print(try ProbesReport(binary: binary).text, terminator: "") }
    }
}
