import AgentCore
import ArgumentParser
import Glibc

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Read the captured events, spool them and send them to the aggregator (unprivileged).",
        discussion: """
            By default the events come from the eBPF programs that `attach` keeps in the kernel. Where eBPF is \
            not allowed, --capture feeds a capture file into the same pipeline instead.
            """)

    @OptionGroup var common: CommonOptions

    @Option(help: ArgumentHelp("The aggregator. (default: 127.0.0.1:9735)", valueName: "host:port"))
    var aggregator: String?

    @Option(
        help: ArgumentHelp(
            "Folder of streams and spools. (default: /var/lib/peerscope-agent)", valueName: "dir"))
    var state: String?

    @Option(help: ArgumentHelp("Take the events from this capture file instead of eBPF.", valueName: "file"))
    var capture: String?

    @Option(
        help: ArgumentHelp(
            "With --capture: UTC of the capture's first event, in seconds since 1970. (default: so that it ends now)",
            valueName: "seconds"))
    var captureStart: Int64?

    @Flag(help: "With --capture: stop when everything is committed at the aggregator.")
    var exitWhenDone = false

    func run() throws {
        try failing {
            var settings = try common.settings()
            let environment = AgentEnvironment()
            if let aggregator = aggregator ?? environment["AGGREGATOR"] { settings.aggregator = aggregator }
            if let state = state ?? environment["STATE"] { settings.state = state }
            try settings.complete()
            var clock = AgentClock()
            if let faults = environment["TEST_CLOCK"] { clock = try AgentClock(faults: faults) }
            let stop = StopSignal()
            stop.listen()
            let agent = AgentRun(settings, clock: clock, log: logger())
            if let capture {
                try agent.stream(
                    capture: capture, startingAt: captureStart, exitWhenDone: exitWhenDone, until: stop)
            } else {
                try agent.stream(until: stop)
            }
        }
    }
}
