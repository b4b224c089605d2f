internal import FoundationEssentials
internal import Identity
internal import NIOCore
internal import NIOSSL
internal import X509

/// The agent's key and certificate, and the authority that it trusts, ready for use.
struct UplinkIdentity: Sendable {
    let context: NIOSSLContext
    let verifier: CertificateVerifier
    /// The agent's own certificate.
    let certificate: Certificate

    /// Reads all three and checks that they fit together.
    init(_ settings: TLSSettings) throws(AgentError) {
        try settings.check()
        do throws(IdentityError) {
            let authority = try Self.text(settings.authority, "tls.ca", .open)
            let certificate = try Self.text(settings.certificate, "tls.certificate", .open)
            let key = try Self.text(settings.key, "tls.key", .secret)
            let authorities = try PEM.certificates(authority.pem, from: authority.place)
            self.certificate = try PEM.certificates(certificate.pem, from: certificate.place)[0]
            guard try PEM.key(key.pem, from: key.place).publicKey == self.certificate.publicKey else {
                throw IdentityError(
                    doing: "reading \(key.place)", reason: "it is not the key of \(certificate.place)",
                    remedy: "give the two that `peerscope-aggregator enroll` made together")
            }
            verifier = CertificateVerifier(authorities: authorities)
            context = try Self.context(authority: authority.pem, certificate: certificate.pem, key: key.pem)
        } catch {
            throw AgentError(error)
        }
    }

    private static func text(
        _ place: TLSSettings.Place?, _ name: String, _ secrecy: IdentityFile.Secrecy
    ) throws(IdentityError) -> (pem: String, place: String) {
        switch place {
        case .file(let path): (try IdentityFile.read(path, secrecy), path)
        // The file around it was checked when it was read.
        case .text(let pem): (pem, name)
        case nil: ("", name)
        }
    }

    private static func context(
        authority: String, certificate: String, key: String
    ) throws(IdentityError) -> NIOSSLContext {
        do {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.minimumTLSVersion = .tlsv13
            configuration.shutdownTimeout = .seconds(1)
            // The aggregator's certificate is decided on by ``AggregatorCertificate``, which can say why.
            configuration.certificateVerification = .noHostnameVerification
            configuration.trustRoots = .certificates(
                try NIOSSLCertificate.fromPEMBytes(Array(authority.utf8)))
            configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)).map {
                .certificate($0)
            }
            configuration.privateKey = .privateKey(
                try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw IdentityError(
                doing: "setting up TLS", reason: "\(error)",
                remedy: "give the files that `peerscope-aggregator enroll` made")
        }
    }

    /// What the aggregator will object to, as far as it can be told from here; nil when it should not.
    func objection(agent: String, nodes: [String], now: Date = Date()) -> String? {
        let serial = certificate.serialText
        if now > certificate.notValidAfter {
            return
                "this agent's certificate \(serial) expired at \(certificate.expiryText)"
        }
        if now < certificate.notValidBefore {
            return "this agent's certificate \(serial) is not valid before "
                + "\(certificate.notValidBefore.formatted(.iso8601)), by this host's clock"
        }
        let names = certificate.certifiedNames
        if !names.contains(.agent(agent)) {
            return
                "this agent is called \(agent), and its certificate \(serial) is that of \(certificate.holder)"
        }
        let foreign = nodes.filter { !names.contains(.node($0)) }
        guard !foreign.isEmpty else { return nil }
        return
            "the certificate \(serial) is for \(certificate.holder), and not for \(foreign.joined(separator: " "))"
    }

    /// Whether less than a third of the certificate's time is left.
    func isEnding(now: Date = Date()) -> Bool {
        let whole = certificate.notValidAfter.timeIntervalSince(certificate.notValidBefore)
        return certificate.notValidAfter.timeIntervalSince(now) < whole / 3
    }
}

/// The aggregator's certificate on one connection, from when it is presented until it is decided on. Lives on the
/// event loop.
final class AggregatorCertificate {
    private let verifier: CertificateVerifier
    private let loop: any EventLoop
    /// Why it was refused, if it was.
    private(set) var refusal: CertificateRefusal?

    init(_ verifier: CertificateVerifier, _ loop: any EventLoop) {
        self.verifier = verifier
        self.loop = loop
    }

    /// BoringSSL asks in the middle of the handshake.
    func decide(_ chain: [NIOSSLCertificate], _ promise: EventLoopPromise<NIOSSLVerificationResult>) {
        let presented = chain.compactMap { try? $0.toDERBytes() }
        let bound = NIOLoopBound(self, eventLoop: loop)
        let decision = loop.makePromise(of: CertificateRefusal?.self)
        decision.futureResult.whenSuccess { refusal in
            bound.value.refusal = refusal
            promise.succeed(refusal == nil ? .certificateVerified : .failed)
        }
        Task(executorPreference: ScheduledExecutor { [loop] in loop.execute($0) }) { [verifier] in
            do throws(CertificateRefusal) {
                let found = try await verifier.verify(presented, for: .aggregator)
                // Any address may lead to an aggregator; what counts is that the authority calls it one.
                decision.succeed(
                    found.names.contains(.aggregator)
                        ? nil : .wrongName(expected: "an aggregator", of: "serial \(found.serial)"))
            } catch {
                decision.succeed(error)
            }
        }
    }
}
