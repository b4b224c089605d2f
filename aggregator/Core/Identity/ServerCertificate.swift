internal import Crypto
internal import Foundation
internal import Identity
internal import SwiftASN1
internal import X509

/// What the aggregator shows to agents: made when it is missing, and anew when two thirds of its time are over.
struct ServerCertificate {
    let certificate: Certificate
    /// The private key, PEM.
    let key: String

    /// Reads both, or nil when they are missing or do not belong together.
    init?(_ folder: TLSFolder) throws {
        guard folder.has(folder.serverCertificate), folder.has(folder.serverKey) else { return nil }
        let place = folder.serverCertificate
        certificate = try PEM.certificates(IdentityFile.read(place, .open), from: place)[0]
        key = try IdentityFile.read(folder.serverKey, .secret)
        // Somebody died between writing the one and the other.
        guard try PEM.key(key, from: folder.serverKey).publicKey == certificate.publicKey else { return nil }
    }

    /// Whether it should be made anew: by age, because the authority is another, or for another address.
    func isDue(_ authorities: [Certificate], addresses: [String], now: Date) -> Bool {
        let known = Set((try? certificate.extensions.subjectAlternativeNames) ?? .init())
        return CertificateLifetimes.isDue(
            from: certificate.notValidBefore, until: certificate.notValidAfter, now: now)
            || !authorities.contains {
                $0.subject == certificate.issuer
                    && $0.publicKey.isValidSignature(certificate.signature, for: certificate)
            }
            || !Self.names(addresses).allSatisfy(known.contains)
    }

    /// Makes authority and server certificate as far as they are missing or due; to be called with the lock. Gives
    /// notes of what was done.
    static func prepare(
        _ folder: TLSFolder, _ lifetimes: CertificateLifetimes, addresses: [String], now: Date
    ) throws -> [String] {
        var notes: [String] = []
        if let note = try Authority.prepare(folder, lifetimes, now: now) { notes.append(note) }
        let authorities = try Authority.certificates(folder)
        if let current = try ServerCertificate(folder),
            !current.isDue(authorities, addresses: addresses, now: now)
        {
            return notes
        }
        let key = P256.Signing.PrivateKey()
        let made = try Authority(folder, lifetimes).issue(
            to: "Peerscope aggregator", names: names(addresses), usage: ExtendedKeyUsage([.serverAuth]),
            key: .init(key.publicKey), lifetime: lifetimes.server, now: now)
        try IdentityFile.write(key.pemRepresentation + "\n", to: folder.serverKey, .secret)
        try IdentityFile.write(PEM.text(made), to: folder.serverCertificate, .open)
        notes.append("made a server certificate, valid until \(made.notValidAfter.formatted(.iso8601))")
        return notes
    }

    /// The URI that agents look for, and the addresses for whoever else looks.
    private static func names(_ addresses: [String]) -> [GeneralName] {
        [.uniformResourceIdentifier(CertifiedName.aggregator.uri)]
            + addresses.map { address in
                if let bytes = HostAddress.bytes(address) {
                    .ipAddress(ASN1OctetString(contentBytes: bytes[...]))
                } else {
                    .dnsName(address)
                }
            }
    }
}
