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

    @Option(help: ArgumentHelp("The authority whose aggregators are trusted, PEM.", valueName: "file"))
    var tlsCa: String?

    @Option(help: ArgumentHelp("The agent's certificate, PEM.", valueName: "file"))
    var tlsCertificate: String?

    @Option(
        help: ArgumentHelp("Its private key, PEM; readable by the agent's user only.", valueName: "file"))
    var tlsKey: String?

    @Flag(
        help:
            "Speak plaintext with an aggregator on another host: everything can be read and forged on the way."
    )
    var insecure = false

    @Option(
        help: ArgumentHelp(
            "Folder of streams and spools. (default: /var/lib/peerscope-agent)", valueName: "dir"))
    var state: String?

    @Option(help: ArgumentHelp("Bytes all spools may take on disk. (default: 8 GiB)", valueName: "bytes"))
    var spoolBytes: Int?

    @Option(
        help: ArgumentHelp(
            "When spooled batches are forced to disk: always, interval or never.", valueName: "when"))
    var spoolFsync: String?

    @Option(help: ArgumentHelp("Milliseconds between two forced writes. (default: 200)", valueName: "ms"))
    var spoolIntervalMs: Int?

    @Option(
        help: ArgumentHelp("Milliseconds between two batches of a node. (default: 100)", valueName: "ms"))
    var batchIntervalMs: Int?

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
            let files = (
                tlsCa ?? environment["TLS_CA"], tlsCertificate ?? environment["TLS_CERTIFICATE"],
                tlsKey ?? environment["TLS_KEY"]
            )
            if files.0 ?? files.1 ?? files.2 != nil {
                var tls = settings.tls ?? TLSSettings()
                tls.set(authority: files.0, certificate: files.1, key: files.2)
                settings.tls = tls
            }
            if insecure || environment["INSECURE"] == "true" { settings.isInsecure = true }
            func number(_ flag: Int?, _ name: String) throws -> Int? {
                guard flag == nil, let text = environment[name] else { return flag }
                guard let number = Int(text) else {
                    throw ValidationError("PEERSCOPE_\(name) is a whole number")
                }
                return number
            }
            if let bytes = try number(spoolBytes, "SPOOL_BYTES") { settings.spoolBytes = bytes }
            if let interval = try number(spoolIntervalMs, "SPOOL_INTERVAL_MS") {
                settings.spoolInterval = interval
            }
            if let interval = try number(batchIntervalMs, "BATCH_INTERVAL_MS") {
                settings.batchInterval = interval
            }
            if let word = spoolFsync ?? environment["SPOOL_FSYNC"] {
                guard let sync = AgentConfiguration.SyncPolicy(rawValue: word) else {
                    throw ValidationError("--spool-fsync is always, interval or never")
                }
                settings.spoolSync = sync
            }
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
