import Foundation
import Testing

@Suite("A capture fed without eBPF", .serialized)
struct CaptureSourceTests {
    func feed(_ fleet: Fleet) throws {
        // One start for all agents: they share the capture's clock.
        let start = Int(Date().timeIntervalSince1970) - 120
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
        let blocks = try fleet.compareBlocks()
        #expect(blocks.status == 0, "\(blocks.text)")
        #expect(try fleet.sql("select sum(unexplained) from peerscope.stream_audit") == "0")
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
}
