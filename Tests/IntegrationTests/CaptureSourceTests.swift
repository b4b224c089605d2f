import Foundation
import Testing

@Suite("A capture fed without eBPF", .serialized)
struct CaptureSourceTests {
    func feed(_ fleet: Fleet) throws {
        // One start for all agents: they share the capture's clock.
        var start = Int(Date().timeIntervalSince1970) - 120
        // Inside one hour, so that the answers of the examples do not depend on when they are asked.
        if start % 3600 > 3600 - 120 { start -= 240 }
        var agents: [Program] = []
        for host in fleet.hosts {
            agents.append(
                try Program(
                    "peerscope-agent",
                    [
                        "run", "--config", host.configuration, "--capture", fleet.capture, "--capture-start",
                        "\(start)",
                        "--exit-when-done",
                    ], log: host.folder + "/run.log"))
        }
        for agent in agents {
            guard agent.wait() == 0 else { throw FleetFailure(agent.text) }
        }
    }

    @Test(
        "gives exactly what an independent computation gives",
        arguments: [
            ("regtest6", [["n1", "n2"], ["n3", "n4"], ["n5", "n6"]]),
            ("addrman4", [["n1", "n2", "n3", "n4"]]),
        ])
    func exact(_ capture: String, _ layout: [[String]]) throws {
        let fleet = try Fleet(capture: capture, layout: layout)
        defer { fleet.stop() }
        try feed(fleet)
        let comparison = try fleet.compare(["--exact"])
        #expect(comparison.status == 0, "\(comparison.text)")
        let rollups = try fleet.compareRollups()
        #expect(rollups.status == 0, "\(rollups.text)")
        let addresses = try fleet.compareAddresses()
        #expect(addresses.status == 0, "\(addresses.text)")
        let blocks = try fleet.compareBlocks()
        #expect(blocks.status == 0, "\(blocks.text)")
        let peers = try fleet.comparePeers()
        #expect(peers.status == 0, "\(peers.text)")
        #expect(try fleet.sql("select sum(unexplained) from peerscope.stream_audit") == "0")
        if capture == "regtest6" { try examples(fleet) }
        // The data dictionary is what the database says of itself.
        let dictionary = try Program.output(
            "peerscope",
            [
                "sql", "--database", fleet.database, "-X", "-q", "-A", "-t", "-f",
                Checkout.path("schema/dictionary.sql"),
            ])
        let written = try String(contentsOfFile: Checkout.path("schema/README.md"), encoding: .utf8)
        #expect(
            dictionary.text == written, "schema/README.md is out of date: its first lines say how it is made")
        // Feeding it again adds nothing.
        let rows = try fleet.sql("select count(*) from peerscope.p2p_message")
        try feed(fleet)
        #expect(try fleet.sql("select count(*) from peerscope.p2p_message") == rows)
    }

    /// Each question of `schema/examples` has the answer that stands behind it.
    private func examples(_ fleet: Fleet) throws {
        _ = try fleet.sql(
            """
            UPDATE peerscope.node SET labels = jsonb_build_object(
                'region', CASE WHEN name IN ('n1', 'n2') THEN 'eu' WHEN name IN ('n3', 'n4') THEN 'us' ELSE 'asia' END)
            """)
        let folder = Checkout.path("schema/examples")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
            $0.hasSuffix(".sql")
        }
        #expect(names.count >= 9)
        for name in names.sorted() {
            let file = try String(contentsOfFile: folder + "/" + name, encoding: .utf8)
            let written = file.split(separator: "\n", omittingEmptySubsequences: false)
                .drop { !$0.hasPrefix("-- Result on ") }.dropFirst()
                .map { $0.dropFirst($0.hasPrefix("-- ") ? 3 : 2).trimmingTrailingSpaces }
            let (status, text) = try Program.output(
                "peerscope",
                [
                    "sql", "--database", fleet.database, "-X", "-q", "-P", "footer=off", "-f",
                    folder + "/" + name,
                ])
            let answer = text.split(separator: "\n", omittingEmptySubsequences: false)
                .map(\.trimmingTrailingSpaces)
            #expect(status == 0, "\(name): \(text)")
            #expect(
                answer.joined(separator: "\n").trimmingCharacters(in: .newlines)
                    == written.joined(separator: "\n").trimmingCharacters(in: .newlines), "\(name)")
        }
    }
}

extension Substring {
    fileprivate var trimmingTrailingSpaces: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
