import CollectorTesting
import Foundation

/// A whole system that faults are injected into: two hosts with an attacher, a streamer and nodes under load, two
/// aggregators on one PostgreSQL, and a proxy on every connection between them.
///
/// Every part has a disk of its own where a disk matters. What the nodes have fired they write down themselves.
final class FaultRig {
    /// One agent and its nodes.
    final class Host {
        let name: String
        let nodes: [String]
        let folder: String
        let disk: LoopDisk
        let uplink: FaultProxy
        /// Bytes that its spools may take.
        let spoolBytes: Int
        /// Index of the aggregator that its uplink leads to.
        var aggregator = 0
        var attacher: Program?
        var streamer: Program?
        var clockFaults: String?

        init(
            name: String, nodes: [String], folder: String, disk: LoopDisk, uplink: FaultProxy, spoolBytes: Int
        ) {
            self.name = name
            self.nodes = nodes
            self.folder = folder
            self.disk = disk
            self.uplink = uplink
            self.spoolBytes = spoolBytes
        }

        var configuration: String { folder + "/agent.yaml" }
        var pins: String { "/sys/fs/bpf/peerscope/\(name)" }
        var standin: String { folder + "/tracepoint-replay" }
        var state: String { disk.path + "/state" }
        func spool(_ node: String) -> String { state + "/nodes/\(node)/spool" }
        func pidFile(_ node: String) -> String { folder + "/\(node).pid" }
    }

    /// A process of a node, from its start to its end.
    final class NodeProcess {
        let node: String
        let host: Host
        let program: Program
        let truth: String
        /// It was killed, so that its record may lack the event it was about to write down.
        var wasKilled = false

        init(_ node: String, _ host: Host, _ program: Program, truth: String) {
            self.node = node
            self.host = host
            self.program = program
            self.truth = truth
        }
    }

    final class Aggregator {
        let database: FaultProxy
        var program: Program?
        var port = 0

        init(database: FaultProxy) { self.database = database }
    }

    let folder: String
    let capture = Checkout.path("Tests/Fixtures/captures/regtest6.jsonl.gz")
    let postgres: PrivatePostgres
    private(set) var hosts: [Host] = []
    private(set) var aggregators: [Aggregator] = []
    private(set) var processes: [NodeProcess] = []
    private var serial = 0
    private var sessions: [Program] = []

    /// Events a second of each node.
    static let rate = 250
    /// Nodes that are always there; the last of the second host comes for a moment when a ring shall be overrun.
    static let layout = [["n1", "n2"], ["n3", "n6"]]
    static let burstNode = "n6"

    init(seed: UInt64) throws {
        Leftovers.sweep()
        folder = "\(Leftovers.prefix)\(getpid())-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        chmod(folder, 0o755)
        do { postgres = try PrivatePostgres(folder: folder) } catch {
            try? FileManager.default.removeItem(atPath: folder)
            throw error
        }
        do {
            for _ in 0..<2 {
                aggregators.append(Aggregator(database: try FaultProxy(to: postgres.port, seed: seed)))
            }
            // One after the other: the first makes the schema.
            for aggregator in aggregators { try start(aggregator) }
            for (index, nodes) in Self.layout.enumerated() {
                hosts.append(try makeHost(index, nodes, seed: seed &+ UInt64(index)))
            }
            for host in hosts { try attach(host) }
            for host in hosts { try stream(host) }
            for host in hosts {
                for node in host.nodes where node != Self.burstNode { try startNode(node, on: host) }
            }
        } catch {
            stop()
            throw error
        }
    }

    func log(_ name: String) -> String {
        serial += 1
        return "\(folder)/\(serial)-\(name).log"
    }

    private func makeHost(_ index: Int, _ nodes: [String], seed: UInt64) throws -> Host {
        let folder = "\(folder)/host\(index + 1)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let disk = try LoopDisk(folder + "/disk", megabytes: 120, image: folder + "/disk.img")
        let uplink = try FaultProxy(to: aggregators[index % 2].port, seed: seed)
        let host = Host(
            name: "fault-\(UUID().uuidString.prefix(8))", nodes: nodes, folder: folder, disk: disk,
            uplink: uplink, spoolBytes: index == 0 ? 32 << 20 : 1 << 20)
        host.aggregator = index % 2
        try FileManager.default.copyItem(atPath: Checkout.binary("tracepoint-replay"), toPath: host.standin)
        var yaml = """
            agent: \(host.name)
            aggregator: 127.0.0.1:\(uplink.port)
            state: \(host.state)
            policy: full
            snaplen: {default: 4194304}
            spool: {bytes: \(host.spoolBytes)}
            nodes:

            """
        for node in nodes {
            yaml += "  - {name: \(node), binary: \(host.standin), pid_file: \(host.pidFile(node))}\n"
        }
        try Data(yaml.utf8).write(to: URL(filePath: host.configuration))
        return host
    }

    // MARK: - Parts

    func start(_ aggregator: Aggregator) throws {
        let deadline = Date().addingTimeInterval(60)
        while true {
            let program = try Program(
                "peerscope-aggregator",
                [
                    "run", "--database",
                    "postgres://peerscope@127.0.0.1:\(aggregator.database.port)/peerscope",
                    "--listen", "127.0.0.1:\(aggregator.port)", "--payloads", "all", "--data-dir",
                    folder + "/aggregator",
                ], log: log("aggregator"), environment: ["PEERSCOPE_SCHEMA": Checkout.path("schema")])
            do {
                try program.awaitText("listening on 127.0.0.1:", seconds: 60)
                guard let match = program.text.firstMatch(of: /listening on 127\.0\.0\.1:(\d+)/),
                    let port = Int(match.1)
                else { throw FleetFailure("no port in: \(program.text)") }
                aggregator.port = port
                aggregator.program = program
                return
            } catch {
                // Whoever keeps it running starts it again.
                program.end(SIGKILL)
                guard Date() < deadline else { throw error }
                usleep(300_000)
            }
        }
    }

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

    /// Starts a node's process.
    ///
    /// - Parameter burst: so many events at once, beginning in two seconds, instead of the steady load.
    @discardableResult
    func startNode(_ node: String, on host: Host, burst: Int? = nil) throws -> NodeProcess {
        serial += 1
        let truth = "\(folder)/\(serial)-\(node).truth.csv"
        let program = try Program(
            host.standin,
            [
                capture, "--node", node, "--pid-file", host.pidFile(node), "--rate",
                "\(burst == nil ? Self.rate : 40_000)", "--count", "\(burst ?? Self.rate * 900)", "--record",
                truth,
            ] + (burst == nil ? [] : ["--start-at", "\(Fleet.monotonic(after: 2))"]), log: log(node))
        let process = NodeProcess(node, host, program, truth: truth)
        processes.append(process)
        try program.awaitText("ready:", seconds: 30)
        return process
    }

    /// The node's process that runs now.
    func running(_ node: String) -> NodeProcess? {
        processes.last { $0.node == node && $0.program.isRunning }
    }

    /// A database session that goes on until ``endSessions()``.
    func hold(_ query: String) throws { sessions.append(try postgres.session(query)) }

    func endSessions() {
        guard !sessions.isEmpty else { return }
        _ = try? postgres.endSessions()
        for session in sessions { session.end(SIGKILL) }
        sessions = []
    }

    // MARK: - The end

    /// Stops the load, waits until the end of every process is on record, and lets the streamers stop, which they do
    /// when everything is.
    func settle(seconds: Double = 120) throws {
        for process in processes where process.program.isRunning { process.program.end() }
        let deadline = Date().addingTimeInterval(seconds)
        let pids = processes.map { "\($0.program.pid)" }.joined(separator: ",")
        while true {
            let exited = try postgres.sql(
                "select count(*) from peerscope.process_run where exited_at is not null and pid in (\(pids))")
            if exited == "\(processes.count)" { break }
            guard Date() < deadline else {
                throw FleetFailure(
                    "\(exited) of \(processes.count) processes are committed after \(seconds) s\n" + tails)
            }
            usleep(200_000)
        }
        // A process may have been ended in an earlier ring's name and still have events in this one.
        usleep(1_500_000)
        for host in hosts {
            host.streamer?.end()
            guard host.streamer?.wait() == 0 else {
                throw FleetFailure("a streamer did not stop well\n" + tails)
            }
        }
    }

    /// The last lines of what runs, for a failure's report.
    var tails: String {
        var programs: [(String, Program?)] = []
        for host in hosts { programs += [("attach", host.attacher), ("run", host.streamer)] }
        programs += aggregators.map { ("aggregator", $0.program) }
        let streams =
            (try? postgres.sql(
                "select name, durable_seq, now() - last_batch_at from peerscope.stream join peerscope.node using (node_id)"
            )) ?? "no answer"
        let spools = hosts.map { host in
            Fault.sizes(host).sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(
                separator: "\n  ")
        }
        let report = "streams:\n\(streams)\nspools:\n  \(spools.joined(separator: "\n  "))\n"
        return report
            + programs.map { name, program in
                let lines = program?.text.split(separator: "\n").suffix(6).joined(separator: "\n  ") ?? "-"
                return "\(name) \(program?.isRunning == true ? "" : "(ended)"):\n  \(lines)"
            }.joined(separator: "\n")
    }

    /// Copies logs, spools and the database to `PEERSCOPE_FAULT_KEEP`, if that is set, for whoever looks into a failure.
    func keep() {
        guard let path = ProcessInfo.processInfo.environment["PEERSCOPE_FAULT_KEEP"] else { return }
        let target = path + "/" + (folder.split(separator: "/").last ?? "")
        _ = try? Program.output(
            "/bin/sh",
            [
                "-c",
                "mkdir -p $1 && cp $0/*.log $0/*.csv $1 && for i in 1 2; do cp -r $0/host$i/disk $1/host$i; done",
                folder, target,
            ])
        postgres.dump(to: target + "/database.dump")
    }

    /// Ends everything and removes it.
    func stop() {
        endSessions()
        for process in processes {
            kill(process.program.pid, SIGCONT)
            process.program.end(SIGKILL)
        }
        for host in hosts {
            host.disk.thaw()
            for program in [host.streamer, host.attacher].compactMap({ $0 }) where program.isRunning {
                kill(program.pid, SIGCONT)
                program.end(SIGKILL)
            }
            removePins(host)
            host.uplink.stop()
            host.disk.remove()
        }
        for aggregator in aggregators {
            if let program = aggregator.program, program.isRunning {
                kill(program.pid, SIGCONT)
                program.end(SIGKILL)
            }
            aggregator.database.stop()
        }
        postgres.remove()
        try? FileManager.default.removeItem(atPath: folder)
    }

    func removePins(_ host: Host) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: host.pins)) ?? [] {
            unlink(host.pins + "/" + name)
        }
        rmdir(host.pins)
    }
}
