internal import Crypto
internal import Foundation
internal import Identity
internal import X509

/// The fleet's own certificate authority: a P-256 key that signs aggregators and agents, and nothing else.
///
/// Its private key is read when something is to be signed and is not kept: an aggregator that runs without `ca.key`
/// goes on until its server certificate is due.
struct Authority {
    let certificate: Certificate
    private let key: Certificate.PrivateKey
    private let lifetimes: CertificateLifetimes

    /// Reads the authority of `folder`; to be called with its lock.
    init(_ folder: TLSFolder, _ lifetimes: CertificateLifetimes) throws {
        certificate = try Self.certificates(folder)[0]
        guard folder.has(folder.authorityKey) else {
            throw AggregatorError(
                "nothing can be signed: \(folder.authorityKey) is not there",
                hint: "bring it back for as long as it takes, from where it is kept")
        }
        key = try PEM.key(IdentityFile.read(folder.authorityKey, .secret), from: folder.authorityKey)
        guard key.publicKey == certificate.publicKey else {
            throw AggregatorError(
                "\(folder.authorityKey) is not the key of \(folder.authorityCertificate)",
                hint: "bring back the pair that belongs together from a backup")
        }
        self.lifetimes = lifetimes
    }

    /// Every authority that is trusted; the first one signs.
    ///
    /// More than one are there when an operator appends an old authority to `ca.crt`, so that its agents go on until
    /// they have been enrolled again.
    static func certificates(_ folder: TLSFolder) throws -> [Certificate] {
        try PEM.certificates(
            IdentityFile.read(folder.authorityCertificate, .open), from: folder.authorityCertificate)
    }

    /// Makes the authority if there is none, and renews its certificate when two thirds of its time are over.
    ///
    /// A renewed certificate has the same key and name: what the old one has signed goes on under the new one, and
    /// agents that know the old one accept what the key signs until it expires itself. Gives a note of what was done.
    static func prepare(_ folder: TLSFolder, _ lifetimes: CertificateLifetimes, now: Date) throws -> String? {
        guard folder.has(folder.authorityCertificate) else {
            guard !folder.has(folder.authorityKey) else {
                throw AggregatorError(
                    "\(folder.authorityKey) is there and \(folder.authorityCertificate) is not",
                    hint: "bring the certificate back from a backup, or move the key away to begin anew")
            }
            let key = P256.Signing.PrivateKey()
            let name = try DistinguishedName {
                CommonName("Peerscope authority \(String(UInt32.random(in: 0 ... .max), radix: 36))")
            }
            let made = try certify(.init(key), name, lifetimes, now)
            try IdentityFile.write(key.pemRepresentation + "\n", to: folder.authorityKey, .secret)
            try IdentityFile.write(PEM.text(made), to: folder.authorityCertificate, .open)
            return "made a certificate authority, valid until \(made.notValidAfter.formatted(.iso8601))"
        }
        let all = try certificates(folder)
        guard CertificateLifetimes.isDue(from: all[0].notValidBefore, until: all[0].notValidAfter, now: now)
        else { return nil }
        let authority = try Authority(folder, lifetimes)
        let renewed = try certify(authority.key, all[0].subject, lifetimes, now)
        let text = try ([renewed] + all.dropFirst()).map(PEM.text).joined()
        try IdentityFile.write(text, to: folder.authorityCertificate, .open)
        return "renewed the authority's certificate, valid until \(renewed.notValidAfter.formatted(.iso8601))"
    }

    private static func certify(
        _ key: Certificate.PrivateKey, _ name: DistinguishedName, _ lifetimes: CertificateLifetimes,
        _ now: Date
    ) throws -> Certificate {
        try Certificate(
            version: .v3, serialNumber: .init(), publicKey: key.publicKey,
            notValidBefore: now.addingTimeInterval(-lifetimes.leeway),
            notValidAfter: now.addingTimeInterval(lifetimes.authority), issuer: name, subject: name,
            extensions: Certificate.Extensions {
                // Signs ends only: an agent's certificate can never sign another.
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: key.publicKey)
            }, issuerPrivateKey: key)
    }

    /// Signs a certificate for an agent's key, or an aggregator's.
    func issue(
        to name: String, names: [GeneralName], usage: ExtendedKeyUsage, key subject: Certificate.PublicKey,
        lifetime: TimeInterval, now: Date
    ) throws -> Certificate {
        let identifier = try certificate.extensions.subjectKeyIdentifier?.keyIdentifier
        return try Certificate(
            version: .v3, serialNumber: .init(), publicKey: subject,
            // Not before the authority itself, and in a test not longer back than it lasts.
            notValidBefore: max(
                certificate.notValidBefore, now.addingTimeInterval(-min(lifetimes.leeway, lifetime))),
            notValidAfter: now.addingTimeInterval(lifetime), issuer: certificate.subject,
            subject: DistinguishedName { CommonName(String(name.prefix(64))) },
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                usage
                SubjectAlternativeNames(names)
                SubjectKeyIdentifier(hash: subject)
                AuthorityKeyIdentifier(keyIdentifier: identifier)
            }, issuerPrivateKey: key)
    }
}
