internal import CPlatform
internal import Identity
internal import Logging
internal import NIOCore
internal import NIOSSL
internal import Synchronization
internal import X509

/// How the aggregator is spoken to: in TLS, or in plaintext where that is allowed.
///
/// Files of keys and certificates are looked at before each connection: an agent that is enrolled again goes on with
/// the new ones by itself.
final class UplinkTransport: Sendable {
    let address: UplinkAddress
    private let configuration: AgentConfiguration
    private let log: Logger
    private let state: Mutex<State>

    private struct State {
        var identity: UplinkIdentity?
        var stamps: [IdentityFileStamp] = []
        /// When it was last told that the certificate ends soon, CLOCK_MONOTONIC.
        var toldOfEnd: UInt64?
    }

    /// Reads keys and certificates; refuses plaintext to another host unless it is asked for.
    init(_ configuration: AgentConfiguration, log: Logger) throws(AgentError) {
        address = try UplinkAddress(configuration.aggregator)
        self.configuration = configuration
        self.log = log
        var first = State()
        if let settings = configuration.tls {
            first.stamps = Self.stamps(settings)
            first.identity = try UplinkIdentity(settings)
        } else if !HostAddress.isLoopback(address.host) {
            guard configuration.isInsecure else {
                throw AgentError(
                    doing: "connecting to \(configuration.aggregator)",
                    reason: "it is on another host, and no certificate is configured",
                    remedy:
                        "enroll this agent with `peerscope-aggregator enroll`, or set `insecure` to let everybody on the way read and forge"
                )
            }
            log.warning(
                "INSECURE: events go to the aggregator in plaintext; they can be read and forged on the way",
                metadata: ["aggregator": "\(configuration.aggregator)"])
        }
        state = Mutex(first)
        if let identity = first.identity { tell(of: identity) }
    }

    /// Whether connections are in TLS.
    var isSecured: Bool { configuration.tls != nil }

    /// What comes in front of the protocol on a new connection.
    func secure(_ channel: any Channel) throws -> AggregatorCertificate? {
        refresh()
        guard let identity = state.withLock({ $0.identity }) else { return nil }
        let certificate = AggregatorCertificate(identity.verifier, channel.eventLoop)
        try channel.pipeline.syncOperations.addHandler(
            NIOSSLClientHandler(
                context: identity.context, serverHostname: nil,
                customVerificationCallback: certificate.decide))
        return certificate
    }

    private static func stamps(_ settings: TLSSettings) -> [IdentityFileStamp] {
        [settings.authority, settings.certificate, settings.key].compactMap { place in
            if case .file(let path) = place { IdentityFileStamp(path) } else { nil }
        }
    }

    private func refresh() {
        guard let settings = configuration.tls else { return }
        let found = Self.stamps(settings)
        guard state.withLock({ $0.stamps != found }) else { return }
        state.withLock { $0.stamps = found }
        do {
            let identity = try UplinkIdentity(settings)
            state.withLock { $0.identity = identity }
            log.notice(
                "read new keys and certificates",
                metadata: ["certificate": "\(identity.certificate.serialText)"])
            tell(of: identity)
        } catch {
            log.error(
                "the changed keys and certificates cannot be used; going on with those from before",
                metadata: ["error": "\(error)"])
        }
    }

    private func tell(of identity: UplinkIdentity) {
        guard
            let objection = identity.objection(
                agent: configuration.agent, nodes: configuration.nodes.map(\.name))
        else { return }
        log.error(
            "the aggregator will refuse this agent; events are kept in the spool",
            metadata: ["why": "\(objection)", "hint": "enroll it again with `peerscope-aggregator enroll`"])
    }

    /// A connection has been made: says once a day when the certificate will end soon.
    func welcomed() {
        guard let identity = state.withLock({ $0.identity }), identity.isEnding() else { return }
        let now = ps_monotonic_ns()
        let isDue = state.withLock { state in
            if let told = state.toldOfEnd, now - told < 86_400_000_000_000 { return false }
            state.toldOfEnd = now
            return true
        }
        guard isDue else { return }
        log.warning(
            "this agent's certificate ends soon; enroll it again",
            metadata: ["valid_until": "\(identity.certificate.expiryText)"])
    }

    /// Why a connection ended without WELCOME, in words for an operator.
    func explain(_ error: any Error, _ presented: AggregatorCertificate?) -> UplinkEnd {
        let identity = state.withLock { $0.identity }
        if let refusal = presented?.refusal {
            return UplinkEnd(
                reason: "the aggregator's certificate is refused: \(refusal)",
                hint: "is this the right aggregator? Its tls/ca.crt has to be what tls_ca names",
                isRefusal: true)
        }
        let text = "\(error)"
        if let identity, Self.refusals.contains(where: text.contains) {
            let certificate = identity.certificate
            return UplinkEnd(
                reason: "the aggregator refused this agent's certificate \(certificate.serialText) of "
                    + "\(certificate.holder), valid until \(certificate.expiryText)",
                hint:
                    "it may be revoked or of another authority: the aggregator's log says why; enroll again",
                isRefusal: true)
        }
        if identity != nil, text.contains("WRONG_VERSION_NUMBER") {
            return UplinkEnd(
                reason: "whoever listens there does not speak TLS", hint: "check the address and the port",
                isRefusal: true)
        }
        return UplinkEnd(reason: text, hint: nil, isRefusal: false)
    }

    /// What BoringSSL calls an aggregator's refusal.
    private static let refusals = [
        "ALERT_CERTIFICATE_UNKNOWN", "ALERT_BAD_CERTIFICATE", "ALERT_UNKNOWN_CA", "ALERT_CERTIFICATE_REVOKED",
        "ALERT_CERTIFICATE_EXPIRED", "ALERT_CERTIFICATE_REQUIRED", "ALERT_ACCESS_DENIED",
    ]
}

/// Why a connection ended.
struct UplinkEnd: Sendable, Equatable {
    let reason: String
    let hint: String?
    /// Somebody refused somebody: trying again soon will not help.
    let isRefusal: Bool
}
