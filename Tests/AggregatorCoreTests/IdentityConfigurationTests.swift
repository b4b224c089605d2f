import Foundation
import Testing

@testable import AggregatorCore

/// Settings of an aggregator that are about who gets in.
struct IdentityConfigurationTests {
    private func settings(_ yaml: String) throws -> Aggregator.Settings {
        var configuration = AggregatorConfiguration()
        try configuration.merge(yaml: yaml, name: "aggregator.yaml")
        return try configuration.settings(conninfo: "", dataDirectory: "")
    }

    @Test func theDefaultsTakePlaintextFromThisHostOnly() throws {
        let settings = try settings("listen: 127.0.0.1:1")
        #expect(settings.plaintext == .loopback && settings.advertise == nil)
        #expect(settings.limits == ConnectionLimits())
    }

    @Test func everyKeyIsRead() throws {
        let settings = try settings(
            "plaintext: never\nadvertise: collector.example:9735\nmax_connections: 20\nmax_connections_per_source: 5"
        )
        #expect(settings.plaintext == .never && settings.advertise == "collector.example:9735")
        #expect(settings.limits.total == 20 && settings.limits.perSource == 5)
        #expect(try self.settings("max_connections: 20").limits.perSource == 20)
    }

    @Test(
        arguments: [
            "plaintext: yes", "advertise: collector.example", "advertise: ':9735'", "advertise: 'a:0'",
            "max_connections: 0", "max_connections_per_source: many",
        ])
    func whatMakesNoSenseIsRefusedWithItsPlace(_ yaml: String) {
        let error = #expect(throws: AggregatorError.self) { try settings(yaml) }
        #expect(error?.description.contains("aggregator.yaml:1") == true)
    }

    @Test func aFileWithThePasswordOfTheDatabaseHasToBePrivate() throws {
        let path = "/tmp/peerscope-configuration-\(UInt64.random(in: 0 ... .max)).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        func merge(_ yaml: String, mode: Int) throws {
            try Data(yaml.utf8).write(to: URL(fileURLWithPath: path))
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            var configuration = AggregatorConfiguration()
            try configuration.merge(file: path)
        }
        let secret = "listen: 127.0.0.1:1\ndatabase: postgres://u:S3CRET@h/d\n"
        try merge(secret, mode: 0o600)
        let error = #expect(throws: AggregatorError.self) { try merge(secret, mode: 0o644) }
        let text = error?.description ?? ""
        #expect(text.contains("\(path):2: the database's password is here, and anybody can get at it"))
        #expect(text.contains("chmod 600 \(path)") && !text.contains("S3CRET"))
        try merge("database: postgres://u@h/d\n", mode: 0o644)
    }

    @Test func theFolderIsKnownWithoutTheDatabase() {
        var configuration = AggregatorConfiguration()
        #expect(configuration.dataDirectory == "/var/lib/peerscope-aggregator")
        configuration.set(.database, "postgres://db.example/peerscope", source: "test")
        #expect(configuration.dataDirectory == "/var/lib/peerscope-aggregator")
        configuration.set(.database, "embedded:/srv/db", source: "test")
        #expect(configuration.dataDirectory == "/srv/db/aggregator")
        configuration.set(.dataDir, "/srv/data", source: "test")
        #expect(configuration.dataDirectory == "/srv/data")
    }
}
