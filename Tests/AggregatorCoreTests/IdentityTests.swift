import ByteCodec
import CPlatform
import CollectorProtocol
import Crypto
import Foundation
import Identity
import NIOSSL
import PostgreSQL
import Testing
import X509

@testable import AggregatorCore

/// Who gets in over the wire, and who is refused with which line in the log.
@Suite(.database, .serialized)
struct IdentityTests {
    /// An aggregator that everybody has to prove himself to, with a folder of its own.
    private struct Setup {
        let log = CapturedLog()
        let directory = WithDatabase.folder + "/data-\(UInt32.random(in: 0 ... .max))"
        let conninfo: String
        let aggregator: Aggregator
        var folder: TLSFolder { TLSFolder(dataDirectory: directory) }

        init(_ change: (inout Aggregator.Settings) -> Void = { _ in }) throws {
            conninfo = try WithDatabase.fresh()
            aggregator = try WithDatabase.aggregator(conninfo, logger: log.logger) { [directory] settings in
                settings.dataDirectory = directory
                settings.plaintext = .never
                change(&settings)
            }
        }

        func enrol(_ agent: String = "host-a", _ nodes: [String] = ["n1"]) throws -> TestIdentity {
            try TestIdentity(
                Enrolment.make(
                    dataDirectory: directory, agent: agent, nodes: try nodes.map(EnrolledNode.init),
                    address: nil,
                    days: 30))
        }

        /// Greets and expects no WELCOME; gives what came instead.
        func refusal(
            of identity: TestIdentity, agent: String = "host-a", nodes: [String] = ["n1"],
            newest: TLSVersion? = nil
        ) throws -> String {
            do {
                let client = try TestAgent(port: aggregator.port, identity.context(newest: newest))
                _ = try client.greet(nodes.enumerated().map { ($1, UInt64($0 + 1)) }, agent: agent)
                return "welcomed"
            } catch let failure as TestAgent.Failure { return failure.what } catch {
                return "\(error)"
            }
        }

        /// Nobody who was refused has left anything in the database.
        func expectNobodyRegistered() throws {
            let count = try Connection(conninfo).execute("SELECT count(*) FROM peerscope.agent").scalar
            #expect(count == "0")
        }
    }

    @Test func anEnrolledAgentStoresItsEventsOverTLS() throws {
        let setup = try Setup()
        defer { setup.aggregator.stop() }
        let capture = try CaptureBatches(path: IngestTests.capture)
        let identity = try setup.enrol("host-a", capture.nodes)
        let client = try TestAgent(port: setup.aggregator.port, identity.context())
        _ = try client.greet(capture.nodes.map { ($0, capture.streamID(of: $0)) }, agent: "host-a")
        var wanted: [UInt64: UInt64] = [:]
        for node in capture.nodes {
            for batch in capture.batches(of: node, now: ps_realtime_ns()) {
                try client.send(batch: batch)
                let header = try BatchHeader.read(batch.span.raw)
                wanted[header.streamID] = header.lastSequence
            }
        }
        try client.awaitCommitted(wanted)
        let stored = try Connection(setup.conninfo)
            .execute("SELECT sum(stored) FROM peerscope.stream_tracepoint").scalar
        #expect(stored == "\(capture.events.count)")
        #expect(setup.log.awaits("agent connected", "agent=host-a", "transport=TLS"))
        // Nothing secret is in the log.
        let keys = try [setup.folder.authorityKey, setup.folder.serverKey].map {
            try String(contentsOfFile: $0, encoding: .utf8)
        }
        for key in keys + [identity.key] {
            #expect(!setup.log.text.contains(key.split(separator: "\n")[1]))
        }
    }

    // MARK: Certificates that are refused

    /// What is wrong with a certificate.
    enum Fault: CaseIterable {
        case unknownAuthority, sameNameOtherKey, selfSigned, expired, notYetValid, serverPurpose, noPurpose
        case authorityItself, signedByAgent, noNames, twoAgents, aggregatorName

        var line: String {
            switch self {
            case .unknownAuthority, .sameNameOtherKey, .selfSigned, .signedByAgent: "of an unknown authority"
            case .expired: "of agent host-a with node n1 expired at"
            case .notYetValid: "of agent host-a with node n1 is not valid before"
            case .serverPurpose, .noPurpose, .authorityItself: "was made for another purpose"
            case .noNames, .twoAgents, .aggregatorName: "should name an agent and its nodes"
            }
        }
    }

    private func identity(_ fault: Fault, _ setup: Setup) throws -> TestIdentity {
        let real = try TestAuthority(of: setup.folder)
        let other = try TestAuthority()
        var made =
            switch fault {
            case .unknownAuthority: try other.issue()
            case .sameNameOtherKey: try TestAuthority(name: Self.name(real.certificate)).issue()
            case .selfSigned: try Self.selfSigned()
            case .expired: try real.issue { ($0.from, $0.until) = (-7200, -60) }
            case .notYetValid: try real.issue { ($0.from, $0.until) = (600, 7200) }
            case .serverPurpose: try real.issue { $0.usage = [.serverAuth] }
            case .noPurpose: try real.issue { $0.usage = [.codeSigning] }
            case .authorityItself: try real.issue { $0.isAuthority = true }
            case .signedByAgent: try Self.signedByAgent(setup.enrol("host-z", ["n9"]))
            case .noNames: try real.issue { $0.names = ["https://example.org"] }
            case .twoAgents:
                try real.issue {
                    $0.names = [
                        "peerscope://agent/host-a", "peerscope://agent/host-b", "peerscope://node/n1",
                    ]
                }
            case .aggregatorName: try real.issue { $0.names.append("peerscope://aggregator") }
            }
        made.authority = try PEM.text(real.certificate)
        return made
    }

    private static func name(_ certificate: Certificate) -> String {
        "\(certificate.subject)".replacingOccurrences(of: "CN=", with: "")
    }

    private static func selfSigned() throws -> TestIdentity {
        let key = P256.Signing.PrivateKey()
        let name = try DistinguishedName { CommonName("host-a") }
        let made = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey),
            notValidBefore: Date(timeIntervalSinceNow: -60), notValidAfter: Date(timeIntervalSinceNow: 3600),
            issuer: name, subject: name,
            extensions: Certificate.Extensions {
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.clientAuth])
                SubjectAlternativeNames([
                    .uniformResourceIdentifier("peerscope://agent/host-a"),
                    .uniformResourceIdentifier("peerscope://node/n1"),
                ])
            }, issuerPrivateKey: .init(key))
        return TestIdentity(
            certificate: made, chain: [try PEM.text(made)], key: key.pemRepresentation, authority: "")
    }

    /// An agent signs a certificate for another, and sends its own along.
    private static func signedByAgent(_ agent: TestIdentity) throws -> TestIdentity {
        let key = P256.Signing.PrivateKey()
        let made = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey),
            notValidBefore: Date(timeIntervalSinceNow: -60), notValidAfter: Date(timeIntervalSinceNow: 3600),
            issuer: agent.certificate.subject, subject: try DistinguishedName { CommonName("host-a") },
            extensions: Certificate.Extensions {
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.clientAuth])
                SubjectAlternativeNames([
                    .uniformResourceIdentifier("peerscope://agent/host-a"),
                    .uniformResourceIdentifier("peerscope://node/n1"),
                ])
            }, issuerPrivateKey: .init(P256.Signing.PrivateKey(pemRepresentation: agent.key)))
        return TestIdentity(
            certificate: made, chain: [try PEM.text(made)] + agent.chain, key: key.pemRepresentation,
            authority: "")
    }

    @Test(arguments: Fault.allCases)
    func aBadCertificateIsRefusedWithALineThatSaysWhy(_ fault: Fault) throws {
        let setup = try Setup()
        defer { setup.aggregator.stop() }
        let answer = try setup.refusal(of: identity(fault, setup))
        #expect(answer.contains("CERTIFICATE_UNKNOWN"), "\(answer)")
        #expect(setup.log.awaits("warning refused a connection", fault.line, "from=127.0.0.1:"))
        try setup.expectNobodyRegistered()
    }

    @Test func whoPresentsNothingSpeaksAnOldVersionOrPlaintextIsRefused() throws {
        let setup = try Setup()
        defer { setup.aggregator.stop() }
        var identity = try setup.enrol()
        let old = try setup.refusal(of: identity, newest: .tlsv12)
        #expect(old.contains("PROTOCOL_VERSION"), "\(old)")
        #expect(setup.log.awaits("refused a connection", "a TLS version older than 1.3"))

        (identity.chain, identity.key) = ([], try setup.enrol("host-b", ["n2"]).key)
        let none = try setup.refusal(of: identity)
        #expect(none.contains("CERTIFICATE_REQUIRED"), "\(none)")
        #expect(setup.log.awaits("refused a connection", "TLS without a client certificate"))

        // An agent in plaintext is told why; whoever speaks something else is not.
        let plain = try TestAgent(port: setup.aggregator.port)
        let failure = #expect(throws: TestAgent.Failure.self) { try plain.greet([("n1", 1)]) }
        #expect(failure?.what.contains("only TLS with a client certificate") == true)
        #expect(
            setup.log.awaits("refused a connection", "plaintext, where only TLS", "from=127.0.0.1:", "hint="))
        let web = try SocketLink(port: setup.aggregator.port)
        try web.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
        #expect(throws: LinkFailure.self) { try web.receive() }
        #expect(setup.log.awaits("refused a connection", "neither TLS nor an agent's greeting"))
        try setup.expectNobodyRegistered()
    }

    @Test func aListenerThatOthersCanReachTakesNoPlaintextEvenFromThisHost() throws {
        let setup = try Setup { ($0.plaintext, $0.host) = (.loopback, "0.0.0.0") }
        defer { setup.aggregator.stop() }
        let plain = try TestAgent(port: setup.aggregator.port)
        #expect(throws: TestAgent.Failure.self) { try plain.greet([("n1", 1)]) }
        #expect(setup.log.awaits("refused a connection", "plaintext, where only TLS"))
        #expect(!setup.log.text.contains("INSECURE"))
        #expect(try setup.refusal(of: setup.enrol()) == "welcomed")
    }

    @Test func insecureTakesPlaintextAndSaysSo() throws {
        let setup = try Setup { ($0.plaintext, $0.host) = (.anywhere, "0.0.0.0") }
        defer { setup.aggregator.stop() }
        #expect(setup.log.awaits("warning INSECURE"))
        _ = try TestAgent(port: setup.aggregator.port).greet([("n1", 1)])
        #expect(setup.log.awaits("agent connected", "transport=plaintext"))
    }

    // MARK: Claims

    @Test func aGreetingCannotClaimAnotherNodeOrAgent() throws {
        let setup = try Setup()
        defer { setup.aggregator.stop() }
        let identity = try setup.enrol("host-a", ["n1", "n2"])
        _ = try setup.enrol("host-b", ["n3"])
        let node = try setup.refusal(of: identity, nodes: ["n1", "n3"])
        #expect(node.hasPrefix("GOODBYE"), "\(node)")
        #expect(
            setup.log.awaits(
                "refused a connection", "agent host-a named node n3; its certificate", "is for nodes n1 n2"))
        let agent = try setup.refusal(of: identity, agent: "host-b", nodes: ["n1"])
        #expect(agent.hasPrefix("GOODBYE"), "\(agent)")
        #expect(
            setup.log.awaits(
                "refused a connection", "agent host-b came with the certificate", "of agent host-a"))
        try setup.expectNobodyRegistered()
        // What it may say, it may say.
        #expect(try setup.refusal(of: identity, nodes: ["n2"]) == "welcomed")
    }

    // MARK: Certificates that end

    @Test func aRevokedCertificateIsRefusedAndItsLiveConnectionEndsAtOnce() throws {
        let setup = try Setup()
        defer { setup.aggregator.stop() }
        let identity = try setup.enrol("host-a", ["n1"])
        let client = try TestAgent(port: setup.aggregator.port, identity.context())
        _ = try client.greet([("n1", 1)], agent: "host-a")
        let bystander = try TestAgent(
            port: setup.aggregator.port, setup.enrol("host-b", ["n2"]).context())
        _ = try bystander.greet([("n2", 2)], agent: "host-b")

        let asked = Date()
        _ = try Revocation.revoke(dataDirectory: setup.directory, names: ["n1"])
        let farewell = try client.receive()
        #expect(Date().timeIntervalSince(asked) < 1)
        #expect(farewell.type == .goodbye)
        let goodbye = try Goodbye(body: farewell.body.span.raw)
        #expect(goodbye.code == .unauthorised && goodbye.reason.contains("was revoked at"))
        #expect(throws: (any Error).self) { try client.receive() }
        #expect(setup.log.awaits("refused a connection", "of agent host-a", "was revoked at"))

        #expect(try setup.refusal(of: identity).contains("CERTIFICATE_UNKNOWN"))
        #expect(setup.log.awaits("refused a connection", "was revoked at", times: 2))
        // Nobody else notices.
        try bystander.send(Ping(id: 1, sent: 5))
        #expect(try bystander.receive().type == .pong)
    }

    @Test func aCertificateThatRunsOutEndsItsConnection() throws {
        let setup = try Setup()
        defer { setup.aggregator.stop() }
        let identity = try TestAuthority(of: setup.folder).issue { $0.until = 4 }
        let client = try TestAgent(port: setup.aggregator.port, identity.context())
        _ = try client.greet([("n1", 1)], agent: "host-a")
        #expect(try client.receive().type == .goodbye)
        #expect(setup.log.awaits("refused a connection", "of agent host-a", "expired at"))
    }

    @Test func aDamagedListOfRevocationsForgetsNobody() throws {
        let setup = try Setup()
        defer { setup.aggregator.stop() }
        let identity = try setup.enrol()
        _ = try Revocation.revoke(dataDirectory: setup.directory, names: ["host-a"])
        #expect(setup.log.awaits("read the list of revocations"))
        try IdentityFile.write("what is this\n", to: setup.folder.revoked, .open)
        #expect(setup.log.awaits("the list of revocations cannot be read"))
        #expect(try setup.refusal(of: identity).contains("CERTIFICATE_UNKNOWN"))
        try FileManager.default.removeItem(atPath: setup.folder.revoked)
        Thread.sleep(forTimeInterval: 0.6)
        #expect(try setup.refusal(of: identity).contains("CERTIFICATE_UNKNOWN"))
    }

    @Test func aResumedSessionIsNoWayAroundARevocation() throws {
        let setup = try Setup()
        defer { setup.aggregator.stop() }
        let identity = try setup.enrol()
        let files = setup.directory + "/client"
        try IdentityFile.makeFolder(files)
        for (name, text) in [
            ("ca.crt", identity.authority), ("agent.crt", identity.chain[0]), ("agent.key", identity.key),
            (
                "hello",
                TestAgent.hello([("n1", 1)], agent: "host-a").frame.map { String($0) }.joined(separator: " ")
            ),
        ] { try IdentityFile.write(text, to: files + "/" + name, .secret) }
        let script = #filePath.components(separatedBy: "/Tests/")[0] + "/Tests/Fixtures/resume_session.py"
        let python = Process()
        python.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        python.arguments = [script, "\(setup.aggregator.port)", files]
        let (input, output) = (Pipe(), Pipe())
        python.standardInput = input
        python.standardOutput = output
        try python.run()
        func answer() -> String {
            var line: [UInt8] = []
            while line.last != UInt8(ascii: "\n") {
                let piece = output.fileHandleForReading.readData(ofLength: 1)
                guard !piece.isEmpty else { break }
                line += piece
            }
            return String(decoding: line, as: UTF8.self).trimmingCharacters(in: .newlines)
        }
        // A resumed session is good as long as its certificate is.
        #expect(answer() == "full handshake: frame 2")
        #expect(answer() == "resumed: frame 2")
        _ = try Revocation.revoke(dataDirectory: setup.directory, names: ["host-a"])
        #expect(setup.log.awaits("read the list of revocations"))
        input.fileHandleForWriting.write(Data("\n".utf8))
        #expect(answer() == "resumed: frame 9")
        python.waitUntilExit()
        #expect(python.terminationStatus == 0)
        #expect(setup.log.awaits("refused a connection", "of agent host-a", "was revoked at"))
    }

    // MARK: The aggregator's own

    @Test func aServerCertificateIsRenewedWithoutARestart() throws {
        let setup = try Setup { $0.lifetimes.server = 6 }
        defer { setup.aggregator.stop() }
        let identity = try setup.enrol("host-a", ["n1"])
        let early = try TLSLink(port: setup.aggregator.port, identity.context())
        let first = try #require(try early.serverCertificate()).toDERBytes()
        let client = try TestAgent(port: setup.aggregator.port, identity.context())
        _ = try client.greet([("n1", 1)], agent: "host-a")
        #expect(setup.log.awaits("new connections get the server certificate"))
        let late = try TLSLink(port: setup.aggregator.port, identity.context())
        #expect(try #require(try late.serverCertificate()).toDERBytes() != first)
        // Who was there stays.
        try client.send(Ping(id: 1, sent: 5))
        #expect(try client.receive().type == .pong)
    }

    @Test func theAddressForAgentsIsWhereItListens() throws {
        let setup = try Setup()
        setup.aggregator.stop()
        let enrolment = try Enrolment.make(
            dataDirectory: setup.directory, agent: "host-a", nodes: [EnrolledNode("n1")], address: nil,
            days: 1)
        #expect(enrolment.address == "127.0.0.1:\(setup.aggregator.port)")
    }
}
