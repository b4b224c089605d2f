internal import CPlatform
internal import CollectorProtocol
internal import Foundation
internal import Identity
internal import Logging
internal import NIOCore
internal import NIOSSL
internal import Synchronization

/// Decides who gets in and who stays: limits on connections, certificates, and what the log says of the refused.
final class Gate: Sendable {
    let credentials: ServerCredentials
    private let plaintext: PlaintextRule
    private let logger: Logger
    private let state: Mutex<State>
    private let closed = Atomic(false)

    private struct State {
        var admission: Admission
        var refusals: RefusalLog
        var channels: [Admission.ID: any Channel] = [:]
        var lastID: Admission.ID = 0
        var listener: String?
        var rounds = 0
    }

    /// How often the folder of certificates is looked at: this long after `revoke` a connection may live.
    static let watchMilliseconds = 250

    init(
        _ credentials: ServerCredentials, _ plaintext: PlaintextRule, _ limits: ConnectionLimits,
        logger: Logger
    ) {
        self.credentials = credentials
        self.plaintext = plaintext
        self.logger = logger
        state = Mutex(
            State(admission: Admission(limits), refusals: RefusalLog(now: ps_monotonic_ns())))
    }

    /// The listener is there: begins to look after certificates.
    func open(_ listener: any Channel) {
        state.withLock { $0.listener = listener.localAddress?.ipAddress }
        let thread = Thread { [weak self] in
            while let gate = self, !gate.closed.load(ordering: .acquiring) {
                gate.look()
                Thread.sleep(forTimeInterval: Double(Self.watchMilliseconds) / 1000)
            }
        }
        thread.name = "credentials"
        thread.start()
    }

    /// Stops looking after certificates.
    func close() { closed.store(true, ordering: .releasing) }

    private func look() {
        if credentials.refresh() {
            for channel in connected { channel.pipeline.fireUserInboundEventTriggered(CertificateCheck()) }
        }
        let suppressed = state.withLock { state in
            state.rounds += 1
            return state.rounds.isMultiple(of: 10_000 / Self.watchMilliseconds)
                ? state.refusals.takeSuppressed() : 0
        }
        if suppressed > 0 {
            logger.warning("refused more connections", metadata: ["count": "\(suppressed)"])
        }
    }

    /// The connections there are.
    var connected: [any Channel] { state.withLock { Array($0.channels.values) } }

    // MARK: - Arrivals

    /// Somebody has connected: true when the connection may stay.
    func arrived(_ channel: any Channel) -> Bool {
        let remote = channel.remoteAddress
        let source = Admission.Source(remote?.ipAddress)
        let (id, verdict, evicted) = state.withLock { state in
            state.lastID += 1
            let id = state.lastID
            let verdict = state.admission.arrive(id, from: source, now: ps_monotonic_ns())
            guard case .admit(let evicting) = verdict else { return (id, verdict, (any Channel)?.none) }
            state.channels[id] = channel
            return (id, verdict, evicting.flatMap { state.channels.removeValue(forKey: $0) })
        }
        switch verdict {
        case .refuse(let reason):
            refused(remote, .limit, reason)
            return false
        case .admit:
            if let evicted {
                refused(evicted.remoteAddress, .limit, "others came, and this one had not greeted yet")
                evicted.close(promise: nil)
            }
            channel.closeFuture.whenComplete { [weak self] _ in self?.left(id) }
            return true
        }
    }

    private func left(_ id: Admission.ID) {
        state.withLock { state in
            state.admission.leave(id)
            state.channels[id] = nil
        }
    }

    /// The connection has greeted as an agent that it may be; the agent's older connections go.
    func greeted(_ channel: any Channel, agent: String) {
        let superseded = state.withLock { state -> [any Channel] in
            guard let id = state.channels.first(where: { $0.value === channel })?.key else { return [] }
            return state.admission.greeted(id, agent: agent).compactMap { state.channels[$0] }
        }
        for channel in superseded {
            channel.pipeline.fireUserInboundEventTriggered(
                EndConnection(code: .done, reason: "the agent has connected again"))
        }
    }

    /// Whether a connection without TLS is accepted from there.
    func admitsPlaintext(from remote: SocketAddress?) -> Bool {
        plaintext.admits(listeningOn: state.withLock { $0.listener }, from: remote?.ipAddress)
    }

    // MARK: - The log

    /// A connection was refused, or ended before its time.
    func refused(_ remote: SocketAddress?, _ kind: RefusalKind, _ reason: String, hint: String? = nil) {
        let source = Admission.Source(remote?.ipAddress)
        let isWritten = state.withLock {
            $0.refusals.shouldWrite(kind, from: source, now: ps_monotonic_ns())
        }
        guard isWritten else { return }
        var metadata: Logger.Metadata = ["from": "\(remote.place)", "reason": "\(reason)"]
        if let hint { metadata["hint"] = "\(hint)" }
        logger.warning("refused a connection", metadata: metadata)
    }
}

/// Fired into a connection when certificates may have been revoked.
struct CertificateCheck: Sendable {}

/// Fired into a connection that has to end.
struct EndConnection: Sendable {
    let code: GoodbyeCode
    let reason: String
}

extension SocketAddress? {
    /// `address:port`, for a log.
    var place: String {
        guard let self, let address = self.ipAddress, let port = self.port else { return "unknown" }
        return address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
}
