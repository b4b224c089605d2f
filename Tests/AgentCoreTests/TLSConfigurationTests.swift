import Foundation
import Identity
import Logging
import Testing

@testable import AgentCore

@Suite("Keys and certificates of an agent")
struct TLSConfigurationTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "agent-tls-\(UUID())").path()

    private func read(_ yaml: String, mode: Int = 0o600) throws -> AgentConfiguration {
        try IdentityFile.makeFolder(folder)
        let path = folder + "/agent.yaml"
        try Data(yaml.utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        var configuration = AgentConfiguration()
        try AgentConfigurationFile.apply(path, to: &configuration)
        try configuration.complete()
        return configuration
    }

    private func failure(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "nothing was wrong"
        } catch { return "\(error)" }
    }

    @Test("are read from the configuration itself, which then has to be private")
    func inline() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let material = try AgentMaterial()
        let tls = try #require(try read(material.yaml).tls)
        _ = try UplinkIdentity(tls)
        let lax = failure { _ = try read(material.yaml, mode: 0o644) }
        #expect(
            lax.contains("it holds a private key, and anybody can get at it") && lax.contains("chmod 600"))
        #expect(!lax.contains(material.key.split(separator: "\n")[1]))
    }

    @Test("are read from files beside the configuration, of which the key has to be private")
    func files() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let material = try AgentMaterial()
        let configuration = try read(
            "agent: host-a\ntls_ca: ca.crt\ntls_certificate: agent.crt\ntls_key: \(folder)/agent.key\n",
            mode: 0o644)
        for (name, pem) in [
            ("ca.crt", material.authority), ("agent.crt", material.certificate), ("agent.key", material.key),
        ] { try IdentityFile.write(pem, to: folder + "/" + name, .secret) }
        let tls = try #require(configuration.tls)
        #expect(tls.authority == .file(folder + "/ca.crt"))
        _ = try UplinkIdentity(tls)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o644], ofItemAtPath: folder + "/agent.key")
        let lax = failure { _ = try UplinkIdentity(tls) }
        #expect(lax.contains("anybody can get at it") && lax.contains("agent.key"))
    }

    @Test(
        "are refused when one is missing, is no such thing, or does not fit",
        arguments: [
            ("missing", "TLS is set up without `tls_key`"),
            ("noCertificate", "reading the certificate in tls.ca"),
            ("noKey", "reading the private key in tls.key"),
            ("otherKey", "it is not the key of tls.certificate"),
        ])
    func unfit(_ fault: String, _ expected: String) throws {
        var settings = try AgentMaterial().settings
        switch fault {
        case "missing": settings.key = nil
        case "noCertificate": settings.authority = .text("hello")
        case "noKey": settings.key = .text("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----")
        default: settings.key = .text(try AgentMaterial().key)
        }
        let message = failure { _ = try UplinkIdentity(settings) }
        #expect(message.contains(expected), "\(message)")
        #expect(!message.contains("c2VjcmV0"))
    }

    @Test("are looked at for what the aggregator will object to")
    func objections() throws {
        let good = try UplinkIdentity(AgentMaterial().settings)
        #expect(good.objection(agent: "host-a", nodes: ["n1"]) == nil)
        #expect(good.objection(agent: "host-b", nodes: ["n1"])?.contains("called host-b") == true)
        #expect(good.objection(agent: "host-a", nodes: ["n1", "n2"])?.contains("not for n2") == true)
        #expect(
            try UplinkIdentity(AgentMaterial(from: -7200, until: -60).settings)
                .objection(agent: "host-a", nodes: ["n1"])?.contains("expired at") == true)
        #expect(
            try UplinkIdentity(AgentMaterial(from: 600, until: 7200).settings)
                .objection(agent: "host-a", nodes: ["n1"])?.contains("is not valid before") == true)
        #expect(!good.isEnding() && good.isEnding(now: Date(timeIntervalSinceNow: 3000)))
    }

    @Test("may be missing for an aggregator on this host only, unless told otherwise")
    func plaintext() throws {
        let log = Logger(label: "test")
        func start(_ aggregator: String, insecure: Bool = false) -> String {
            var configuration = AgentConfiguration()
            configuration.aggregator = aggregator
            configuration.isInsecure = insecure
            return failure { _ = try UplinkTransport(configuration, log: log) }
        }
        for here in ["127.0.0.1:9735", "[::1]:9735", "localhost:9735"] {
            #expect(start(here) == "nothing was wrong")
        }
        for there in ["192.0.2.1:9735", "[2001:db8::1]:9735", "collector.example:9735", "0.0.0.0:9735"] {
            #expect(start(there).contains("it is on another host, and no certificate is configured"))
            #expect(start(there, insecure: true) == "nothing was wrong")
        }
        #expect(start("127.0.0.1").contains("has no port"))
    }
}
