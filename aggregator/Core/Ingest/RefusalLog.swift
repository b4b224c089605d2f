/// Why a connection was refused, as the log counts it.
enum RefusalKind: Hashable, Sendable {
    /// There are too many.
    case limit
    /// It does not speak TLS, and has to.
    case plaintext
    /// It speaks something else.
    case foreign
    /// TLS failed, or the certificate is not accepted.
    case certificate
    /// It claims to be somebody that its certificate does not name.
    case claim
    /// It broke a rule of the protocol, or took too long.
    case conduct
}

/// How much is written about refused connections, as a value: nobody can fill a disk by being refused.
///
/// The first refusals of a kind and source are written, then one every ten seconds; what is left out is counted and
/// told.
struct RefusalLog: Sendable {
    private struct Key: Hashable {
        let source: Admission.Source
        let kind: RefusalKind
    }

    private var total: RateLimit
    private var known: [Key: RateLimit] = [:]
    private var suppressed = 0

    init(now: UInt64) { total = RateLimit(perSecond: 5, burst: 200, now: now) }

    /// Whether a refusal is to be written.
    mutating func shouldWrite(_ kind: RefusalKind, from source: Admission.Source, now: UInt64) -> Bool {
        if known.count >= 1024 { known.removeAll() }
        let key = Key(source: source, kind: kind)
        var limit = known[key] ?? RateLimit(perSecond: 0.1, burst: 10, now: now)
        let isWritten = limit.take(now: now) && total.take(now: now)
        known[key] = limit
        if !isWritten { suppressed += 1 }
        return isWritten
    }

    /// How many were left out since this was asked last.
    mutating func takeSuppressed() -> Int {
        defer { suppressed = 0 }
        return suppressed
    }
}
