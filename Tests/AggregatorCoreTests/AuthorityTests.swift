import Crypto
import Foundation
import Identity
import SwiftASN1
import Testing
import X509

@testable import AggregatorCore

/// The authority, its server certificates, enrolment and revocation, as files in a folder.
struct AuthorityTests {
    private let directory = "/tmp/peerscope-authority-\(UInt64.random(in: 0 ... .max))"
    private var folder: TLSFolder { TLSFolder(dataDirectory: directory) }
    private let day: TimeInterval = 86400

    private func clean() { try? FileManager.default.removeItem(atPath: directory) }

    private func prepare(_ now: Date, _ addresses: [String] = ["localhost"]) throws -> [String] {
        try folder.locked {
            try ServerCertificate.prepare(folder, CertificateLifetimes(), addresses: addresses, now: now)
        }
    }

    private func mode(_ path: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    @Test func theFirstStartMakesEverythingAndTheNextNothing() throws {
        defer { clean() }
        let now = Date()
        #expect(try prepare(now).count == 2)
        #expect(try mode(folder.path) == 0o700)
        #expect(try mode(folder.authorityKey) == 0o600)
        #expect(try mode(folder.serverKey) == 0o600)
        let authority = try Authority.certificates(folder)[0]
        let years = authority.notValidAfter.timeIntervalSince(now) / day / 365
        #expect(years > 9.9 && years < 10.1)
        let server = try #require(try ServerCertificate(folder)).certificate
        #expect(abs(server.notValidAfter.timeIntervalSince(now) / day - 90) < 0.1)
        #expect(server.certifiedNames == [.aggregator])
        #expect(try prepare(now.addingTimeInterval(59 * day)).isEmpty)
    }

    @Test func aServerCertificateIsRenewedAtTwoThirdsOfItsTime() throws {
        defer { clean() }
        let now = Date()
        _ = try prepare(now)
        let first = try #require(try ServerCertificate(folder))
        #expect(try prepare(now.addingTimeInterval(61 * day)).count == 1)
        let second = try #require(try ServerCertificate(folder))
        #expect(second.certificate.serialNumber != first.certificate.serialNumber)
        #expect(second.key != first.key)
        #expect(second.certificate.notValidAfter > first.certificate.notValidAfter)
    }

    @Test func aServerCertificateFollowsItsAddressesAndAHalfWrittenPairIsReplaced() throws {
        defer { clean() }
        let now = Date()
        _ = try prepare(now)
        #expect(try prepare(now, ["localhost", "collector.example", "10.0.0.1", "2001:db8::1"]).count == 1)
        let server = try #require(try ServerCertificate(folder)).certificate
        let names = try #require(try server.extensions.subjectAlternativeNames)
        #expect(names.contains(.dnsName("collector.example")))
        #expect(names.count == 5)
        #expect(try prepare(now, ["localhost"]).isEmpty)
        // Somebody died between key and certificate.
        try IdentityFile.write(P256.Signing.PrivateKey().pemRepresentation, to: folder.serverKey, .secret)
        #expect(try ServerCertificate(folder) == nil)
        #expect(try prepare(now).count == 1)
        #expect(try ServerCertificate(folder) != nil)
    }

    @Test func aRenewedAuthorityGoesOnWithItsKey() async throws {
        defer { clean() }
        let now = Date()
        // Made seven years ago, and now in its last third.
        _ = try prepare(now.addingTimeInterval(-7 * 365 * day))
        let old = try Authority.certificates(folder)[0]
        let before = try issue([.clientAuth], .agent("host-a"))
        #expect(try prepare(now).count == 2)
        let new = try Authority.certificates(folder)[0]
        #expect(new.publicKey == old.publicKey && new.subject == old.subject)
        #expect(new.notValidAfter > old.notValidAfter)
        // What the old one has signed is good under the new one …
        _ = try await CertificateVerifier(authorities: [new]).verify(before, for: .agent)
        // … and the other way round: agents keep the old one.
        let after = try issue([.serverAuth], .aggregator)
        let known = try await CertificateVerifier(authorities: [old]).verify(after, for: .aggregator)
        #expect(known.names == [.aggregator])
    }

    private func issue(_ usage: [ExtendedKeyUsage.Usage], _ name: CertifiedName) throws -> Certificate {
        try folder.locked { try Authority(folder, CertificateLifetimes()) }.issue(
            to: "x", names: [.uniformResourceIdentifier(name.uri)], usage: ExtendedKeyUsage(usage),
            key: .init(P256.Signing.PrivateKey().publicKey), lifetime: day, now: Date())
    }

    @Test func anAuthorityThatIsReplacedCanStayTrustedBesideTheNewOne() async throws {
        defer { clean() }
        _ = try prepare(Date())
        let old = try String(contentsOfFile: folder.authorityCertificate, encoding: .utf8)
        let agent = try Certificate(pemEncoded: enrol("host-a", ["n1"]).certificate)
        for file in [folder.authorityKey, folder.authorityCertificate] {
            try FileManager.default.removeItem(atPath: file)
        }
        #expect(try prepare(Date()).count == 2)
        let new = try String(contentsOfFile: folder.authorityCertificate, encoding: .utf8)
        try IdentityFile.write(new + old, to: folder.authorityCertificate, .open)
        let both = CertificateVerifier(authorities: try Authority.certificates(folder))
        _ = try await both.verify(agent, for: .agent)
        let newcomer = try Certificate(pemEncoded: enrol("host-b", ["n2"]).certificate)
        _ = try await both.verify(newcomer, for: .agent)
        #expect(newcomer.issuer != agent.issuer)
    }

    @Test func withoutTheAuthoritysKeyTheRestGoesOn() throws {
        defer { clean() }
        let now = Date()
        _ = try prepare(now)
        try FileManager.default.removeItem(atPath: folder.authorityKey)
        #expect(try prepare(now).isEmpty)
        #expect(throws: AggregatorError.self) { try prepare(now.addingTimeInterval(61 * day)) }
        #expect(throws: AggregatorError.self) { try enrol("host-a", ["n1"]) }
        // A new authority is never made over an old one by accident.
        try FileManager.default.removeItem(atPath: folder.authorityCertificate)
        try IdentityFile.write("x", to: folder.authorityKey, .secret)
        #expect(throws: AggregatorError.self) { try prepare(now) }
    }

    // MARK: Enrolment

    private func enrol(_ agent: String, _ nodes: [String], address: String? = nil) throws -> Enrolment {
        try Enrolment.make(
            dataDirectory: directory, agent: agent, nodes: try nodes.map(EnrolledNode.init), address: address,
            days: 365)
    }

    @Test func anEnrolledAgentHasOneCertificateWithAllItsNames() async throws {
        defer { clean() }
        let enrolment = try enrol("host-a", ["n1", "name=n2,binary=/b,unit=b.service"])
        let certificate = try Certificate(pemEncoded: enrolment.certificate)
        let authority = try Certificate(pemEncoded: enrolment.authority)
        let verified = try await CertificateVerifier(authorities: [authority]).verify(
            certificate, for: .agent)
        let agent = try #require(CertifiedAgent(verified))
        #expect(agent.agent == "host-a" && agent.nodes == ["n1", "n2"])
        #expect(agent.objection(toAgent: "host-a", nodes: ["n2"]) == nil)
        // It proves an agent, not an aggregator.
        await #expect(throws: CertificateRefusal.self) {
            try await CertificateVerifier(authorities: [authority]).verify(certificate, for: .aggregator)
        }
        // The key is in what is printed, and nowhere else.
        let key = try P256.Signing.PrivateKey(pemRepresentation: enrolment.key)
        #expect(Certificate.PublicKey(key.publicKey) == certificate.publicKey)
        for file in FileManager.default.enumerator(atPath: directory) ?? .init() {
            guard let text = try? String(contentsOfFile: "\(directory)/\(file)", encoding: .utf8) else {
                continue
            }
            #expect(!text.contains(enrolment.key.split(separator: "\n")[1]), "\(file)")
        }
    }

    @Test func aNodeBelongsToOneAgent() throws {
        defer { clean() }
        _ = try enrol("host-a", ["n1", "n2"])
        let error = #expect(throws: AggregatorError.self) { try enrol("host-b", ["n3", "n2"]) }
        #expect(error?.description.contains("node n2 belongs to agent host-a") == true)
        // The same agent may be given another certificate, and is told of the first.
        #expect(try enrol("host-a", ["n1", "n2"]).notes.contains { $0.contains("stays in force") })
        _ = try Revocation.revoke(dataDirectory: directory, names: ["host-a"])
        #expect(try enrol("host-b", ["n2"]).agent == "host-b")
    }

    @Test func revokingANodeEndsItsAgentsCertificateOnce() throws {
        defer { clean() }
        _ = try enrol("host-a", ["n1", "n2"])
        _ = try enrol("host-b", ["n3"])
        let outcome = try Revocation.revoke(dataDirectory: directory, names: ["n2"])
        #expect(outcome.revoked.count == 1 && outcome.revoked[0].contains("agent host-a"))
        let again = try Revocation.revoke(dataDirectory: directory, names: ["host-a", "n3"])
        #expect(again.revoked.count == 1 && again.known.count == 1)
        let list = try RevocationList(folder)
        #expect(Set(list.entries.values.map(\.agent)) == ["host-a", "host-b"])
        #expect(throws: AggregatorError.self) {
            try Revocation.revoke(dataDirectory: directory, names: ["host-c"])
        }
    }

    @Test func aListOfRevocationsIsReadWhollyOrNotAtAll() throws {
        let list = try RevocationList("# comment\n0a1b host-a 2026-01-01T00:00:00Z\n\n", from: "revoked")
        #expect(list.revocation(of: "0a1b") == "2026-01-01T00:00:00Z")
        #expect(try RevocationList(list.text, from: "revoked") == list)
        let error = #expect(throws: AggregatorError.self) {
            try RevocationList("0a1b host-a 2026-01-01T00:00:00Z\nhost-b\n", from: "revoked")
        }
        #expect(error?.description.contains("revoked:2") == true)
    }

    @Test func theConfigurationIsWholeAndTellsNodesApart() throws {
        defer { clean() }
        let text = try enrol("host-a", ["n1", "n2", "name=n3,binary=/opt/my bitcoind,pid_file=/run/b.pid"])
            .configuration
        #expect(text.contains("agent: host-a\naggregator: 127.0.0.1:9735\n"))
        #expect(text.contains("datadir: /var/lib/bitcoind/n1"))
        #expect(text.contains("    binary: '/opt/my bitcoind'\n    pid_file: /run/b.pid\n"))
        #expect(text.contains("  key: |\n    -----BEGIN PRIVATE KEY-----\n"))
        #expect(!(try enrol("host-b", ["n4"]).configuration.contains("datadir")))
        try IdentityFile.write("collector.example:9735\n", to: folder.address, .open)
        #expect(try enrol("host-c", ["n5"]).configuration.contains("aggregator: collector.example:9735\n"))
        #expect(
            try enrol("host-d", ["n6"], address: "[2001:db8::1]:9735").configuration
                .contains("aggregator: '[2001:db8::1]:9735'\n"))
    }

    @Test func aBundleIsPrivateAndNeverWrittenOverAKey() throws {
        defer { clean() }
        let bundle = directory + "/bundle"
        let enrolment = try enrol("host-a", ["n1"])
        try enrolment.write(to: bundle)
        #expect(try mode(bundle) == 0o700)
        for name in ["agent.yaml", "ca.crt", "agent.crt", "agent.key"] {
            #expect(try mode(bundle + "/" + name) == 0o600)
        }
        #expect(
            try String(contentsOfFile: bundle + "/agent.yaml", encoding: .utf8).contains("tls_key: agent.key")
        )
        #expect(throws: AggregatorError.self) { try Enrolment.checkBundle(bundle) }
    }

    @Test(arguments: [
        "", "a b", "a/b", "name=,binary=/b", "name=n1,colour=red", String(repeating: "a", count: 65),
    ])
    func badNodesAreRefused(_ text: String) {
        #expect(throws: AggregatorError.self) { try EnrolledNode(text) }
    }
}
