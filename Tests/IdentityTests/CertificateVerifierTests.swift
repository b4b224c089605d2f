import Crypto
import Foundation
import Testing
import X509

@testable import Identity

@Suite("A certificate that is presented")
struct CertificateVerifierTests {
    private let key = P256.Signing.PrivateKey()

    private func certificate(
        subject: String, issuer: String, signedBy signer: P256.Signing.PrivateKey,
        key: P256.Signing.PrivateKey,
        _ extensions: Certificate.Extensions
    ) throws -> Certificate {
        try Certificate(
            version: .v3, serialNumber: .init(bytes: [0x0a, 0x1b]), publicKey: .init(key.publicKey),
            notValidBefore: Date(timeIntervalSinceNow: -60), notValidAfter: Date(timeIntervalSinceNow: 60),
            issuer: DistinguishedName { CommonName(issuer) },
            subject: DistinguishedName { CommonName(subject) },
            extensions: extensions, issuerPrivateKey: .init(signer))
    }

    private func authority() throws -> Certificate {
        try certificate(
            subject: "ca", issuer: "ca", signedBy: key, key: key,
            Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true))
            })
    }

    private func agent(_ usage: KeyUsage, extended: [ExtendedKeyUsage.Usage]?) throws -> Certificate {
        try certificate(
            subject: "host-a", issuer: "ca", signedBy: key, key: P256.Signing.PrivateKey(),
            Certificate.Extensions {
                Critical(usage)
                if let extended { try ExtendedKeyUsage(extended) }
                SubjectAlternativeNames([
                    .uniformResourceIdentifier("peerscope://agent/host-a"), .dnsName("host-a"),
                    .uniformResourceIdentifier("peerscope://node/n1"),
                ])
            })
    }

    @Test("gives serial number and names when it is good")
    func good() async throws {
        let verifier = CertificateVerifier(authorities: [try authority()])
        let presented = try agent(KeyUsage(digitalSignature: true), extended: [.clientAuth])
        let verified = try await verifier.verify(presented, for: .agent)
        #expect(verified.serial == "0a1b")
        #expect(verified.names == [.agent("host-a"), .node("n1")])
        #expect(verified.expires == presented.notValidAfter)
    }

    @Test("is refused unless it is for signing and for this side of TLS")
    func purposes() async throws {
        let verifier = CertificateVerifier(authorities: [try authority()])
        let signing = KeyUsage(digitalSignature: true)
        for (presented, purpose) in [
            (try agent(signing, extended: [.clientAuth]), CertificateVerifier.Purpose.aggregator),
            (try agent(signing, extended: [.serverAuth]), .agent),
            (try agent(signing, extended: nil), .agent),
            (try agent(KeyUsage(keyAgreement: true), extended: [.clientAuth]), .agent),
        ] {
            await #expect(throws: CertificateRefusal.wrongPurpose(of: "agent host-a with node n1")) {
                try await verifier.verify(presented, for: purpose)
            }
        }
    }

    @Test("is refused when it is the authority's own")
    func authorityItself() async throws {
        let own = try authority()
        await #expect(throws: CertificateRefusal.self) {
            try await CertificateVerifier(authorities: [own]).verify(own, for: .agent)
        }
    }

    @Test("is refused by who trusts nobody, and told as what it says it is")
    func nobody() async throws {
        let presented = try agent(KeyUsage(digitalSignature: true), extended: [.clientAuth])
        await #expect(throws: CertificateRefusal.unknownAuthority(claims: "agent host-a with node n1")) {
            try await CertificateVerifier(authorities: []).verify(presented, for: .agent)
        }
    }
}
