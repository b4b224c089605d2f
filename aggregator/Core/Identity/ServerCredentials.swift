internal import Foundation
internal import Identity
internal import Logging
internal import NIOCore
internal import NIOSSL
internal import Synchronization
internal import X509

/// What a running aggregator shows to agents and what it accepts from them, kept up to date with its folder.
///
/// New connections get the newest certificate; who is connected stays so. A list of revocations that cannot be read
/// changes nothing: what is known stays revoked, and the log tells.
final class ServerCredentials: Sendable {
    private struct State {
        var context: NIOSSLContext
        var verifier: CertificateVerifier
        var server: Certificate
        var authorities: [Certificate]
        var revoked: RevocationList
        var stamps: Stamps
        /// When to try a renewal again that has failed.
        var retryAt: Date?
    }

    private struct Stamps: Equatable {
        var authority: IdentityFileStamp
        var server: IdentityFileStamp
        var revoked: IdentityFileStamp

        init(_ folder: TLSFolder) {
            authority = IdentityFileStamp(folder.authorityCertificate)
            server = IdentityFileStamp(folder.serverCertificate)
            revoked = IdentityFileStamp(folder.revoked)
        }
    }

    private let folder: TLSFolder
    private let lifetimes: CertificateLifetimes
    private let addresses: [String]
    private let logger: Logger
    private let state: Mutex<State>

    /// Makes what is missing and reads the rest.
    init(_ folder: TLSFolder, _ lifetimes: CertificateLifetimes, addresses: [String], logger: Logger) throws {
        self.folder = folder
        self.lifetimes = lifetimes
        self.addresses = addresses
        self.logger = logger
        let prepared = try folder.locked {
            let notes = try ServerCertificate.prepare(folder, lifetimes, addresses: addresses, now: Date())
            return (notes, try Self.read(folder), try RevocationList(folder))
        }
        for note in prepared.0 { logger.notice("\(note)", metadata: ["folder": "\(folder.path)"]) }
        let (loaded, revoked) = (prepared.1, prepared.2)
        state = Mutex(
            State(
                context: loaded.context, verifier: loaded.verifier, server: loaded.server,
                authorities: loaded.authorities, revoked: revoked, stamps: loaded.stamps, retryAt: nil))
    }

    /// For the next connection.
    var context: NIOSSLContext { state.withLock { $0.context } }

    /// The agent that what was presented stands for.
    func agent(presenting chain: [[UInt8]]) async throws(CertificateRefusal) -> CertifiedAgent {
        let verifier = state.withLock { $0.verifier }
        let certificate = try await verifier.verify(chain, for: .agent)
        guard let agent = CertifiedAgent(certificate) else {
            throw .wrongName(expected: "an agent and its nodes", of: "serial \(certificate.serial)")
        }
        if let refusal = objection(to: agent) { throw refusal }
        return agent
    }

    /// Why a certificate that was good once is not, or no longer.
    func objection(to agent: CertifiedAgent) -> CertificateRefusal? {
        let whose = "agent \(agent.agent) with serial \(agent.serial)"
        if let when = state.withLock({ $0.revoked.revocation(of: agent.serial) }) {
            return .revoked(at: when, of: whose)
        }
        return agent.expires < Date() ? .expired(at: agent.expires, of: whose) : nil
    }

    // MARK: - Keeping up

    /// Looks whether another process has changed something, and renews what is due; true when the list of revocations
    /// has changed.
    func refresh(now: Date = Date()) -> Bool {
        let known = state.withLock { $0.stamps }
        let found = Stamps(folder)
        renewIfDue(now)
        let changed = known.revoked != found.revoked
        if changed { takeRevocations(found.revoked) }
        if known.authority != found.authority || known.server != found.server { reload() }
        return changed
    }

    private func takeRevocations(_ stamp: IdentityFileStamp) {
        do {
            let list = try RevocationList(folder)
            state.withLock { state in
                state.stamps.revoked = stamp
                state.revoked = state.revoked.union(list)
            }
            logger.notice("read the list of revocations", metadata: ["certificates": "\(list.entries.count)"])
        } catch {
            state.withLock { $0.stamps.revoked = stamp }
            logger.error(
                "the list of revocations cannot be read; what is known to be revoked stays so",
                metadata: ["error": "\(error)"])
        }
    }

    private func renewIfDue(_ now: Date) {
        let isDue = state.withLock { state in
            guard now >= state.retryAt ?? .distantPast else { return false }
            return CertificateLifetimes.isDue(
                from: state.server.notValidBefore, until: state.server.notValidAfter, now: now)
                || CertificateLifetimes.isDue(
                    from: state.authorities[0].notValidBefore, until: state.authorities[0].notValidAfter,
                    now: now)
        }
        guard isDue else { return }
        do {
            let notes = try folder.locked {
                try ServerCertificate.prepare(folder, lifetimes, addresses: addresses, now: now)
            }
            for note in notes { logger.notice("\(note)") }
            reload()
        } catch {
            state.withLock { $0.retryAt = now.addingTimeInterval(3600) }
            let until = state.withLock { $0.server.notValidAfter }
            logger.error(
                "the server certificate cannot be renewed; trying again in an hour",
                metadata: ["valid_until": "\(until.formatted(.iso8601))", "error": "\(error)"])
        }
    }

    private func reload() {
        do {
            let loaded = try folder.locked { try Self.read(folder) }
            state.withLock { state in
                (state.context, state.verifier) = (loaded.context, loaded.verifier)
                (state.server, state.authorities) = (loaded.server, loaded.authorities)
                (state.stamps.authority, state.stamps.server) = (
                    loaded.stamps.authority, loaded.stamps.server
                )
                state.retryAt = nil
            }
            logger.notice(
                "new connections get the server certificate \(loaded.server.serialText)",
                metadata: ["valid_until": "\(loaded.server.notValidAfter.formatted(.iso8601))"])
        } catch {
            // Not read again before it changes again.
            let stamps = Stamps(folder)
            state.withLock { state in
                (state.stamps.authority, state.stamps.server) = (stamps.authority, stamps.server)
            }
            logger.error(
                "the changed certificates cannot be used; going on with those from before",
                metadata: ["error": "\(error)"])
        }
    }

    private struct Loaded {
        let context: NIOSSLContext
        let verifier: CertificateVerifier
        let server: Certificate
        let authorities: [Certificate]
        let stamps: Stamps
    }

    private static func read(_ folder: TLSFolder) throws -> Loaded {
        let stamps = Stamps(folder)
        let authorities = try Authority.certificates(folder)
        guard let server = try ServerCertificate(folder) else {
            throw AggregatorError(
                "\(folder.serverCertificate) and \(folder.serverKey) do not belong together",
                hint: "remove both; the aggregator makes new ones when it starts")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: [
                .certificate(
                    try NIOSSLCertificate(bytes: Array(PEM.text(server.certificate).utf8), format: .pem))
            ],
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(server.key.utf8), format: .pem)))
        configuration.minimumTLSVersion = .tlsv13
        configuration.shutdownTimeout = .seconds(1)
        // A certificate is asked for and required. What it is worth is decided by `agent(presenting:)`, which can say
        // why; BoringSSL would only say no.
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates(
            try authorities.map { try NIOSSLCertificate(bytes: Array(PEM.text($0).utf8), format: .pem) })
        return Loaded(
            context: try NIOSSLContext(configuration: configuration),
            verifier: CertificateVerifier(authorities: authorities), server: server.certificate,
            authorities: authorities, stamps: stamps)
    }
}
