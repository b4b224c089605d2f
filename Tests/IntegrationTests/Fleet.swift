import Foundation

/// A whole system on this machine: one aggregator with a PostgreSQL of its own, and hosts with an attacher, a
/// streamer and stand-in nodes each. Every host has its own copy of the stand-in binary, as hosts have.
final class Fleet {
    /// One agent and its nodes.
    final class Host {
        let name: String
        let nodes: [String]
        let folder: String
        let standin: String
        var attacher: Program?
        var streamer: Program?
        var clockFaults: String?

        init(name: String, nodes: [String], folder: String, standin: String) {
            self.name = name
            self.nodes = nodes
            self.folder = folder
            self.standin = standin
        }

        var configuration: String { folder + "/agent.yaml" }
        var pins: String { "/sys/fs/bpf/peerscope/\(name)" }
    }

    let folder: String
    let capture: String
    let standin: String
    /// Whether agents are enrolled and connect with TLS.
    let isSecured: Bool
    private(set) var hosts: [Host] = []
    private(set) var aggregator: Program?
    private(set) var standins: [String: Program] = [:]
    private(set) var port = 0
    private var serial = 0

    /// Prepares hosts for `layout`, two nodes each or as given, and starts the aggregator.
    init(
        capture name: String, layout: [[String]], standin: String = "tracepoint-replay", secured: Bool = false
    ) throws {
        self.standin = standin
        isSecured = secured
        capture = Checkout.path("Tests/Fixtures/captures/\(name).jsonl.gz")
        folder = "/var/tmp/peerscope-test-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        chmod(folder, 0o755)
        for (index, nodes) in layout.enumerated() {
            let host = Host(
                name: "test-\(UUID().uuidString.prefix(8))", nodes: nodes,
                folder: folder + "/host\(index + 1)", standin: standin)
            try FileManager.default.createDirectory(
                atPath: host.folder + "/nodes", withIntermediateDirectories: true)
            try FileManager.default.copyItem(
                atPath: Checkout.binary(standin), toPath: host.folder + "/" + standin)
            hosts.append(host)
        }
        try startAggregator()
        for host in hosts { try configure(host) }
    }

    private func log(_ name: String) -> String {
        serial += 1
        return "\(folder)/\(serial)-\(name).log"
    }

    func startAggregator() throws {
        let program = try Program(
            "peerscope-aggregator",
            [
                "run", "--database", database, "--listen", "127.0.0.1:\(port)", "--payloads", "all",
                "--data-dir",
                folder + "/aggregator", "--plaintext", isSecured ? "never" : "loopback",
            ], log: log("aggregator"), environment: ["PEERSCOPE_SCHEMA": Checkout.path("schema")])
        aggregator = program
        try program.awaitText("listening", seconds: 120)
        guard let match = program.text.firstMatch(of: /127\.0\.0\.1:(\d+)/), let found = Int(match.1) else {
            throw FleetFailure("no port in: \(program.text)")
        }
        port = found
    }

    /// How psql and others reach the embedded server while the aggregator runs.
    func connection() throws -> String {
        let socket = try String(contentsOfFile: folder + "/db/socket", encoding: .utf8)
        return
            "host=\(socket.trimmingCharacters(in: .whitespacesAndNewlines)) user=peerscope dbname=peerscope"
    }

    var database: String { "embedded:\(folder)/db" }

    private func configure(_ host: Host) throws {
        var yaml = "state: \(host.folder)/state\npolicy: full\nsnaplen: {default: 4194304}\n"
        if isSecured {
            try enroll(host)
            yaml = try String(contentsOfFile: host.configuration, encoding: .utf8) + yaml
        } else {
            yaml += "agent: \(host.name)\naggregator: 127.0.0.1:\(port)\nnodes:\n"
            for node in host.nodes {
                yaml +=
                    "  - {name: \(node), binary: \(host.folder)/\(host.standin), pid_file: \(host.folder)/nodes/\(node).pid}\n"
            }
        }
        try Data(yaml.utf8).write(to: URL(filePath: host.configuration))
    }

    /// Gives the host's agent configuration, keys and certificates, in files.
    func enroll(_ host: Host) throws {
        let nodes = host.nodes.map {
            "name=\($0),binary=\(host.folder)/\(host.standin),pid_file=\(host.folder)/nodes/\($0).pid"
        }
        let made = try Program.output(
            "peerscope-aggregator",
            ["enroll", "--data-dir", folder + "/aggregator", "--agent", host.name, "--output", host.folder]
                + nodes)
        guard made.status == 0 else { throw FleetFailure(made.text) }
    }

    // MARK: Agents

    func attach(_ host: Host) throws {
        let program = try Program(
            "peerscope-agent", ["attach", "--config", host.configuration], log: log("attach"))
        host.attacher = program
        try program.awaitText("ready:")
    }

    func stream(_ host: Host) throws {
        host.streamer = try Program(
            "peerscope-agent", ["run", "--config", host.configuration], log: log("run"),
            environment: host.clockFaults.map { ["PEERSCOPE_TEST_CLOCK": $0] } ?? [:])
    }

    func startAgents() throws {
        for host in hosts { try attach(host) }
        for host in hosts { try stream(host) }
    }

    // MARK: Nodes

    func truth(_ node: String) -> String { "\(folder)/\(node).truth.csv" }

    /// Starts a stand-in for every node; the capture's first event comes `lead` seconds from now.
    func startNodes(speed: Double = 1, lead: Double = 6) throws {
        let start = Self.monotonic(after: lead)
        for host in hosts {
            for node in host.nodes {
                standins[node] = try Program(
                    host.folder + "/" + host.standin,
                    [
                        capture, "--node", node, "--pid-file", "\(host.folder)/nodes/\(node).pid", "--speed",
                        "\(speed)",
                        "--start-at", "\(start)", "--linger", "1", "--record", truth(node), "--summary",
                        "\(folder)/\(node).summary.json",
                    ], log: log(node))
            }
        }
        for host in hosts {
            for node in host.nodes {
                try host.attacher?.awaitText("found a node's process node=\"\(node)\"", seconds: lead)
            }
        }
    }

    /// Runs one stand-in as load: `count` events in two seconds, beginning two seconds from now. Its pid file may
    /// be somebody else's.
    func load(_ node: String, on host: Host, record: String, pidFile: String? = nil, count: Int = 4000) throws
        -> Program
    {
        try Program(
            host.folder + "/" + host.standin,
            [
                capture, "--node", node, "--pid-file", pidFile ?? "\(host.folder)/nodes/\(node).pid",
                "--rate",
                "\(count / 2)", "--count", "\(count)", "--start-at", "\(Self.monotonic(after: 2))",
                "--record", record,
            ], log: log(node))
    }

    static func monotonic(after seconds: Double) -> Int {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec * 1_000_000_000 + now.tv_nsec + Int(seconds * 1e9)
    }

    func awaitNodes() throws {
        for (node, program) in standins {
            guard program.wait() == 0 else { throw FleetFailure("\(node): \(program.text)") }
        }
    }

    /// Waits until the exit of every node's process is committed, which is the last record of its run.
    func awaitCommitted(runs: Int? = nil, seconds: Double = 60) throws {
        let nodes = runs ?? hosts.reduce(0) { $0 + $1.nodes.count }
        let deadline = Date().addingTimeInterval(seconds)
        while try sql("select count(exited_at) from peerscope.process_run") != "\(nodes)" {
            guard Date() < deadline else {
                throw FleetFailure(
                    "not committed within \(seconds) s\n"
                        + hosts.compactMap { $0.streamer?.text }.joined(separator: "\n")
                        + (aggregator?.text ?? ""))
            }
            usleep(100_000)
        }
    }

    // MARK: Faults

    func killAggregator() { aggregator?.end(SIGKILL) }

    /// One query's rows, columns separated by `|`.
    func sql(_ query: String) throws -> String {
        let (status, text) = try Program.output(
            "peerscope",
            ["sql", "--database", database, "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", query])
        guard status == 0 else { throw FleetFailure("\(query)\n\(text)") }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Ends everything and removes the folder.
    func stop() {
        for program in standins.values { program.end() }
        for host in hosts {
            host.streamer?.end()
            host.attacher?.end()
            try? FileManager.default.removeItem(atPath: host.pins)
            for name in (try? FileManager.default.contentsOfDirectory(atPath: host.pins)) ?? [] {
                unlink(host.pins + "/" + name)
            }
            rmdir(host.pins)
        }
        aggregator?.end()
        try? FileManager.default.removeItem(atPath: folder)
    }
}
