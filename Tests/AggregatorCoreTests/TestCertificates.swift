import Crypto
import Foundation
import Identity
import NIOSSL
import SwiftASN1
import X509

@testable import AggregatorCore

/// An authority of the test's own, and certificates with whatever is wrong with them.
struct TestAuthority {
    let key: P256.Signing.PrivateKey
    let certificate: Certificate

    init(name: String = "Test authority") throws {
        let key = P256.Signing.PrivateKey()
        let name = try DistinguishedName { CommonName(name) }
        certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey),
            notValidBefore: Date(timeIntervalSinceNow: -86400),
            notValidAfter: Date(timeIntervalSinceNow: 86400),
            issuer: name, subject: name,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true))
                SubjectKeyIdentifier(hash: .init(key.publicKey))
            }, issuerPrivateKey: .init(key))
        self.key = key
    }

    /// Takes over the authority of an aggregator, as somebody would who has stolen its key.
    init(of folder: TLSFolder) throws {
        key = try P256.Signing.PrivateKey(
            pemRepresentation: String(contentsOfFile: folder.authorityKey, encoding: .utf8))
        certificate = try Certificate(
            pemEncoded: String(contentsOfFile: folder.authorityCertificate, encoding: .utf8))
    }

    /// What is asked of a certificate.
    struct Wanted {
        var names = ["peerscope://agent/host-a", "peerscope://node/n1"]
        var from: TimeInterval = -3600
        var until: TimeInterval = 3600
        var usage: [ExtendedKeyUsage.Usage] = [.clientAuth]
        var isAuthority = false
    }

    /// A key and a certificate for it.
    func issue(_ change: (inout Wanted) -> Void = { _ in }) throws -> TestIdentity {
        var wanted = Wanted()
        change(&wanted)
        let key = P256.Signing.PrivateKey()
        let made = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey),
            notValidBefore: Date(timeIntervalSinceNow: wanted.from),
            notValidAfter: Date(timeIntervalSinceNow: wanted.until), issuer: certificate.subject,
            subject: DistinguishedName { CommonName("somebody") },
            extensions: Certificate.Extensions {
                Critical(
                    wanted.isAuthority
                        ? BasicConstraints.isCertificateAuthority(maxPathLength: 0) : .notCertificateAuthority
                )
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage(wanted.usage)
                SubjectAlternativeNames(wanted.names.map { .uniformResourceIdentifier($0) })
            }, issuerPrivateKey: .init(self.key))
        return TestIdentity(
            certificate: made, chain: [try PEM.text(made)], key: key.pemRepresentation,
            authority: try PEM.text(certificate))
    }
}

/// A client's key and certificate.
struct TestIdentity {
    var certificate: Certificate
    var chain: [String]
    var key: String
    var authority: String

    init(certificate: Certificate, chain: [String], key: String, authority: String) {
        (self.certificate, self.chain, self.key, self.authority) = (certificate, chain, key, authority)
    }

    /// What `enroll` gave.
    init(_ enrolment: Enrolment) throws {
        certificate = try Certificate(pemEncoded: enrolment.certificate)
        (chain, key, authority) = ([enrolment.certificate], enrolment.key, enrolment.authority)
    }

    /// A client's TLS with it; the server has to be of the same authority.
    func context(newest: TLSVersion? = nil) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authority.utf8)))
        configuration.certificateChain = try chain.flatMap {
            try NIOSSLCertificate.fromPEMBytes(Array($0.utf8)).map { .certificate($0) }
        }
        configuration.privateKey = .privateKey(
            try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))
        configuration.maximumTLSVersion = newest
        return try NIOSSLContext(configuration: configuration)
    }
}
