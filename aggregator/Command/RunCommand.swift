import AggregatorCore
import ArgumentParser
import Foundation
import Logging

/// `peerscope-aggregator run`: listens until it is told to stop.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Listen for agents and store what they send.",
        discussion: """
            Agents connect with TLS and a certificate that `enroll` made for them. On a loopback address, which is the \
            default, agents of this host may connect without.
            """)

    @OptionGroup var options: DatabaseOptions

    @Option(help: ArgumentHelp("Where to listen; port 0 lets the system choose.", valueName: "address:port"))
    var listen: String?

    @Option(
        help: ArgumentHelp(
            "Where agents are told to connect. (default: where it listens)", valueName: "host:port"))
    var advertise: String?

    @Option(
        help: ArgumentHelp(
            "From whom connections without TLS are accepted: never, loopback (this host, while --listen is a loopback address) or anywhere. (default: loopback)",
            valueName: "whom"))
    var plaintext: String?

    @Flag(
        help: "The same as --plaintext anywhere: nobody has to prove who he is, and everything can be read.")
    var insecure = false

    @Option(help: ArgumentHelp("Connections in all. (default: 1024)", valueName: "n"))
    var maxConnections: String?

    @Option(help: ArgumentHelp("Connections from one address. (default: 256)", valueName: "n"))
    var maxConnectionsPerSource: String?

    @Option(help: "Threads that write, each with a connection of its own.")
    var writers: String?

    @Option(help: "Payloads that are stored: all or study.")
    var payloads: String?

    @Option(help: "Address entries beyond Core's rate limit that are kept, per node and day.")
    var addrBudget: String?

    @Option(
        help: ArgumentHelp(
            "Seconds between two digests, which compute the views over many nodes; 0 leaves them, and retention, to others.",
            valueName: "seconds"))
    var digestInterval: String?

    func run() throws { try checkingUsage(start) }

    private func start() throws {
        var configuration = try options.configuration()
        configuration.set(.listen, listen, source: "--listen")
        configuration.set(.advertise, advertise, source: "--advertise")
        configuration.set(.plaintext, plaintext, source: "--plaintext")
        if insecure { configuration.set(.plaintext, "anywhere", source: "--insecure") }
        configuration.set(.maxConnections, maxConnections, source: "--max-connections")
        configuration.set(
            .maxConnectionsPerSource, maxConnectionsPerSource, source: "--max-connections-per-source")
        configuration.set(.writers, writers, source: "--writers")
        configuration.set(.payloads, payloads, source: "--payloads")
        configuration.set(.addrBudget, addrBudget, source: "--addr-budget")
        configuration.set(.digestInterval, digestInterval, source: "--digest-interval")
        _ = try configuration.settings(conninfo: "", dataDirectory: "")
        let logger = try DatabaseOptions.logger(configuration)
        let stopping = StopSignals()

        let database = try OpenDatabase(configuration, logger: logger)
        let aggregator: Aggregator
        do {
            aggregator = try Aggregator.start(
                configuration.settings(
                    conninfo: database.conninfo, dataDirectory: database.dataDirectory), logger: logger)
        } catch {
            try? database.close()
            throw error
        }
        // Not `print`: whoever started us with a pipe waits for this line.
        FileHandle.standardOutput.write(Data("listening on \(aggregator.address)\n".utf8))
        stopping.wait()
        logger.info("stopping")
        aggregator.stop()
        try database.close()
        logger.info("stopped")
    }
}

/// SIGTERM and SIGINT: the first asks to stop, the second insists.
final class StopSignals {
    private let asked = DispatchSemaphore(value: 0)
    private var sources: [any DispatchSourceSignal] = []

    init() {
        for number in [SIGTERM, SIGINT] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            nonisolated(unsafe) var count = 0
            source.setEventHandler { [asked] in
                unsafe count += 1
                if unsafe count > 1 { _exit(1) }
                asked.signal()
            }
            source.resume()
            sources.append(source)
        }
        signal(SIGPIPE, SIG_IGN)
    }

    func wait() { asked.wait() }
}
