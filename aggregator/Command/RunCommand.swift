import AggregatorCore
import ArgumentParser
import Foundation
import Logging

/// `peerscope-aggregator run`: listens until it is told to stop.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Listen for agents and store what they send.")

    @OptionGroup var options: DatabaseOptions

    @Option(help: ArgumentHelp("Where to listen; port 0 lets the system choose.", valueName: "address:port"))
    var listen: String?

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
