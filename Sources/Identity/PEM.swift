internal import SwiftASN1
public import X509

/// Certificates and keys in PEM, with errors that say where they came from and never what a key holds.
public enum PEM {
    /// Every certificate in `text`, at least one.
    public static func certificates(_ text: String, from place: String) throws(IdentityError) -> [Certificate]
    {
        var certificates: [Certificate] = []
        do {
            for document in try PEMDocument.parseMultiple(pemString: text)
            where document.discriminator == Certificate.defaultPEMDiscriminator {
                certificates.append(try Certificate(pemDocument: document))
            }
        } catch {
            throw IdentityError(
                doing: "reading the certificate in \(place)", reason: "\(error)",
                remedy: "enroll again, or give a file in PEM")
        }
        guard !certificates.isEmpty else {
            throw IdentityError(
                doing: "reading the certificate in \(place)", reason: "there is no CERTIFICATE in it",
                remedy: "give the file that `peerscope-aggregator enroll` made")
        }
        return certificates
    }

    /// The private key in `text`.
    public static func key(_ text: String, from place: String) throws(IdentityError) -> Certificate.PrivateKey
    {
        // The cause of a failure could quote what was read.
        guard let key = try? Certificate.PrivateKey(pemEncoded: text) else {
            throw IdentityError(
                doing: "reading the private key in \(place)", reason: "it is no private key in PEM",
                remedy: "give the file that `peerscope-aggregator enroll` made")
        }
        return key
    }

    /// A certificate as text.
    public static func text(_ certificate: Certificate) throws -> String {
        try certificate.serializeAsPEM().pemString + "\n"
    }
}
