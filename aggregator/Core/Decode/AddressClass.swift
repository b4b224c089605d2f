internal import BitcoinP2P

/// Why a peer sent an address entry, judged with the node's own clock as Core does (`domain/views.md`).
enum AddressClass: String {
    /// A getaddr of ours is outstanding.
    case getaddrResponse = "getaddr_response"
    /// The peer's own address.
    case own = "self"
    /// Not asked for, and more than ten entries at once.
    case bulk
    /// At most ten entries, not older than ten minutes: what Core relays.
    case gossip
    /// The rest.
    case stale

    /// Entries above which a message is not gossip.
    static let gossipEntries = 10
    /// Seconds after which Core relays an entry no more.
    static let freshSeconds = 600.0
    /// From so many entries on a message may not be the last answer to our getaddr.
    static let fullMessage = 1000

    /// What the class of a message's entries depends on, taken before the first entry.
    struct Rule {
        let getaddrOutstanding: Bool
        let isFirstOfInbound: Bool
        let entries: Int
        /// The peer's own address, unless it is a name.
        let peer: NetworkAddress?
        /// The node's own idea of now, in seconds since 1970.
        let nodeClock: Double
    }

    /// The class of one entry.
    static func classify(_ rule: Rule, _ address: NetworkAddress, announcedAt: UInt32) -> AddressClass {
        if rule.getaddrOutstanding { return .getaddrResponse }
        if rule.isFirstOfInbound && rule.entries == 1 || rule.peer?.hasSameHost(as: address) == true {
            return .own
        }
        if rule.entries > gossipEntries { return .bulk }
        return Double(announcedAt) > rule.nodeClock - freshSeconds ? .gossip : .stale
    }
}
