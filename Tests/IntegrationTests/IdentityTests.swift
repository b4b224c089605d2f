import Foundation
import Testing

/// The programs with keys and certificates, as an operator uses them.
@Suite("A fleet over TLS", .serialized)
struct IdentityTests {
    private static let layout = [["n1", "n2"], ["n3", "n4"], ["n5", "n6"]]

    /// Feeds the capture through every host's agent; `wait` until all is committed.
    private func feed(_ fleet: Fleet, _ hosts: [Fleet.Host]? = nil, wait: Bool = true) throws -> [Program] {
        let start = Int(Date().timeIntervalSince1970) - 120
        let agents = try (hosts ?? fleet.hosts).map { host in
            try Program(
                "peerscope-agent",
                [
                    "run", "--config", host.configuration, "--capture", fleet.capture, "--capture-start",
                    "\(start)",
                ] + (wait ? ["--exit-when-done"] : []),
                log: "\(host.folder)/run-\(UUID().uuidString.prefix(4)).log")
        }
        for agent in agents where wait {
            guard agent.wait() == 0 else { throw FleetFailure(agent.text) }
        }
        return agents
    }

    private func aggregator(_ fleet: Fleet, _ arguments: [String]) throws -> String {
        let done = try Program.output(
            "peerscope-aggregator", arguments + ["--data-dir", fleet.folder + "/aggregator"])
        guard done.status == 0 else { throw FleetFailure(done.text) }
        return done.text
    }

    // What of regtest6 would be read first: names, message types, user agents, and the protocol's own marks.
    private static let tellTales = [
        "PSC1", "PSB1", "/Satoshi:", "cmpctblock", "outbound-full-relay", "full-relay", "peerscope://",
    ]

    @Test(
        "lets nobody on the way read anything, which is possible in plaintext",
        .enabled(if: WireSniffer.isAvailable, "needs root and tshark"))
    func wire() throws {
        let secured = try Fleet(capture: "regtest6", layout: Self.layout, secured: true)
        defer { secured.stop() }
        let sniffer = try WireSniffer(port: secured.port, folder: secured.folder)
        _ = try feed(secured)
        let payloads = try sniffer.payloads()
        let bytes = payloads.reduce(0) { $0 + $1.count }
        #expect(bytes > 1_000_000)
        let whole = Data(payloads.joined())
        for text in Self.tellTales + secured.hosts.flatMap({ [$0.name] }) {
            #expect(whole.range(of: Data(text.utf8)) == nil, "\(text) can be read")
        }
        // In random bytes a run of 24 printable characters is expected once in 10¹⁰.
        #expect(WireSniffer.readable(payloads, length: 24) == [])
        // tshark itself sees TLS 1.3 and no name of a server, and no certificate.
        let versions = try sniffer.fields(
            "tls.handshake.extensions.supported_version", filter: "tls.handshake.type == 2",
            port: secured.port)
        #expect(versions.count == secured.hosts.count && versions.allSatisfy { $0 == "0x0304" })
        #expect(
            try sniffer.fields(
                "frame.number",
                filter: "tls.handshake.type == 11 || tls.handshake.extensions_server_name",
                port: secured.port) == [])
        // Everything arrived all the same.
        let comparison = try secured.compare(["--exact"])
        #expect(comparison.status == 0, "\(comparison.text)")
        #expect(try secured.sql("select sum(unexplained) from peerscope.stream_audit") == "0")
        secured.stop()

        let plain = try Fleet(capture: "regtest6", layout: [["n1"]])
        defer { plain.stop() }
        let second = try WireSniffer(port: plain.port, folder: plain.folder)
        _ = try feed(plain)
        let open = try second.payloads()
        let readable = Data(open.joined())
        for text in ["PSC1", "PSB1", "/Satoshi:", "cmpctblock", plain.hosts[0].name] {
            #expect(readable.range(of: Data(text.utf8)) != nil, "\(text) should be seen by this test")
        }
        #expect(WireSniffer.readable(open, length: 12).count > 20)
    }

    @Test("cuts off a revoked agent, which keeps its events and goes on when it is enrolled again")
    func revocation() throws {
        let fleet = try Fleet(capture: "regtest6", layout: [["n1", "n2"], ["n3"]], secured: true)
        defer { fleet.stop() }
        let (before, during) = (fleet.hosts[0], fleet.hosts[1])
        // One is revoked before it comes, by the name of a node, …
        #expect(try aggregator(fleet, ["revoke", "n2"]).contains("agent \(before.name) (nodes n1 n2)"))
        let refused = try feed(fleet, [before], wait: false)[0]
        defer { refused.end() }
        try refused.awaitText("the aggregator refused this agent's certificate")
        try fleet.aggregator?.awaitText("the certificate of agent \(before.name)")
        // … the other while it is connected, by its own.
        let cut = try feed(fleet, [during], wait: false)[0]
        defer { cut.end() }
        try cut.awaitText("notice connected")
        _ = try aggregator(fleet, ["revoke", during.name])
        try cut.awaitText("the aggregator ended the connection: the certificate of agent \(during.name)")
        try cut.awaitText("the aggregator refused this agent's certificate")
        try fleet.aggregator?.awaitText("the certificate of agent \(during.name)")
        // They go on capturing, and nothing of it gets in.
        try refused.awaitText("fed a node events=\"2528\" node=\"n2\"")
        #expect(refused.isRunning && cut.isRunning)
        #expect(try fleet.sql("select count(*) from peerscope.node where name in ('n1', 'n2')") == "0")

        // New files in the same place are all that it takes.
        for host in [before, during] {
            let again = fleet.folder + "/again-" + host.name
            _ = try aggregator(fleet, ["enroll", "--agent", host.name, "--output", again] + host.nodes)
            for name in ["agent.crt", "agent.key"] { rename("\(again)/\(name)", "\(host.folder)/\(name)") }
        }
        for agent in [refused, cut] { try agent.awaitText("read new keys and certificates") }
        try fleet.awaitCommitted()
        #expect(try fleet.sql("select sum(unexplained) from peerscope.stream_audit") == "0")
        // Every event of the capture, as `everything` counts them with other means.
        #expect(
            try fleet.sql("select sum(stored) from peerscope.stream_tracepoint") == "\(4133 + 2528 + 2319)")
        // No key is in any log.
        for host in [before, during] {
            let key = try String(contentsOfFile: host.folder + "/agent.key", encoding: .utf8)
            for text in [refused.text, cut.text, fleet.aggregator?.text ?? ""] {
                #expect(!text.contains(key.split(separator: "\n")[1]))
            }
        }
    }

    @Test("is joined by no agent that takes another aggregator for its own, and loses none of its events")
    func otherAuthority() throws {
        let fleet = try Fleet(capture: "regtest6", layout: [["n1"]], secured: true)
        defer { fleet.stop() }
        let other = try Fleet(capture: "regtest6", layout: [["n1"]], secured: true)
        defer { other.stop() }
        // The address leads to an aggregator of another authority.
        let host = fleet.hosts[0]
        let right = try String(contentsOfFile: host.configuration, encoding: .utf8)
        let wrong = right.replacingOccurrences(of: "127.0.0.1:\(fleet.port)", with: "127.0.0.1:\(other.port)")
        #expect(wrong != right)
        try Data(wrong.utf8).write(to: URL(filePath: host.configuration))
        let agent = try feed(fleet, wait: false)[0]
        try agent.awaitText(
            "the aggregator's certificate is refused: the certificate is of an unknown authority")
        try agent.awaitText("fed a node")
        try other.aggregator?.awaitText("the client refused this aggregator's certificate")
        #expect(agent.isRunning)
        agent.end()
        #expect(try other.sql("select count(*) from peerscope.agent") == "0")
        // Its spool is whole when it finds the right one.
        try Data(right.utf8).write(to: URL(filePath: host.configuration))
        _ = try feed(fleet)
        #expect(try fleet.sql("select sum(unexplained) from peerscope.stream_audit") == "0")
        #expect(try fleet.sql("select count(*) from peerscope.p2p_message") != "0")
    }

    @Test("does not listen to plaintext on an address that others can reach, unless it is told to")
    func insecure() throws {
        let fleet = try Fleet(capture: "regtest6", layout: [["n1"]])
        defer { fleet.stop() }
        let folder = fleet.folder
        func listen(_ arguments: [String], _ name: String) throws -> (Program, Int) {
            let program = try Program(
                "peerscope-aggregator",
                [
                    "run", "--database", fleet.database, "--listen", "0.0.0.0:0", "--data-dir",
                    folder + "/" + name,
                ] + arguments, log: "\(folder)/\(name).log",
                environment: ["PEERSCOPE_SCHEMA": Checkout.path("schema")])
            try program.awaitText("listening", seconds: 120)
            guard let match = program.text.firstMatch(of: /0\.0\.0\.0:(\d+)/), let port = Int(match.1) else {
                throw FleetFailure("no port in: \(program.text)")
            }
            return (program, port)
        }
        func agent(_ port: Int) throws -> Program {
            try Program(
                "peerscope-agent",
                [
                    "run", "--config", fleet.hosts[0].configuration, "--aggregator", "127.0.0.1:\(port)",
                    "--capture", fleet.capture,
                ], log: "\(folder)/agent-\(port).log")
        }
        let (strict, strictPort) = try listen([], "strict")
        defer { strict.end() }
        let refused = try agent(strictPort)
        defer { refused.end() }
        try refused.awaitText(
            "the aggregator ended the connection: only TLS with a client certificate is accepted")
        try strict.awaitText("plaintext, where only TLS with a client certificate is accepted")
        refused.end()
        strict.end()

        let (loose, loosePort) = try listen(["--insecure"], "loose")
        defer { loose.end() }
        #expect(loose.text.contains("warning INSECURE"))
        let admitted = try agent(loosePort)
        defer { admitted.end() }
        try admitted.awaitText("notice connected")

        // An agent does not send plaintext to another host either, unless it is told to.
        let abroad = try Program.output(
            "peerscope-agent",
            [
                "run", "--config", fleet.hosts[0].configuration, "--aggregator", "192.0.2.77:9735",
                "--capture",
                fleet.capture,
            ])
        #expect(abroad.status == 1)
        #expect(abroad.text.contains("it is on another host, and no certificate is configured"))
    }
}
