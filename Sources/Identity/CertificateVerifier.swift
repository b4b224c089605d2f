public import FoundationEssentials
internal import SwiftASN1
public import X509

/// A certificate that one of the trusted authorities has signed, that is valid now, and was made for its purpose.
public struct VerifiedCertificate: Sendable, Equatable {
    /// Its serial number in hexadecimal.
    public let serial: String
    /// The names of ours among its subject alternative names.
    public let names: [CertifiedName]
    /// Until when it is valid.
    public let expires: Date
}

/// Decides on certificates that peers present.
///
/// The chain is always two long: an authority, and what it signed. Verification itself is swift-certificates', by
/// RFC 5280; what is added is the purpose, the names, and a reason that an operator can act on.
public struct CertificateVerifier: Sendable {
    /// What a certificate is presented for.
    public enum Purpose: Sendable {
        /// An agent that connects.
        case agent
        /// An aggregator that is connected to.
        case aggregator
    }

    private let authorities: [Certificate]
    private let store: CertificateStore

    /// A verifier that trusts these authorities and nothing else.
    public init(authorities: [Certificate]) {
        self.authorities = authorities
        store = CertificateStore(authorities)
    }

    /// Reads what was presented, DER, and verifies the first: what else came with it is not looked at.
    public func verify(
        _ presented: [[UInt8]], for purpose: Purpose
    ) async throws(CertificateRefusal) -> VerifiedCertificate {
        guard let first = presented.first else { throw .missing }
        let certificate: Certificate
        do { certificate = try Certificate(derEncoded: first) } catch { throw .unreadable("\(error)") }
        return try await verify(certificate, for: purpose)
    }

    /// Verifies a certificate.
    public func verify(
        _ certificate: Certificate, for purpose: Purpose
    ) async throws(CertificateRefusal) -> VerifiedCertificate {
        var verifier = Verifier(rootCertificates: store) {
            RFC5280Policy()
            PeerscopePolicy(purpose: purpose)
        }
        switch await verifier.validate(leaf: certificate, intermediates: CertificateStore([])) {
        case .validCertificate: break
        case .couldNotValidate(let failures): throw reason(certificate, purpose, failures)
        }
        return VerifiedCertificate(
            serial: certificate.serialText, names: certificate.certifiedNames,
            expires: certificate.notValidAfter)
    }

    /// Whether one of the trusted authorities has signed it, whatever else may be wrong with it.
    public func hasSigned(_ certificate: Certificate) -> Bool {
        authorities.contains { $0.publicKey.isValidSignature(certificate.signature, for: certificate) }
    }

    /// Puts a refusal that is certain into words; the order is the one in which an operator would look.
    private func reason(
        _ certificate: Certificate, _ purpose: Purpose,
        _ failures: [CertificateValidationResult.PolicyFailure]
    ) -> CertificateRefusal {
        let whose = certificate.holder
        guard hasSigned(certificate) else { return .unknownAuthority(claims: whose) }
        let now = Date()
        if now < certificate.notValidBefore {
            return .notYetValid(from: certificate.notValidBefore, of: whose)
        }
        if now > certificate.notValidAfter { return .expired(at: certificate.notValidAfter, of: whose) }
        if !PeerscopePolicy.allows(certificate, purpose) { return .wrongPurpose(of: whose) }
        let why = failures.map { "\($0.policyFailureReason)" }.joined(separator: "; ")
        return .irregular(why.isEmpty ? "no chain to an authority" : String(why.prefix(300)), of: whose)
    }
}

/// What Peerscope asks of a certificate beyond RFC 5280: an end entity, made for signing and for this side of TLS.
private struct PeerscopePolicy: VerifierPolicy {
    let purpose: CertificateVerifier.Purpose
    // Names are read by whoever asked for the verification.
    let verifyingCriticalExtensions: [ASN1ObjectIdentifier] = [
        .X509ExtensionID.extendedKeyUsage, .X509ExtensionID.subjectAlternativeName,
    ]

    func chainMeetsPolicyRequirements(chain: UnverifiedCertificateChain) async -> PolicyEvaluationResult {
        guard chain.count == 2 else { return .failsToMeetPolicy(reason: "the chain is not two long") }
        guard Self.allows(chain.leaf, purpose) else {
            return .failsToMeetPolicy(reason: "it was made for another purpose")
        }
        return .meetsPolicy
    }

    static func allows(_ certificate: Certificate, _ purpose: CertificateVerifier.Purpose) -> Bool {
        let extensions = certificate.extensions
        if case .isCertificateAuthority? = try? extensions.basicConstraints { return false }
        guard let usage = try? extensions.keyUsage, usage.digitalSignature,
            let extended = try? extensions.extendedKeyUsage
        else { return false }
        return switch purpose {
        case .agent: extended.contains(.clientAuth)
        case .aggregator: extended.contains(.serverAuth)
        }
    }
}

extension Certificate {
    /// Until when it is valid, UTC in ISO 8601.
    public var expiryText: String { notValidAfter.formatted(.iso8601) }

    /// The serial number in hexadecimal.
    public var serialText: String {
        serialNumber.bytes.map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }

    /// The names of ours among its subject alternative names.
    public var certifiedNames: [CertifiedName] {
        guard let names = try? extensions.subjectAlternativeNames else { return [] }
        return names.compactMap { name in
            if case .uniformResourceIdentifier(let uri) = name { CertifiedName(uri: uri) } else { nil }
        }
    }

    /// Whose it says it is, for a log: its names, else its subject.
    public var holder: String {
        var agent = ""
        var nodes: [String] = []
        for name in certifiedNames {
            switch name {
            case .agent(let name): agent = name
            case .node(let name): nodes.append(name)
            case .aggregator: return "an aggregator"
            }
        }
        guard !agent.isEmpty || !nodes.isEmpty else {
            let subject = String("\(subject)".prefix(100))
            return subject.isEmpty ? "nobody" : "\"\(subject)\""
        }
        let shown = nodes.prefix(8).joined(separator: " ") + (nodes.count > 8 ? " …" : "")
        return "agent \(agent.isEmpty ? "?" : agent) with \(nodes.count == 1 ? "node" : "nodes") \(shown)"
    }
}
