import Foundation
import Testing
import Tracepoints

@testable import AgentCore

@Suite("An agent's configuration")
struct AgentConfigurationTests {
    func read(_ yaml: String) throws -> AgentConfiguration {
        let path = FileManager.default.temporaryDirectory.appending(path: "agent-\(UUID()).yaml").path()
        try Data(yaml.utf8).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        var configuration = AgentConfiguration()
        try AgentConfigurationFile.apply(path, to: &configuration)
        try configuration.complete()
        return configuration
    }

    func failure(_ yaml: String) -> String {
        do {
            _ = try read(yaml)
            return "nothing was wrong"
        } catch { return "\(error)" }
    }

    @Test("takes nodes, policy, snaplens and spool from YAML")
    func whole() throws {
        let configuration = try read(
            """
            agent: host-a
            aggregator: collector.example:9735
            nodes:
              - {name: n1, binary: /usr/bin/bitcoind, datadir: /var/lib/bitcoind}
              - {name: n2, binary: /usr/bin/bitcoind, unit: second.service}
            policy: {"utxocache:add": full, "mempool:added": off}
            snaplen: {default: 1000, inbound: {block: 80}}
            spool: {bytes: 1048576, fsync: always}
            """)
        #expect(configuration.nodes.map(\.match) == [.datadir("/var/lib/bitcoind"), .unit("second.service")])
        #expect(configuration.policy.mode(.utxocacheAdd) == .full)
        #expect(configuration.policy.mode(.utxocacheSpent) == .count)
        #expect(configuration.policy.mode(.mempoolAdded) == .off)
        #expect(configuration.policy.snaplen == 1000)
        #expect(configuration.policy.snaplens[.init(inbound: true, type: "block")] == 80)
        #expect(configuration.spoolSync == .always)
        #expect(configuration.pinFolder == "/sys/fs/bpf/peerscope/host-a")
    }

    @Test("names file, line and the nearest key when a key is unknown")
    func unknownKey() {
        let message = failure("agent: a\nagregator: x:1\n")
        #expect(message.contains(".yaml:2"))
        #expect(message.contains("did you mean `aggregator`?"))
    }

    @Test(
        "refuses what cannot work",
        arguments: [
            ("agent: a/b", "has characters other"),
            ("agent: a\nnodes: [{name: n, binary: bitcoind}]", "absolute path"),
            ("agent: a\nnodes: [{name: n, binary: /b}, {name: n, binary: /b, unit: u}]", "twice"),
            ("agent: a\nnodes: [{name: n, binary: /b}, {name: m, binary: /b, unit: u}]", "any process"),
            ("agent: a\nspool: {bytes: 5}", "a number from"),
            ("agent: a\npolicy: {\"net:inbound_mesage\": full}", "net:inbound_message"),
            ("agent: [", "YAML"),
        ])
    func refusals(_ yaml: String, _ expected: String) {
        #expect(failure(yaml).contains(expected))
    }

    @Test("reads nodes from --node")
    func argument() throws {
        let node = try AgentConfiguration.Node(
            argument: "name=n1,binary=/usr/bin/bitcoind,pid_file=/run/b.pid")
        #expect(node == .init(name: "n1", binary: "/usr/bin/bitcoind", match: .pidFile("/run/b.pid")))
        #expect(throws: AgentError.self) { try AgentConfiguration.Node(argument: "name=n1") }
        #expect(throws: AgentError.self) {
            try AgentConfiguration.Node(argument: "name=n1,binary=/b,pidfile=/x")
        }
    }

    @Test("reads policy and snaplens from flags")
    func policyArguments() throws {
        var policy = CapturePolicy.standard
        for word in ["full", "utxocache:add=count", "mempool:added=off"] { try policy.apply(policy: word) }
        for word in ["default=100", "inbound.tx=0", "outbound.cmpctblock=4096"] {
            try policy.apply(snaplen: word)
        }
        #expect(policy.mode(.utxocacheAdd) == .count)
        #expect(policy.mode(.mempoolAdded) == .off)
        #expect(policy.mode(.selectedCoins) == .full)
        #expect(policy.snaplen == 100)
        #expect(policy.snaplens[.init(inbound: true, type: "tx")] == 0)
        #expect(policy.snaplens[.init(inbound: false, type: "cmpctblock")] == 4096)
        for word in ["utxocache:add", "utxocache:ad=full", "net:inbound_message=most"] {
            #expect(throws: AgentError.self) { try policy.apply(policy: word) }
        }
        for word in ["100", "default=4194305", "sideways.tx=1", "inbound=5", "inbound.tx=-1"] {
            #expect(throws: AgentError.self) { try policy.apply(snaplen: word) }
        }
    }
}
