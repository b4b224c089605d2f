internal import Identity
internal import NIOCore
internal import NIOSSL

/// The certificate of one connection, from when it is presented until it is decided on. Lives on the event loop.
final class PresentedCertificate {
    private let credentials: ServerCredentials
    private let loop: any EventLoop
    /// The agent it stands for, or why it stands for nobody; nil until that is decided.
    private(set) var outcome: Result<CertifiedAgent, CertificateRefusal>?

    init(_ credentials: ServerCredentials, _ loop: any EventLoop) {
        self.credentials = credentials
        self.loop = loop
    }

    /// BoringSSL asks in the middle of the handshake.
    func decide(_ chain: [NIOSSLCertificate], _ promise: EventLoopPromise<NIOSSLVerificationResult>) {
        decide(chain) { promise.succeed($0 ? .certificateVerified : .failed) }
    }

    /// Decides on a certificate and says whether it is accepted.
    ///
    /// A handshake that resumes a session presents nothing; the session's certificate is decided on then, so that a
    /// session outlives neither its certificate nor a revocation.
    func decide(_ chain: [NIOSSLCertificate], _ decided: @escaping (Bool) -> Void) {
        let presented = chain.compactMap { try? $0.toDERBytes() }
        let bound = NIOLoopBound((self, decided), eventLoop: loop)
        let promise = loop.makePromise(of: Result<CertifiedAgent, CertificateRefusal>.self)
        promise.futureResult.whenSuccess { outcome in
            let (certificate, decided) = bound.value
            certificate.outcome = outcome
            if case .success = outcome { decided(true) } else { decided(false) }
        }
        Task(executorPreference: ScheduledExecutor { [loop] in loop.execute($0) }) { [credentials] in
            do throws(CertificateRefusal) {
                promise.succeed(.success(try await credentials.agent(presenting: presented)))
            } catch {
                promise.succeed(.failure(error))
            }
        }
    }

    /// Why TLS failed, as far as that can be told from its error.
    func reason(_ error: any Error) -> String {
        if case .failure(let refusal) = outcome { return "\(refusal)" }
        let text = "\(error)"
        for (mark, meaning) in Self.meanings where text.contains(mark) { return meaning }
        return "the TLS handshake failed: \(String(text.prefix(300)))"
    }

    /// What BoringSSL calls it, and what it means here.
    private static let meanings = [
        ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "TLS without a client certificate"),
        ("UNSUPPORTED_PROTOCOL", "a TLS version older than 1.3"),
        ("ALERT_UNKNOWN_CA", "the client does not know the authority of this aggregator's certificate"),
        ("ALERT_CERTIFICATE_EXPIRED", "the client takes this aggregator's certificate for expired"),
        ("ALERT_CERTIFICATE_UNKNOWN", "the client refused this aggregator's certificate"),
        ("ALERT_BAD_CERTIFICATE", "the client refused this aggregator's certificate"),
        ("eofDuringHandshake", "the client left during the TLS handshake"),
        ("EOF during handshake", "the client left during the TLS handshake"),
        ("HTTP_REQUEST", "HTTP instead of TLS"),
    ]
}
