/// Core's rate limit for addresses of one peer (`ProcessAddrs`, net_processing.cpp): 0.1 a second, one at the
/// start, at most 1000 by time, 1000 more for each getaddr of ours.
enum TokenBucket {
    static let perSecond = 0.1
    static let largest = 1000.0
    static let perGetaddr = 1000.0

    /// Fills the session's bucket up to `micros`; an unknown bucket starts with one token at `openedAt`.
    static func refill(_ session: PeerSession, at micros: Int64) {
        var tokens = session.addrTokens ?? 1
        let since = session.addrTokensAt ?? session.openedAt ?? micros
        if tokens < largest {
            tokens = min(tokens + Double(max(0, micros - since)) / 1e6 * perSecond, largest)
        }
        session.addrTokens = tokens
        session.addrTokensAt = micros
    }

    /// Takes a token; false when there is none, and Core would drop the address.
    static func take(_ session: PeerSession) -> Bool {
        guard let tokens = session.addrTokens, tokens >= 1 else { return false }
        session.addrTokens = tokens - 1
        return true
    }

    /// What our own getaddr adds.
    static func addForGetaddr(_ session: PeerSession, at micros: Int64) {
        refillStart(session, at: micros)
        session.addrTokens = (session.addrTokens ?? 1) + perGetaddr
    }

    /// Core fills the bucket only when addresses arrive: a getaddr adds to it and leaves its time alone.
    private static func refillStart(_ session: PeerSession, at micros: Int64) {
        if session.addrTokens == nil { session.addrTokens = 1 }
        if session.addrTokensAt == nil { session.addrTokensAt = session.openedAt ?? micros }
    }
}
