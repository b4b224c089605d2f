public import FoundationEssentials

/// Why a certificate is refused, for the log of whoever refuses it.
public enum CertificateRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    /// None was presented.
    case missing
    /// It is no X.509 certificate that can be read.
    case unreadable(String)
    /// None of the trusted authorities has signed it; `claims` is what it says of itself, which anybody can write.
    case unknownAuthority(claims: String)
    /// Its time has not come, as this host's clock has it.
    case notYetValid(from: Date, of: String)
    /// Its time is over.
    case expired(at: Date, of: String)
    /// It was made for something else, such as a server's when an agent presents it.
    case wrongPurpose(of: String)
    /// It does not name whom it should.
    case wrongName(expected: String, of: String)
    /// It was revoked.
    case revoked(at: String, of: String)
    /// It breaks a rule of RFC 5280.
    case irregular(String, of: String)

    /// One sentence without a full stop.
    public var description: String {
        switch self {
        case .missing: "no certificate was presented"
        case .unreadable(let why): "the certificate cannot be read: \(why)"
        case .unknownAuthority(let claims):
            "the certificate is of an unknown authority (it says it is \(claims))"
        case .notYetValid(let date, let whose):
            "the certificate of \(whose) is not valid before \(date.formatted(.iso8601)), by this host's clock"
        case .expired(let date, let whose):
            "the certificate of \(whose) expired at \(date.formatted(.iso8601))"
        case .wrongPurpose(let whose): "the certificate of \(whose) was made for another purpose"
        case .wrongName(let expected, let whose):
            "the certificate should name \(expected) and is that of \(whose)"
        case .revoked(let since, let whose): "the certificate of \(whose) was revoked at \(since)"
        case .irregular(let why, let whose): "the certificate of \(whose) breaks a rule: \(why)"
        }
    }
}
