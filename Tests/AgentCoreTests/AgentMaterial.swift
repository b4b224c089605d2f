import Crypto
import Foundation
import Identity
import SwiftASN1
import X509

@testable import AgentCore

/// An authority and a certificate for the agent, in PEM.
struct AgentMaterial {
    let authority: String
    let certificate: String
    let key: String

    init(
        agent: String = "host-a", nodes: [String] = ["n1"], from: TimeInterval = -3600,
        until: TimeInterval = 3600
    ) throws {
        let signer = P256.Signing.PrivateKey()
        let own = P256.Signing.PrivateKey()
        let name = try DistinguishedName { CommonName("authority") }
        authority = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(signer.publicKey),
            notValidBefore: Date(timeIntervalSinceNow: -3600),
            notValidAfter: Date(timeIntervalSinceNow: 3600),
            issuer: name, subject: name,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
            }, issuerPrivateKey: .init(signer)
        ).serializeAsPEM().pemString
        certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(own.publicKey),
            notValidBefore: Date(timeIntervalSinceNow: from),
            notValidAfter: Date(timeIntervalSinceNow: until),
            issuer: name, subject: DistinguishedName { CommonName(agent) },
            extensions: Certificate.Extensions {
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.clientAuth])
                SubjectAlternativeNames(
                    ([CertifiedName.agent(agent)] + nodes.map(CertifiedName.node))
                        .map { .uniformResourceIdentifier($0.uri) })
            }, issuerPrivateKey: .init(signer)
        ).serializeAsPEM().pemString
        key = own.pemRepresentation
    }

    var settings: TLSSettings {
        var settings = TLSSettings()
        settings.authority = .text(authority)
        settings.certificate = .text(certificate)
        settings.key = .text(key)
        return settings
    }

    /// The configuration as `enroll` prints it.
    var yaml: String {
        "agent: host-a\ntls:\n"
            + [("ca", authority), ("certificate", certificate), ("key", key)].map { name, pem in
                "  \(name): |\n" + pem.split(separator: "\n").map { "    \($0)\n" }.joined()
            }.joined()
    }
}
